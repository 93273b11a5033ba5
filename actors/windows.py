"""PURE. What trip rules remember: the last calls, or the calls of the last seconds.

Both answer in O(1) a call from a fixed amount of memory. Time is an argument; a window that was
idle forgets by itself, since recording and reading both advance it.
"""

from __future__ import annotations

BUCKETS = 10
"""The parts of a time window: what is forgotten goes a tenth of the window at a time."""


class Ring:
    """The last ``size`` calls, each marked or not."""

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size)
        self._next = 0
        self.calls = 0
        self.marked = 0

    def record(self, *, marked: bool) -> None:
        """A call ended. When the ring is full, the oldest call is forgotten."""
        if self.calls == len(self._marks):
            self.marked -= self._marks[self._next]
        else:
            self.calls += 1
        self._marks[self._next] = marked
        self.marked += marked
        self._next = (self._next + 1) % len(self._marks)

    @property
    def full(self) -> bool:
        """Whether as many calls as it holds have been seen."""
        return self.calls == len(self._marks)


class Buckets:
    """The calls of about the last ``seconds``: a call is forgotten after between nine tenths of
    that time and the whole of it."""

    def __init__(self, seconds: float) -> None:
        self._width_s = seconds / BUCKETS
        self._calls = [0] * BUCKETS
        self._marked = [0] * BUCKETS
        self._current = 0
        self.calls = 0
        self.marked = 0

    def record(self, *, marked: bool, now: float) -> None:
        """A call ended at ``now``."""
        self.advance(now)
        slot = self._current % BUCKETS
        self._calls[slot] += 1
        self._marked[slot] += marked
        self.calls += 1
        self.marked += marked

    def advance(self, now: float) -> None:
        """Forget what is too old at ``now``; at most all buckets, however long it was idle."""
        reached = int(now // self._width_s)
        for bucket in range(max(self._current, reached - BUCKETS) + 1, reached + 1):
            slot = bucket % BUCKETS
            self.calls -= self._calls[slot]
            self.marked -= self._marked[slot]
            self._calls[slot] = self._marked[slot] = 0
        self._current = max(self._current, reached)
