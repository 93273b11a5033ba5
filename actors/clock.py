"""A clock for a trio run that does not count the time in which the run's loop stood still.

Each turn of trio's loop asks the system what has arrived, ends what is out of time, and lets run
what can. After a stop (a paused machine, a stolen CPU, a long turn of our own) one such turn finds
everything at once: what arrived meanwhile *and* every deadline that passed meanwhile. An answer
that takes more than one step to its reader would then lose against a deadline that it had met::

    look ─▶ deadlines ─▶ a step of each task ─▶ sleep ─▶ look ─▶ …
    └────────────── a turn ────────────────┘  as meant

So deadlines are held against time in which somebody looked. Four rules:

* Within a turn the clock stands at the time of its look, as libuv's does.
* A turn counts for ``TURN_S_MAX`` at most; a sleep counts for as long as it was meant to be.
* After a turn that was late by more than that, the clock does not move before what had arrived is
  dealt with: before a look finds nothing to do. It is held back by ``HELD_S_MAX`` at most.
* The loop never sleeps for more than ``NAP_S``, so that a stop is seen for what it is.

What is late by more than ``STALL_S`` is a *stall*: a call that has lived through one tells nothing
of its far side by its silence. Time in the world goes on meanwhile, and so does the patience of
whoever lives there: ``lost_s`` is by how much this clock has fallen behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter

import trio

TURN_S_MAX = 0.1
"""A longer turn is late, in seconds."""
STALL_S = 0.5
"""Later than this blames nobody, in seconds."""
HELD_S_MAX = 1.0
"""By how much at most the clock is held back after a turn that was late, in seconds."""
NAP_S = 0.25
"""The longest sleep, in seconds."""
GAPS_KEPT = 1024
WINDOW_S = 60.0
"""For how long, at least, the longest lateness is remembered, in seconds."""


class LoopClock(trio.abc.Clock, trio.abc.Instrument):
    """For one run: ``trio.run(main, clock=LoopClock())``. ``real`` is time in the world."""

    def __init__(self, real: Callable[[], float] = perf_counter) -> None:
        self.stalls = 0
        """How often the loop has been late by more than ``STALL_S``."""
        self.last_stall_s = 0.0
        """How late it was the last time."""
        self._real = real
        self._time = self._shown = self._looked_at = self._slept_at = real()
        self._held = False
        self._gaps: deque[tuple[float, float]] = deque(maxlen=GAPS_KEPT)
        """Where the clock stood when it lost time, and what it had lost in all when it went on."""
        self._stalled = trio.Event()
        self._lag_s = self._lag_before_s = 0.0
        self._window_ends_at = self._time + WINDOW_S

    @property
    def lost_s(self) -> float:
        """How much time in the world has not been counted, in seconds; it only grows."""
        return self._looked_at - self._time

    def ago_s(self, at: float) -> float:
        """How long ago in the world it was ``at`` by this clock; less than 0 for what is to come.
        What is as old as the ``GAPS_KEPT`` last times of lateness is told too young."""
        lost_s = next((lost_s for since, lost_s in reversed(self._gaps) if since < at), 0.0)
        return self._real() - at - lost_s

    @property
    def lag_s(self) -> float:
        """The longest lateness of a turn within the last one to two ``WINDOW_S``."""
        return max(self._lag_s, self._lag_before_s)

    async def stall(self) -> float:
        """Wait for the next stall; its seconds."""
        await self._stalled.wait()
        return self.last_stall_s

    # -- what trio asks of a clock

    def start_clock(self) -> None:
        """The run begins."""
        self._time = self._shown = self._looked_at = self._real()
        trio.lowlevel.add_instrument(self)

    def current_time(self) -> float:
        """The time of the last look, or of the one before a turn that was late."""
        return self._shown

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long to sleep: asked when nothing can run."""
        if self._held:
            return 0.0
        self._slept_at = self._real()
        if self._slept_at - self._looked_at > STALL_S:
            # trio drops an instrument that has raised, out of memory perhaps. This one is time.
            trio.lowlevel.add_instrument(self)
        return min(deadline - self._shown - (self._slept_at - self._looked_at), NAP_S)

    def after_io_wait(self, timeout: float) -> None:
        """What has arrived is known, and deadlines are next. ``timeout`` is the sleep as meant."""
        now = self._real()
        slept_s = min(timeout, now - self._slept_at) if timeout else 0.0
        late_s = now - self._looked_at - slept_s
        self._looked_at = now
        if late_s > TURN_S_MAX:
            self._time += slept_s + TURN_S_MAX
            self._late(late_s)
        else:
            self._time += slept_s + late_s
        if late_s > self._lag_s or now > self._window_ends_at:
            self._remember(late_s, now)
        if not self._held or self._may_go_on():
            self._shown = self._time

    # -- what seldom happens

    def _late(self, late_s: float) -> None:
        self._held = True
        self._gaps.append((self._shown, self.lost_s))
        if late_s > STALL_S:
            self.stalls += 1
            self.last_stall_s = late_s
            self._stalled.set()
            self._stalled = trio.Event()

    def _may_go_on(self) -> bool:
        idle = trio.lowlevel.current_statistics().tasks_runnable == 0
        self._held = not idle and self._time - self._shown < HELD_S_MAX
        return not self._held

    def _remember(self, late_s: float, now: float) -> None:
        if now > self._window_ends_at:
            recent = now - self._window_ends_at < WINDOW_S
            self._lag_before_s = self._lag_s if recent else 0.0
            self._lag_s = 0.0
            self._window_ends_at = now + WINDOW_S
        self._lag_s = max(self._lag_s, late_s)


def stalls() -> int:
    """How often the loop of the present run has stalled; never under a clock that does not tell."""
    clock = loop_clock()
    return 0 if clock is None else clock.stalls


def lost_s() -> float:
    """How much time in the world the present run's clock has left out, in seconds."""
    clock = loop_clock()
    return 0.0 if clock is None else clock.lost_s


def ago_s(at: float) -> float:
    """How long ago in the world it was ``at`` by the present run's clock, in seconds."""
    clock = loop_clock()
    return trio.current_time() - at if clock is None else clock.ago_s(at)


def loop_clock() -> LoopClock | None:
    """The clock of the present run, if it is one that tells."""
    clock = trio.lowlevel.current_clock()
    return clock if isinstance(clock, LoopClock) else None
