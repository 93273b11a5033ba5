"""PURE. The circuit breaker: a table, and the values a move carries along.

Two laws make it safe under concurrency:

* only a probe's success closes an open circuit, never a real call;
* the *epoch* grows with every move, a permit carries the epoch it was given in, and a result
  from an older epoch moves nothing.

Time and randomness are arguments. Knows nothing of trio, tasks or messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random
from types import MappingProxyType

from actors.backoff import Backoff
from actors.limit import InFlightLimit
from actors.trip import TripRule
from actors.verdict import Fault, Neutral, Success, Throttled, Verdict

THROTTLE_S_MIN, THROTTLE_S_MAX = 1.0, 3600.0
"""A pause that the far side asks for is kept within these bounds, in seconds."""
TRANSITIONS_KEPT = 64


class State(StrEnum):
    """Where a circuit can be. ``probing`` is an open circuit whose probe is under way."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    HELD_OPEN = "held_open"
    HELD_CLOSED = "held_closed"
    QUARANTINED = "quarantined"

    @property
    def shown(self) -> State:
        """The state for whoever watches, who need not tell probing from open."""
        return State.OPEN if self is State.PROBING else self

    @property
    def takes_calls(self) -> bool:
        """Whether a circuit in this state lets calls through, as far as its limits allow."""
        return self in (State.CLOSED, State.HELD_CLOSED)


SHOWN_STATES = tuple(dict.fromkeys(state.shown for state in State))
"""Every state that is ever seen from outside."""


class Event(StrEnum):
    """What can move a circuit."""

    TRIPPED = "tripped"
    PAUSED = "paused"
    PROBE_DUE = "probe_due"
    PROBE_PASSED = "probe_passed"
    PROBE_FAILED = "probe_failed"
    HELD_OPEN = "hold_open"
    HELD_CLOSED = "hold_closed"
    RELEASED = "released"
    CRASHED = "crashed"
    QUARANTINED = "quarantined"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.CLOSED, Event.TRIPPED): State.OPEN,
        (State.CLOSED, Event.PAUSED): State.OPEN,
        (State.CLOSED, Event.CRASHED): State.OPEN,
        (State.OPEN, Event.PROBE_DUE): State.PROBING,
        (State.OPEN, Event.RELEASED): State.OPEN,
        (State.OPEN, Event.CRASHED): State.OPEN,
        (State.PROBING, Event.PROBE_PASSED): State.CLOSED,
        (State.PROBING, Event.PROBE_FAILED): State.OPEN,
        (State.PROBING, Event.PAUSED): State.OPEN,
        (State.PROBING, Event.CRASHED): State.OPEN,
        (State.HELD_OPEN, Event.RELEASED): State.OPEN,
        (State.HELD_OPEN, Event.CRASHED): State.HELD_OPEN,
        (State.HELD_CLOSED, Event.RELEASED): State.CLOSED,
        (State.HELD_CLOSED, Event.CRASHED): State.HELD_CLOSED,
        (State.QUARANTINED, Event.RELEASED): State.OPEN,
        **{
            (state, event): target
            for state in (
                State.CLOSED,
                State.OPEN,
                State.PROBING,
                State.HELD_OPEN,
                State.HELD_CLOSED,
            )
            for event, target in (
                (Event.HELD_OPEN, State.HELD_OPEN),
                (Event.HELD_CLOSED, State.HELD_CLOSED),
                (Event.QUARANTINED, State.QUARANTINED),
            )
        },
    }
)
"""The machine. A pair that is not here is a bug, and raises."""

_HELD = frozenset({State.HELD_OPEN, State.HELD_CLOSED, State.QUARANTINED})


class InvalidTransition(Exception):
    """A move that is not in the table."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call or one probe, given in this epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One move that can be seen from outside. ``at`` is the breaker's clock, in seconds."""

    at: float
    source: State
    target: State
    reason: str


