"""Notices that a run is stuck, says who waits where, and gets it to end.

*Deadlock*: nothing is runnable, and no deadline will change that. *Livelock*: there is no end
to the steps. In both cases the program is cancelled; if that does not help, shields are
lifted; if that does not help either, trio's loop is broken off, so that a test run never hangs.
"""

from __future__ import annotations

import time
from math import inf

import trio
from trio.abc import Instrument
from trio.lowlevel import Task

from actors.testing.schedule import Schedule
from actors.testing.trace import whereabouts
from actors.testing.trio_internals import lift_shields, waits_for_outside

_IDLE_PASSES = 3
_ENDLESS_S = 3600.0
_OUTSIDE_PATIENCE_S = 5.0
_STEPS_TO_UNWIND = 200
_ATTEMPTS = 50


class Stuck(Exception):
    """A run that does not come to an end."""


class Deadlock(Stuck):
    """Nothing can run, and no deadline is pending."""


class Livelock(Stuck):
    """Tasks run without end."""


class Watch(Instrument):
    """The instrument that notices."""

    def __init__(self, schedule: Schedule, max_steps: int) -> None:
        self._schedule = schedule
        self._steps_left = max_steps
        self._max_steps = max_steps
        self._idle_passes = 0
        self._idle_since = 0.0
        self._attempts = 0

    def before_io_wait(self, timeout: float) -> None:
        """Instrument: trio is about to wait for ``timeout`` seconds, 0 if it has better to do."""
        if not self._schedule.alive:
            return  # trio is winding up
        statistics = trio.lowlevel.current_statistics()
        endless = timeout >= _ENDLESS_S
        by_itself = not endless and statistics.seconds_to_next_deadline < inf
        if statistics.tasks_runnable or by_itself:
            self._idle_passes = 0
            return
        if not self._idle_passes:
            self._idle_since = time.monotonic()
        self._idle_passes += 1
        if (endless or self._idle_passes % _IDLE_PASSES == 0) and not self._may_be_woken():
            self._end(Deadlock(self._deadlock(statistics.seconds_to_next_deadline)))
            # trio may be about to wait for hours: make its loop turn once more.
            trio.lowlevel.current_trio_token().run_sync_soon(int)

    def before_task_step(self, task: Task) -> None:
        """Instrument: a task is about to run."""
        if task not in self._schedule.alive:
            return
        self._steps_left -= 1
        if self._steps_left <= 0:
            self._steps_left = _STEPS_TO_UNWIND
            self._end(Livelock(self._livelock()))

    def _may_be_woken(self) -> bool:
        """By a thread or by the operating system, soon."""
        patient = time.monotonic() - self._idle_since < _OUTSIDE_PATIENCE_S
        return patient and any(waits_for_outside(task) for task in self._schedule.alive)

    def _end(self, fault: Stuck) -> None:
        """The first time cancel, then lift the shields, and after many attempts give up."""
        self._schedule.fail(fault)
        self._attempts += 1
        if self._attempts > 1:
            lift_shields(self._schedule.alive)
        self._schedule.abandoned = self._attempts > _ATTEMPTS

    def _deadlock(self, wait: float) -> str:
        why = (
            "no deadline is pending"
            if wait == inf
            else f"the next deadline is {wait:g} s away on a clock that only the test moves"
        )
        places = whereabouts(self._schedule.alive, "waits")
        return f"nothing can run and {why}:{places}"

    def _livelock(self) -> str:
        places = whereabouts(self._schedule.alive, "is")
        return f"still running after {self._max_steps:,} steps:{places}"
