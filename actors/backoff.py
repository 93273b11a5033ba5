"""PURE. How long an open circuit waits before its next probe.

``min(cap, base * 2**(level - 1))``. The level rises with each opening and each failed probe and
falls by one for every ``cap`` seconds spent closed, so a circuit that flaps waits longer each
time. Level 1 waits exactly ``base``; above it half of the wait is random (equal jitter), so that
many nodes do not probe in step.
"""

from __future__ import annotations

from random import Random


class Backoff:
    """The wait of one circuit. ``base_s`` and ``cap_s`` are seconds, ``base_s <= cap_s``."""

    def __init__(self, base_s: float, cap_s: float, random: Random, now: float) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random
        self._level = 0
        self._closed_since = now

    def longer(self) -> float:
        """The circuit has opened, or its probe has failed: the seconds to wait before the next."""
        self._level += 1
        return self.same_again()

    def same_again(self) -> float:
        """The wait of the present level, which does not rise."""
        level = max(1, self._level)
        # Past 2**64 the cap has long decided; the bound keeps a week-long outage from overflowing.
        wait_s = min(self._cap_s, self._base_s * 2.0 ** min(level - 1, 64))
        if level == 1:
            return wait_s
        return wait_s / 2.0 + self._random.uniform(0.0, wait_s / 2.0)

    def longest(self) -> float:
        """The wait for a fault that will not pass by itself: the cap, without jitter."""
        return self._cap_s

    def closed(self, now: float) -> None:
        """The circuit has closed: its level begins to decay."""
        self._closed_since = now

    def no_longer_closed(self, now: float) -> None:
        """The circuit has left the closed state, whatever for: what it has earned is credited."""
        caps_spent_closed = int((now - self._closed_since) // self._cap_s)
        self._level = max(0, self._level - caps_spent_closed)
