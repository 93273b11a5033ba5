"""PURE. How long an open circuit waits before its next probe.

``min(cap, base * 2**(level - 1))``. The level rises with each opening and each failed probe and
falls by one for every ``cap`` seconds spent closed, so a circuit that flaps waits longer each
time. Level 1 waits exactly ``base``; above it half of the wait, and never more than half of the
cap, is random (equal jitter), so that many nodes do not probe in step.

A probe can pass while real calls fail: no credits are left, or a sandbox takes everything. What
tells so is a *relapse*: a call's fault opens the circuit, and no call has succeeded since a
call's fault opened it last. Which fault it is does not matter: what it disproves is the probe.

=====================================  ==============  ========================================
what happens                           it shows that   and so
=====================================  ==============  ========================================
a call's fault opens the circuit       calls fail      a relapse, if calls were failing already
a call succeeds                        calls succeed   no relapse has been
an operator says so                    calls may       no relapse has been
a probe, a pause, a hold, a crash,     nothing         as before
or time passes
=====================================  ==============  ========================================

After relapses the wait that follows a call's fault is bounded by a *ceiling* in place of the cap,
which each of them doubles up to :data:`CEILING_S_MAX`. A probe that fails costs no call, so the
wait after it stays below the cap. While calls fail, time spent closed earns nothing, for a quiet
circuit has shown nothing.
"""

from __future__ import annotations

from random import Random

CEILING_S_MAX = 900.0
"""The longest wait that relapses lead to, in seconds: four calls an hour learn that calls still
fail, and a far side that is well again is left out for a quarter of an hour at the most. A cap
above it stands as it is."""
FLAPS_MAX = 2
"""So many relapses in a row may be a far side that flaps. From the next one on the level rises by
two: the probe is wrong, and each look at that costs a call."""


class Backoff:
    """The wait of one circuit. ``base_s`` and ``cap_s`` are seconds, ``base_s <= cap_s``."""

    def __init__(self, base_s: float, cap_s: float, random: Random, now: float) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random
        self._level = 0
        self._closed_since = now
        self._calls_fail = False
        """A call's fault opened the circuit, and no call has succeeded since."""
        self._relapses = 0

    @property
    def relapsed(self) -> bool:
        """Whether the last probe that passed was wrong, and no call has succeeded since."""
        return self._relapses > 0

    def longer(self, *, grave: bool = False) -> float:
        """The circuit has opened though no call failed, or its probe has failed: the seconds to
        wait before the next probe. A grave fault waits the cap at once, without jitter."""
        self._level += 1
        return self._cap_s if grave else self.same_again()

    def same_again(self) -> float:
        """The wait of the present level, which does not rise."""
        return self._wait_s(self._cap_s)

    def after_call(self, *, grave: bool = False) -> float:
        """A call's fault has opened the circuit: the same, but below the ceiling."""
        self._relapses += self._calls_fail
        self._calls_fail = True
        self._level += 2 if self._relapses > FLAPS_MAX else 1
        ceiling_s = self._ceiling_s()
        return ceiling_s if grave else self._wait_s(ceiling_s)

    def forgive(self) -> None:
        """A call has succeeded, or an operator knows better: no relapse has been."""
        self._calls_fail = False
        self._relapses = 0

    def closed(self, now: float) -> None:
        """The circuit has closed: its level begins to decay."""
        self._closed_since = now

    def no_longer_closed(self, now: float) -> None:
        """The circuit has left the closed state, whatever for: what it has earned is credited."""
        if self._calls_fail:
            return
        caps_spent_closed = int((now - self._closed_since) // self._cap_s)
        self._level = max(0, self._level - caps_spent_closed)

    def _ceiling_s(self) -> float:
        return max(self._cap_s, min(_doubled(self._cap_s, self._relapses), CEILING_S_MAX))

    def _wait_s(self, bound_s: float) -> float:
        wait_s = min(bound_s, _doubled(self._base_s, max(0, self._level - 1)))
        if self._level <= 1:
            return wait_s
        spread_s = min(wait_s, self._cap_s) / 2.0
        return wait_s - spread_s + self._random.uniform(0.0, spread_s)


def _doubled(seconds: float, times: int) -> float:
    """Past 2**64 any bound has long decided; so a week-long outage does not overflow."""
    return seconds * 2.0 ** min(times, 64)
