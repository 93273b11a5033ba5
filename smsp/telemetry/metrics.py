"""What is counted for Prometheus. Turns notices into numbers; reads circuits when scraped.

Every label has a bounded set of values: provider names, closed lists of words, route patterns,
known methods, statuses. A registry of its own, so that several houses fit into one process.

What has not happened yet is counted as 0 from the start, for every outcome and every provider:
Prometheus' ``increase`` sees a counter grow, and not one that comes into being with its first
burst. Not so where most label sets never come about (moves by reason, requests by status): of a
circuit ``smsp_circuit_state`` tells the same, of a message ``smsp_messages_total``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar, assert_never, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors import (
    SHOWN_STATES,
    CallFailed,
    Crashed,
    Moved,
    Notice,
    Probed,
    Refused,
    Replied,
    Settled,
    Snapshot,
)
from smsp.mail import Submission
from smsp.mail.outcome import Outcome, OutcomeWord, Reason, Result, Sent, word
from smsp.sending.circuit_outcomes import result_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CHILDREN_REMEMBERED = 4096
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT"})
OUTCOMES: tuple[OutcomeWord, ...] = get_args(OutcomeWord)
OF_ATTEMPTS: tuple[str, ...] = (*OUTCOMES, "refused")
OF_PROBES: tuple[str, ...] = (*OUTCOMES, "failed")
"""A probe that failed by a bug of ours has no outcome."""
OF_RECIPIENTS: tuple[str, ...] = (Reason.BAD_RECIPIENT, Reason.SUPPRESSED, Reason.MESSAGE_REFUSED)
"""Why recipients are left out by the providers of ours; others may have reasons of their own."""

C = TypeVar("C", Counter, Histogram)


class Metrics:
    """All counters of one node, with these ``providers``.

    ``snapshots`` gives every circuit's present state, ``ledger`` the keys held and the keys
    forgotten before their time, ``loop_lag_s`` how late a turn of the loop has lately been,
    ``log_lines_dropped`` what the log could not tell.
    """

    def __init__(
        self,
        version: str,
        snapshots: Callable[[], Sequence[Snapshot]],
        ledger: Callable[[], tuple[int, int]],
        loop_lag_s: Callable[[], float] = lambda: 0.0,
        log_lines_dropped: Callable[[], int] = lambda: 0,
        providers: Iterable[str] = (),
    ) -> None:
        # When each label set came into being is nothing to watch, and would be half of the page.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left its types out
        self._registry = CollectorRegistry()
        self._attempts = self._counter("attempts", "Replies of circuits.", "provider", "outcome")
        self._messages = self._counter("messages", "Messages by what became of them.", "outcome")
        self._recipients = self._counter(
            "recipients_refused",
            "Recipients left out of messages that were sent to others.",
            "provider",
            "reason",
        )
        self._moves = self._counter(
            "circuit_transitions", "Moves of circuits.", "provider", "to", "reason"
        )
        self._probes = self._counter("probes", "Probes of open circuits.", "provider", "outcome")
        self._requests = self._counter(
            "http_requests", "HTTP requests answered.", "route", "method", "status"
        )
        self._attempt_seconds = self._histogram(
            "attempt_seconds", "From question to reply, where a call was made.", "provider"
        )
        self._request_seconds = self._histogram(
            "http_request_seconds", "From the head of a request to its answer.", "route"
        )
        present = _Present(version, snapshots, ledger, loop_lag_s, log_lines_dropped)
        self._registry.register(present)
        self._begin_at_zero(providers)

    def observe(self, notice: Notice[Submission, Outcome]) -> None:
        """Count what a circuit reports."""
        match notice:
            case Replied(circuit=name, reply=reply):
                result = result_of(reply)
                self._attempts(name, word(result)).inc()
                if not isinstance(reply, Refused):
                    self._attempt_seconds(name).observe(notice.seconds)
                self._refused(name, result)
            case Settled(circuit=name, reply=reply):
                self._refused(name, result_of(reply))
            case Moved(circuit=name, transition=move):
                self._moves(name, move.target, move.reason).inc()
            case Probed(circuit=name, outcome=outcome):
                self._probes(name, outcome).inc()
            case CallFailed() | Crashed():
                pass  # told by the log; restarts are read from the snapshots
            case _:
                assert_never(notice)

    def message(self, outcome: str) -> None:
        """A caller was told what became of a message."""
        self._messages(outcome).inc()

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered. ``route`` is the pattern, never the path itself."""
        known = route or "(none)"
        self._requests(known, method if method in METHODS else "other", str(status)).inc()
        self._request_seconds(known).observe(seconds)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _begin_at_zero(self, providers: Iterable[str]) -> None:
        for outcome in OUTCOMES:
            self._messages(outcome)
        for name in providers:
            self._attempt_seconds(name)
            for family, words in (
                (self._attempts, OF_ATTEMPTS),
                (self._probes, OF_PROBES),
                (self._recipients, OF_RECIPIENTS),
            ):
                for each in words:
                    family(name, each)

    def _refused(self, name: str, result: Result) -> None:
        if isinstance(result, Sent) and result.refused:
            for reason, count in result.refused.by_reason.items():
                self._recipients(name, reason).inc(count)

    def _counter(self, name: str, meaning: str, *labels: str) -> Callable[..., Counter]:
        return _children(Counter(f"smsp_{name}", meaning, labels, registry=self._registry))

    def _histogram(self, name: str, meaning: str, *labels: str) -> Callable[..., Histogram]:
        return _children(
            Histogram(f"smsp_{name}", meaning, labels, buckets=BUCKETS_S, registry=self._registry)
        )


