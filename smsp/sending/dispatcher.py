"""The way of one message through the circuits: which, in which order, and when to stop.

The only place that decides whether a message may be tried elsewhere. Owns no state: circuits
hold theirs, and what is known of a message is in the value that comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from random import Random
from typing import Literal
from uuid import UUID

import trio

from actors import Circuit, Snapshot, lost_s
from smsp.mail import Mail, Submission
from smsp.mail.outcome import Attempt, AttemptRefused, Outcome, OutcomeWord, Sent, combine
from smsp.sending.circuit_outcomes import goes_on, result_of
from smsp.sending.routing import Candidate, Failover, Route, by_weight, may_go_on, route

RETRY_AFTER_S_MIN, RETRY_AFTER_S_MAX = 1, 3600
HOLD_WITHOUT_END_S = 60
"""What a caller is told to wait for a circuit that only an operator can release, in seconds."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A circuit, and what routing must know of the provider behind it."""

    circuit: Circuit[Submission, Outcome]
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one message.

    ``attempts`` are in order, refusals included. ``retry_after_s`` is a whole number of seconds,
    1 to 3600, after which some provider may take mail; it is set for ``not_sent``.
    """

    id: UUID
    outcome: OutcomeWord
    attempts: tuple[Attempt, ...]
    route: Route
    retry_after_s: int | None = None
    unsettled: frozenset[str] = frozenset()
    """The providers whose calls go on, and will yet tell how they ended."""

    def with_late(self, late: Mapping[str, Outcome]) -> Dispatched:
        """What became of the message, now that these providers' late outcomes are known."""
        attempts = tuple(
            replace(one, result=late[one.provider]) if one.provider in late else one
            for one in self.attempts
        )
        all_tried = len(attempts) == len(self.route.names)
        outcome = combine(attempts, all_tried=all_tried)
        wait_s = RETRY_AFTER_S_MIN if outcome == "not_sent" else None
        return replace(self, attempts=attempts, outcome=outcome, retry_after_s=wait_s)

    @property
    def sent(self) -> tuple[str, Sent] | None:
        """The provider that took the message, and its answer."""
        for attempt in self.attempts:
            if isinstance(attempt.result, Sent):
                return attempt.provider, attempt.result
        return None

    @property
    def tried(self) -> bool:
        """Whether any provider was called."""
        return any(not isinstance(attempt.result, AttemptRefused) for attempt in self.attempts)


class Dispatcher:
    """Puts messages to circuits, in the order of ``destinations`` or, given a ``random``, by the
    weights of their candidates."""

    def __init__(
        self,
        destinations: Mapping[str, Destination],
        failover: Failover,
        random: Random | None = None,
    ) -> None:
        self._destinations = dict(destinations)
        self._failover = failover
        self._random = random

    @property
    def names(self) -> tuple[str, ...]:
        """The providers, in routing order."""
        return tuple(self._destinations)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every circuit's last snapshot, in routing order."""
        return tuple(one.circuit.snapshot for one in self._destinations.values())

    def route(self, mail: Mail) -> Route:
        """Which providers would be asked to take this message, and which not."""
        candidates = [one.candidate for one in self._destinations.values()]
        if self._random is not None:
            candidates = by_weight(candidates, self._random)
        return route(mail, candidates)

    async def order(
        self, name: str, state: Literal["open", "closed", "auto"], for_s: float | None
    ) -> Snapshot:
        """Carry out an operator's order; the snapshot that shows it. ``name`` is a known one."""
        circuit = self._destinations[name].circuit
        if state == "auto":
            return await circuit.release()
        until = inf if for_s is None else trio.current_time() + for_s
        return await circuit.hold(open=state == "open", until=until)

    async def dispatch(self, submission: Submission, *, deadline: float) -> Dispatched:
        """Try to send; never raises for what providers do, and is over by ``deadline``.

        To be called inside a shielded scope: a send that has begun is never forgotten half-way.
        """
        way = self.route(submission.mail)
        attempts: list[Attempt] = []
        unsettled: set[str] = set()
        lost_before_s = lost_s()
        for name in way.names:
            asked_at = trio.current_time()
            if attempts and asked_at + lost_s() - lost_before_s >= deadline:
                break  # The caller's patience went on while our loop, and its clock, stood still.
            reply = await self._destinations[name].circuit.ask(submission, deadline=deadline)
            result = result_of(reply)
            if goes_on(reply):
                unsettled.add(name)
            attempts.append(Attempt(name, result, trio.current_time() - asked_at))
            if not may_go_on(result, self._failover):
                break
        all_tried = len(attempts) == len(way.names)
        outcome = combine(attempts, all_tried=all_tried) if way.names else "rejected"
        retry_after_s = self._retry_after_s(way.names) if outcome == "not_sent" else None
        return Dispatched(
            submission.id, outcome, tuple(attempts), way, retry_after_s, frozenset(unsettled)
        )

    def _retry_after_s(self, names: Sequence[str]) -> int:
        snapshots = [self._destinations[name].circuit.snapshot for name in names]
        return retry_after_s(snapshots, trio.current_time())


def retry_after_s(snapshots: Sequence[Snapshot], now: float) -> int:
    """The earliest moment at which one of these circuits may take mail, in whole seconds."""
    waits_s = [_wait_s(snapshot, now) for snapshot in snapshots]
    soonest_s = ceil(min(waits_s, default=RETRY_AFTER_S_MIN))
    return min(max(soonest_s, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX)


def _wait_s(snapshot: Snapshot, now: float) -> float:
    if snapshot.state in ("closed", "held_closed") or snapshot.probing:
        return 0.0
    if snapshot.due_at is None:
        return HOLD_WITHOUT_END_S
    return snapshot.due_at - now
