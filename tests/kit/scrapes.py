"""What a Prometheus has of a node that it scrapes once a minute: the node's own exposition, minute
by minute, as input for ``promtool test rules``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from smsp.telemetry.metrics import Metrics
from tests.kit.web import snapshot

INSTANCE = "smsp-0.example.com:8080"
PROVIDERS = ("mailgun", "sendgrid")


class Scrapes:
    """The series ``named``, from the start of a node with two circuits to its last scrape.

    A test makes things happen between scrapes: to ``metrics``, by ``circuit``, to
    ``lines_dropped``.
    """

    def __init__(self, named: Collection[str]) -> None:
        self._named = {*named, "up"}
        self._scrapes: list[dict[str, float]] = []
        self.start()

    def start(self) -> None:
        """The node's process is a new one: it has counted nothing yet."""
        self._snapshots = {name: snapshot(name) for name in PROVIDERS}
        self.lines_dropped = 0
        self.metrics = Metrics(
            "1.2.3",
            lambda: tuple(self._snapshots.values()),
            lambda: (0, 0),
            log_lines_dropped=lambda: self.lines_dropped,
            providers=PROVIDERS,
        )

    def circuit(self, *names: str, **fields: Any) -> None:
        """These circuits are now so."""
        self._snapshots |= {name: snapshot(name, **fields) for name in names}

    def minutes(self, count: int = 1) -> None:
        """So much time passes, with a scrape at the end of every minute."""
        families = text_string_to_metric_families(self.metrics.exposition().decode())
        scrape = {
            _series(sample.name, **sample.labels): sample.value
            for family in families
            for sample in family.samples
            if sample.name in self._named
        }
        self._scrapes += [scrape | {_series("up"): 1}] * count

    def minutes_in_vain(self, count: int = 1) -> None:
        """So much time passes in which the node does not answer."""
        self._scrapes += [{_series("up"): 0}] * count

    @property
    def scraped(self) -> int:
        """How many scrapes there have been; the first was at minute 0."""
        return len(self._scrapes)

    @property
    def input_series(self) -> list[dict[str, str]]:
        """All of it, as promtool spells it. A series that a scrape has not is stale, as it is for
        Prometheus, and before its first scrape it is not there."""
        return [
            {"series": one, "values": " ".join(self._values(one))}
            for one in dict.fromkeys(name for scrape in self._scrapes for name in scrape)
        ]

    def _values(self, series: str) -> list[str]:
        values = [
            "stale" if (value := scrape.get(series)) is None else str(value)
            for scrape in self._scrapes
        ]
        first = next(at for at, value in enumerate(values) if value != "stale")
        return ["_"] * first + values[first:]


def _series(name: str, **labels: str) -> str:
    told = {"instance": INSTANCE, "job": "smsp", **labels}
    inside = ",".join(f'{label}="{value}"' for label, value in told.items())
    return f"{name}{{{inside}}}"
