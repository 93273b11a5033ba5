"""PURE. The calls that are not over, and the two bounds that they are counted against.

*Waiting* calls are of the present epoch and have an asker who still waits: the adaptive limit
bounds them. *Unfinished* calls are all of them, settling ones included: the hard limit bounds
those. A call that timed out for its asker stops waiting at once, so a hundred hung calls never
keep a recovered circuit shut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Generic, Protocol, TypeVar

from actors.ask import Cause
from actors.breaker import Permit
from actors.messages import Ask

Q = TypeVar("Q")
A = TypeVar("A")


class Cancellable(Protocol):
    """What a call's owner can do to it; trio's ``CancelScope`` is one."""

    deadline: float

    def cancel(self) -> None: ...


@dataclass(slots=True)
class Call(Generic[Q, A]):
    """One call under way.

    ``committed_at`` is when it may first have taken effect. ``judged`` calls have told the
    breaker what they had to tell. ``stalls`` is how many there had been when it began.
    """

    id: int
    permit: Permit
    ask: Ask[Q, A]
    scope: Cancellable
    started_at: float
    stalls: int = 0
    committed_at: float | None = None
    answered: bool = False
    judged: bool = False
    cause: Cause = field(default=Cause.DEADLINE)


class CallBook(Generic[Q, A]):
    """All calls of one actor that are not over. ``hard_max`` bounds them."""

    def __init__(self, hard_max: int) -> None:
        self._hard_max = hard_max
        self._calls: dict[int, Call[Q, A]] = {}
        self._settling: dict[int, Call[Q, A]] = {}
        self._timers: list[tuple[float, int]] = []
        self._epoch = 0
        self._waiting = 0
        self.unanswered = 0
        """The calls whose asker has no reply yet, of whatever epoch."""

    def __iter__(self) -> Iterator[Call[Q, A]]:
        return iter(tuple(self._calls.values()))

    @property
    def unfinished(self) -> int:
        """Every call that is not over."""
        return len(self._calls)

    @property
    def settling(self) -> int:
        """Those of them whose asker has been answered."""
        return len(self._settling)

    @property
    def full(self) -> bool:
        """Whether the hard bound is reached."""
        return len(self._calls) >= self._hard_max

    @property
    def wake_at(self) -> float:
        """When the next timer rings; ``inf`` if none is set."""
        while self._timers and self._timers[0][1] not in self._calls:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else inf

    def waiting(self, epoch: int) -> int:
        """The calls permitted in ``epoch`` whose asker still waits."""
        return self._waiting if epoch == self._epoch else 0

    def add(self, call: Call[Q, A]) -> None:
        """A call begins."""
        if call.permit.epoch != self._epoch:
            self._epoch, self._waiting = call.permit.epoch, 0
        self._waiting += 1
        self.unanswered += 1
        self._calls[call.id] = call

    def get(self, call_id: int) -> Call[Q, A] | None:
        """The call, unless it is over or belongs to an earlier life of the actor."""
        return self._calls.get(call_id)

    def settle(self, call: Call[Q, A]) -> None:
        """The asker has its reply, while the call goes on."""
        self._no_longer_waits(call)
        self._settling[call.id] = call

    def remove(self, call: Call[Q, A]) -> None:
        """The call is over."""
        self._no_longer_waits(call)
        self._settling.pop(call.id, None)
        del self._calls[call.id]

    def crowded_out(self) -> Call[Q, A] | None:
        """The oldest settling call, when such calls fill more than half of the hard bound.

        It is to be cut: from now on it counts as unfinished only. Not before its own time is up:
        cut earlier, it could not tell of a far side that hangs, and impatient askers would hide it.
        """
        if 2 * len(self._settling) <= self._hard_max:
            return None
        oldest = next(iter(self._settling.values()))
        return self._settling.pop(oldest.id) if oldest.judged else None

    def set_timer(self, call: Call[Q, A], at: float) -> None:
        """Look at this call again at ``at``."""
        heappush(self._timers, (at, call.id))

    def due(self, now: float) -> Iterator[Call[Q, A]]:
        """The calls whose timer has rung; timers of calls that are over are dropped."""
        while self._timers and self._timers[0][0] <= now:
            call = self._calls.get(heappop(self._timers)[1])
            if call is not None:
                yield call

    def _no_longer_waits(self, call: Call[Q, A]) -> None:
        if not call.answered:
            call.answered = True
            self.unanswered -= 1
            self._waiting -= call.permit.epoch == self._epoch