def _children(family: C) -> Callable[..., C]:
    """What counts for given labels. Remembered: finding it costs more than counting."""
    return lru_cache(maxsize=CHILDREN_REMEMBERED)(family.labels)


class _Present(Collector):
    """What is read when it is asked for, and not counted."""

    def __init__(
        self,
        version: str,
        snapshots: Callable[[], Sequence[Snapshot]],
        ledger: Callable[[], tuple[int, int]],
        loop_lag_s: Callable[[], float],
        log_lines_dropped: Callable[[], int],
    ) -> None:
        self._version = version
        self._snapshots = snapshots
        self._ledger = ledger
        self._loop_lag_s = loop_lag_s
        self._log_lines_dropped = log_lines_dropped

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not read circuits that do not exist yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The state of all circuits, the ledger, the loop, the log and the build."""
        yield from _circuits(self._snapshots())
        keys, forgotten = self._ledger()
        yield GaugeMetricFamily("smsp_ledger_keys", "Idempotency keys held.", value=keys)
        yield CounterMetricFamily(
            "smsp_ledger_forgotten", "Keys forgotten early, to make room.", value=forgotten
        )
        yield GaugeMetricFamily(
            "smsp_loop_lag_seconds",
            "The longest time in the last minute for which nobody looked at what had arrived.",
            value=self._loop_lag_s(),
        )
        yield CounterMetricFamily(
            "smsp_log_lines_dropped",
            "Lines that the log could not tell.",
            value=self._log_lines_dropped(),
        )
        build = GaugeMetricFamily("smsp_build_info", "The running version.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build


def _circuits(snapshots: Sequence[Snapshot]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "smsp_circuit_state", "1 for the state a circuit is in.", labels=["provider", "state"]
    )
    in_flight = GaugeMetricFamily("smsp_in_flight", "Calls that are not over.", labels=["provider"])
    restarts = CounterMetricFamily(
        "smsp_actor_restarts", "Times an actor began anew.", labels=["provider"]
    )
    for snapshot in snapshots:
        for one in SHOWN_STATES:
            state.add_metric([snapshot.name, one], float(snapshot.state is one))
        in_flight.add_metric([snapshot.name], snapshot.in_flight)
        restarts.add_metric([snapshot.name], snapshot.restarts)
    yield from (state, in_flight, restarts)
