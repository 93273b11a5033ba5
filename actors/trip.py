"""PURE. When enough calls have failed for a circuit to open.

A *rule* is a frozen value that an operator chooses; ``window()`` starts its memory, which is
empty each time the circuit closes. A window learns of each call once and says whether that call
trips the circuit. *What state* the circuit is in is :mod:`actors.breaker`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Window(Protocol):
    """The memory of one rule since the circuit closed. O(1) a call, bounded."""

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        """Learn of a call that took ``seconds`` and ended at ``now``; true if it trips."""


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
        if self.count < 1:
            raise ValueError(f"count must be 1 or more, not {self.count}")

    def window(self) -> Window:
        return _Consecutive(self.count)

    def __str__(self) -> str:
        return f"consecutive:{self.count}"


class _Consecutive:
    def __init__(self, count: int) -> None:
        self._count = count
        self._failures_in_a_row = 0

    def record(self, *, failed: bool, seconds: float, now: float) -> bool:
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        return self._failures_in_a_row >= self._count
