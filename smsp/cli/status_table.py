"""PURE. The circuits as a table for the terminal. Knows nothing of where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from rich.table import Table
from rich.text import Text

from actors import State
from smsp.web.openapi.schemas import Snapshot

_STYLES: Mapping[str, str] = MappingProxyType(
    {
        State.CLOSED: "green",
        State.OPEN: "bold red",
        State.HELD_OPEN: "yellow",
        State.HELD_CLOSED: "yellow",
        State.QUARANTINED: "bold magenta",
    }
)
_LEFT = ("provider", "state", "why", "for", "next probe")
_RIGHT = (
    "in flight",
    "sent",
    "rejected",
    "not sent",
    "unknown",
    "refused",
    "p50",
    "p99",
    "restarts",
)
_NOTHING = "-"
WIDE = 140
"""Characters in a line from which on there is room for every column."""
_NARROW = len(_LEFT) + 2


def table_of(providers: Sequence[Snapshot], now: datetime, *, width: int) -> Table:
    """A row for each circuit, as of the server's time of day ``now``; in a terminal that is not
    ``WIDE``, only the first columns."""
    table = Table(box=None, pad_edge=False)
    columns = (*_LEFT, *_RIGHT) if width >= WIDE else (*_LEFT, *_RIGHT)[:_NARROW]
    for name in columns:
        justify: Literal["left", "right"] = "left" if name in _LEFT else "right"
        table.add_column(name, justify=justify, no_wrap=name != "why")
    for one in providers:
        table.add_row(*_texts_of(one, now)[: len(columns)])
    return table


def _texts_of(one: Snapshot, now: datetime) -> list[Text | str]:
    counts, latency = one.counts, one.latency_seconds
    return [
        Text(one.name, style="bold"),
        Text(one.state.replace("_", " "), style=_STYLES.get(one.state, "")),
        one.reason.replace("_", " "),
        span((now - one.since).total_seconds()),
        _next_probe(one, now),
        f"{one.in_flight - one.settling}/{one.limit}",
        *(
            f"{count:,}"
            for count in (
                counts.sent,
                counts.rejected,
                counts.not_sent,
                counts.unknown,
                counts.refused,
            )
        ),
        _seconds(latency.p50),
        _seconds(latency.p99),
        str(one.restarts),
    ]


def _next_probe(one: Snapshot, now: datetime) -> str:
    if one.state != State.OPEN:
        return _NOTHING
    if one.next_probe_at is None or one.next_probe_at <= now:
        return "now"
    return f"in {span((one.next_probe_at - now).total_seconds())}"


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    s = max(0, round(seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60} s"
    if s < 86_400:
        return f"{s // 3600} h {s % 3600 // 60} min"
    return f"{s // 86_400} d {s % 86_400 // 3600} h"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return _NOTHING
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
