"""PURE. What trip rules remember: the last calls, or the calls of the last seconds.

Both answer in O(1) a call from a fixed amount of memory. Time is an argument; a window over time
that was idle forgets by itself, since recording and reading both advance it.
"""

from __future__ import annotations

from typing import NamedTuple

BUCKETS = 10
"""The parts of a time window: what is forgotten goes a tenth of the window at a time."""


class Seen(NamedTuple):
    """What a window remembers: how many calls, and how many of them are marked."""

    calls: int
    marked: int


class Ring:
    """The last ``size`` calls, each marked or not."""

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size)
        self._next = 0
        self._calls = 0
        self._marked = 0

    def record(self, *, marked: bool) -> None:
        """A call ended. When the ring is full, the oldest call is forgotten."""
        if self.full:
            self._marked -= self._marks[self._next]
        else:
            self._calls += 1
        self._marks[self._next] = marked
        self._marked += marked
        self._next = (self._next + 1) % len(self._marks)

    @property
    def full(self) -> bool:
        """Whether as many calls as it holds have been seen."""
        return self._calls == len(self._marks)

    @property
    def seen(self) -> Seen:
        """What it remembers."""
        return Seen(self._calls, self._marked)


class Buckets:
    """The calls of about the last ``seconds``: a call is forgotten after between nine tenths of
    that time and the whole of it."""

    def __init__(self, seconds: float) -> None:
        self._width_s = seconds / BUCKETS
        self._each_calls = [0] * BUCKETS
        self._each_marked = [0] * BUCKETS
        self._current = 0
        self._calls = 0
        self._marked = 0

    def record(self, *, marked: bool, now: float) -> None:
        """A call ended at ``now``."""
        self._advance(now)
        slot = self._current % BUCKETS
        self._each_calls[slot] += 1
        self._each_marked[slot] += marked
        self._calls += 1
        self._marked += marked

    def seen(self, now: float) -> Seen:
        """What it remembers at ``now``, which is not what it remembered at the last call."""
        self._advance(now)
        return Seen(self._calls, self._marked)

    def _advance(self, now: float) -> None:
        """Forget what is too old at ``now``; at most all buckets, however long it was idle."""
        reached = int(now // self._width_s)
        for bucket in range(max(self._current, reached - BUCKETS) + 1, reached + 1):
            slot = bucket % BUCKETS
            self._calls -= self._each_calls[slot]
            self._marked -= self._each_marked[slot]
            self._each_calls[slot] = self._each_marked[slot] = 0
        self._current = max(self._current, reached)
