"""PURE. How many calls may wait for an answer at once: additive increase, multiplicative decrease.

Slow start after recovery, back-off when throttled and bulkhead are one number. It starts full,
starts at 1 after the circuit has closed, grows by 1 with each success, and halves when a call
times out or the far side throttles. Whatever the traffic, it is full again 30 s after the last
trouble: a quiet node must not stay narrow for want of successes.
"""

from __future__ import annotations

FULL_AFTER_S = 30.0
"""Seconds without a fault after which the limit is full again. Ours: long enough for a recovered
provider to show a relapse, short enough that nobody raises the limit by hand."""


def regained(ceiling: int, clean_since: float, now: float) -> float:
    """What time alone gives back: the limit is never below this, after so long without a fault."""
    return min(float(ceiling), ceiling * (now - clean_since) / FULL_AFTER_S)


class InFlightLimit:
    """The adaptive bound of one circuit, between 1 and ``ceiling``.

    ``interval_s`` is the time a call may take: trouble seen by calls that were under way
    together halves the limit once.
    """

    def __init__(self, ceiling: int, interval_s: float, now: float) -> None:
        self._ceiling = ceiling
        self._interval_s = interval_s
        self._value = float(ceiling)
        self.clean_since = now
        """When the last trouble was: from then on the limit grows with time alone."""
        self._halved_at = float("-inf")

    def at(self, now: float) -> int:
        """The limit in force at ``now``."""
        return int(self._at(now))

    def narrow(self, now: float) -> None:
        """The circuit has just closed: begin at 1."""
        self._value = 1.0
        self.clean_since = now
        self._halved_at = float("-inf")

    def success(self, now: float) -> None:
        """A call succeeded: one more may wait."""
        self._value = min(float(self._ceiling), self._value + 1.0)

    def fault(self, now: float) -> None:
        """A call failed in a way that does not speak of load: the 30 s begin anew."""
        self._value = self._at(now)
        self.clean_since = now

    def congested(self, now: float) -> None:
        """A call timed out or was throttled: halve, at most once per ``interval_s``."""
        self.fault(now)
        if now - self._halved_at >= self._interval_s:
            self._value = max(1.0, self._value / 2.0)
            self._halved_at = now

    def _at(self, now: float) -> float:
        return max(1.0, self._value, regained(self._ceiling, self.clean_since, now))