class Breaker:
    """One circuit's state. Owned by one actor, which passes in the time.

    ``ceiling`` is the largest in-flight limit, ``call_s`` the time a call may take, ``base_s``
    and ``cap_s`` the shortest and longest wait before a probe; all times in seconds.
    """

    def __init__(
        self,
        *,
        trip: TripRule,
        ceiling: int,
        call_s: float,
        base_s: float,
        cap_s: float,
        random: Random,
        now: float,
    ) -> None:
        self.state = State.CLOSED
        self.epoch = 0
        self.since = now
        self.reason = "started"
        self.due_at = inf
        """When the clock alone will move an open or held circuit."""
        self.transitions: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)
        self._untold: list[Transition] = []
        self._trip = trip
        self._window = trip.window()
        self._limit = InFlightLimit(ceiling, call_s, now)
        self._backoff = Backoff(base_s, cap_s, random, now)

    def take_transitions(self) -> list[Transition]:
        """The moves since this was last asked."""
        untold, self._untold = self._untold, []
        return untold

    def limit(self, now: float) -> int:
        """How many calls of this epoch may wait for their answer. After a relapse one call goes
        alone until one has succeeded: what a wrong probe lets through is one call."""
        return 1 if self._alone else self._limit.at(now)

    @property
    def limit_grows_from(self) -> float | None:
        """Since when the limit has grown with time alone; None while it does not."""
        return None if self._alone else self._limit.clean_since

    def admit(self, now: float, waiting: int) -> Permit | str:
        """A permit while the circuit takes calls and fewer than the limit wait; else why not."""
        if not self.state.takes_calls:
            return self.state.shown.value
        return Permit(self.epoch) if waiting < self.limit(now) else "full"

    def record(self, permit: Permit, verdict: Verdict, now: float, seconds: float) -> None:
        """Learn how a permitted call ended. Late results move nothing; a late throttle may
        put off the next probe of an open circuit."""
        if permit.epoch != self.epoch:
            self._record_late(verdict, now)
            return
        match verdict:
            case Success():
                if not verdict.declined:
                    self._backoff.forgive()
                self._limit.success(now)
                self._counted(verdict, now, seconds)
            case Fault():
                (self._limit.congested if verdict.timed_out else self._limit.fault)(now)
                self._counted(verdict, now, seconds)
            case Throttled() if verdict.retry_after_s is not None and self.state is State.CLOSED:
                self._move(Event.PAUSED, verdict.reason, now)
                self.due_at = now + _pause_s(verdict.retry_after_s)
            case Throttled():
                self._limit.congested(now)
            case Neutral():
                pass

    def start_probe(self, now: float) -> Permit:
        """The wait is over: the circuit stays open while its one probe runs."""
        self._move(Event.PROBE_DUE, self.reason, now)
        self.due_at = inf
        return Permit(self.epoch)

    def record_probe(self, permit: Permit, verdict: Verdict, now: float) -> None:
        """Learn how the probe ended. A probe of an older epoch moves nothing."""
        if permit.epoch != self.epoch:
            return
        match verdict:
            case Success():
                self._move(Event.PROBE_PASSED, "probe_passed", now)
            case Throttled() if verdict.retry_after_s is not None:
                self._move(Event.PAUSED, verdict.reason, now)
                self.due_at = now + _pause_s(verdict.retry_after_s)
            case Throttled():
                self._move(Event.PAUSED, verdict.reason, now)
                self.due_at = now + self._backoff.same_again()
            case Neutral(ours=True):
                self._move(Event.PROBE_FAILED, verdict.reason, now)
                self.due_at = now + self._backoff.same_again()
            case Fault() | Neutral():
                self._move(Event.PROBE_FAILED, verdict.reason, now)
                grave = isinstance(verdict, Fault) and verdict.grave
                self._wait(verdict, self._backoff.longer(grave=grave), now)

    def hold(self, event: Event, now: float, until: float = inf) -> None:
        """An operator holds the circuit open or closed, for ever or until a moment."""
        self._move(event, "operator", now)
        self.due_at = until

    def release(self, now: float, reason: str = "operator") -> None:
        """The hold ends: an open one probes at once. Nothing happens to a circuit not held."""
        if self.state in _HELD:
            self._move(Event.RELEASED, reason, now)
            self.due_at = now if self.state is State.OPEN else inf

    def reset(self, now: float) -> None:
        """An operator's order: back to automatic. A hold ends, relapses are forgotten, and an
        open circuit probes at once, however long it was to wait."""
        self._backoff.forgive()
        if self.state is State.OPEN:
            self._move(Event.RELEASED, self.reason, now)
            self.due_at = now
        else:
            self.release(now)

    def crash(self, now: float) -> None:
        """The actor begins anew: open and probing at once, never closed; a hold survives."""
        hold_until = self.due_at
        self._move(Event.CRASHED, "crashed", now)
        self.due_at = now if self.state is State.OPEN else hold_until

    def quarantine(self, now: float, until: float) -> None:
        """The actor crashed too often: no calls and no probes until released."""
        self._move(Event.QUARANTINED, "crashed", now)
        self.due_at = until

    @property
    def _alone(self) -> bool:
        return self._backoff.relapsed and self.state is State.CLOSED

    def _record_late(self, verdict: Verdict, now: float) -> None:
        if self.state is not State.OPEN or not isinstance(verdict, Throttled):
            return
        if verdict.retry_after_s is not None:
            self.due_at = max(self.due_at, now + _pause_s(verdict.retry_after_s))

    def _counted(self, verdict: Success | Fault, now: float, seconds: float) -> None:
        failed = isinstance(verdict, Fault)
        tripped = self._window.record(failed=failed, seconds=seconds, now=now)
        if self.state is not State.CLOSED:
            return
        match verdict:
            case Success() if tripped:
                self._move(Event.TRIPPED, "slow", now)
                self.due_at = now + self._backoff.longer()
            case Fault() if tripped or verdict.grave:
                self._move(Event.TRIPPED, verdict.reason, now)
                self._wait(verdict, self._backoff.after_call(grave=verdict.grave), now)
            case Success() | Fault():
                pass

    def _wait(self, verdict: Fault | Neutral, backoff_s: float, now: float) -> None:
        asked_for_s = verdict.retry_after_s if isinstance(verdict, Fault) else None
        self.due_at = now + max(backoff_s, min(asked_for_s or 0.0, THROTTLE_S_MAX))

    def _move(self, event: Event, reason: str, now: float) -> None:
        source = self.state
        target = TRANSITIONS.get((source, event))
        if target is None:
            raise InvalidTransition(f"{event} in state {source}")
        self.state = target
        self.epoch += 1
        self.due_at = inf
        if target.takes_calls:
            self._window = self._trip.window()
        if target.takes_calls and not source.takes_calls:
            self._limit.narrow(now)
            self._backoff.closed(now)
        if source.takes_calls and not target.takes_calls:
            self._backoff.no_longer_closed(now)
        if source.shown != target.shown:
            self.since = now
            transition = Transition(now, source.shown, target.shown, reason)
            self.transitions.append(transition)
            self._untold.append(transition)
        self.reason = reason


def _pause_s(retry_after_s: float) -> float:
    return min(max(retry_after_s, THROTTLE_S_MIN), THROTTLE_S_MAX)
