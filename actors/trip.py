"""PURE. When enough calls have failed for a circuit to open.

A *rule* is a frozen value that an operator chooses; ``window()`` starts its memory, which is
empty each time the circuit closes. A window learns of each call once and says whether that call
trips the circuit. *What state* the circuit is in is :mod:`actors.breaker`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from actors.windows import Buckets, Ring, Seen

TIMED_CALLS_MIN = 10
"""Over a time window, fewer calls than this say nothing: one failure of two is no rate."""


class Window(Protocol):
    """The memory of one rule since the circuit closed. O(1) a call, bounded."""

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        """Learn of a call that ended at ``now`` after ``seconds`` of the far side's own time; true
        if it trips."""


class TripRule(Protocol):
    """When to trip."""

    def window(self) -> Window:
        """An empty memory."""


@dataclass(frozen=True, slots=True)
class FirstFailure:
    """Any failed call trips. The naive rule, and the default: nothing is lost waiting."""

    def window(self) -> Window:
        return _Consecutive(1)

    def __str__(self) -> str:
        return "first-failure"


@dataclass(frozen=True, slots=True)
class Consecutive:
    """``count`` failed calls in a row trip; one success forgets them. ``count`` is 1 or more."""

    count: int

    def __post_init__(self) -> None:
        _check(self.count >= 1, "count must be 1 or more")

    def window(self) -> Window:
        return _Consecutive(self.count)

    def __str__(self) -> str:
        return f"consecutive:{self.count}"


@dataclass(frozen=True, slots=True)
class FailureRate:
    """``percent`` or more of the last ``calls`` failed; not before there have been so many."""

    percent: float
    calls: int

    def __post_init__(self) -> None:
        _check(0 < self.percent <= 100, "percent must be above 0 and at most 100")
        _check(self.calls >= 1, "calls must be 1 or more")

    def window(self) -> Window:
        return _LastCalls(self.percent, self.calls, slower_than_s=None)

    def __str__(self) -> str:
        return f"rate:{self.percent:g}%/{self.calls}"


@dataclass(frozen=True, slots=True)
class FailureRateOver:
    """``percent`` or more of the calls of the last ``seconds`` failed; not below ten calls."""

    percent: float
    seconds: float

    def __post_init__(self) -> None:
        _check(0 < self.percent <= 100, "percent must be above 0 and at most 100")
        _check(self.seconds > 0, "seconds must be above 0")

    def window(self) -> Window:
        return _LastSeconds(self.percent, self.seconds)

    def __str__(self) -> str:
        return f"rate:{self.percent:g}%/{self.seconds:g}s"


@dataclass(frozen=True, slots=True)
class SlowCalls:
    """``percent`` or more of the last ``calls`` failed or took longer than ``slower_than_s``.

    What counts is the far side's own time, which begins when the call may have taken effect.
    """

    percent: float
    slower_than_s: float
    calls: int

    def __post_init__(self) -> None:
        _check(0 < self.percent <= 100, "percent must be above 0 and at most 100")
        _check(self.slower_than_s > 0, "slower_than_s must be above 0")
        _check(self.calls >= 1, "calls must be 1 or more")

    def window(self) -> Window:
        return _LastCalls(self.percent, self.calls, self.slower_than_s)

    def __str__(self) -> str:
        return f"slow:{self.percent:g}%>{self.slower_than_s:g}s/{self.calls}"


class _Consecutive:
    def __init__(self, count: int) -> None:
        self._count = count
        self._failures_in_a_row = 0

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        return self._failures_in_a_row >= self._count


class _LastCalls:
    def __init__(self, percent: float, calls: int, slower_than_s: float | None) -> None:
        self._percent = percent
        self._slower_than_s = slower_than_s
        self._ring = Ring(calls)

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        slow = self._slower_than_s is not None and seconds > self._slower_than_s
        bad = failed or slow
        self._ring.record(marked=bad)
        # A good call never trips, even if it is the one that fills the ring.
        return bad and self._ring.full and _reaches(self._percent, self._ring.seen)


class _LastSeconds:
    def __init__(self, percent: float, seconds: float) -> None:
        self._percent = percent
        self._buckets = Buckets(seconds)

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        self._buckets.record(marked=failed, now=now)
        seen = self._buckets.seen(now)
        return failed and seen.calls >= TIMED_CALLS_MIN and _reaches(self._percent, seen)


def _reaches(percent: float, seen: Seen) -> bool:
    return 100 * seen.marked >= percent * seen.calls


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
