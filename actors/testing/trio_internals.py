"""Owns every private part of trio that the explorer leans on. All else it uses is public.

``_run._ALLOW_DETERMINISTIC_SCHEDULING`` and ``_run._r``
    With the flag set, each pass of trio's loop sorts its batch of runnable tasks and calls
    ``_r.shuffle(batch)``, then runs the batch from its end. pytest-trio and trio's own support
    of Hypothesis rely on the same two names.
``Runner.runq``
    A task that is taken out of the batch and put back here waits for a later pass.
``Task._cancel_status``
    Only to end a run that is stuck behind a shield.
The names of the files ``_threads.py`` and ``_io_*.py``
    Only to tell a deadlock from a task that waits for a thread or a socket.

A release of trio that changes the first two is found out by ``canary.py``, which counts.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import TypeAlias

from trio._core import _run
from trio.lowlevel import Task

Split: TypeAlias = Callable[[list[Task]], tuple[list[Task], list[Task]]]
"""From the runnable tasks: those that run in this pass, in order, and those that wait."""


@contextlib.contextmanager
def scheduling(split: Split) -> Iterator[None]:
    """Let ``split`` order the tasks of every trio run of this thread inside the block."""
    before = _run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING
    _run._r = _Shuffler(split)
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # trio's own switch, declared Final
    try:
        yield
    finally:
        _run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # as above


def lift_shields(tasks: Iterable[Task]) -> None:
    """Take the shield off every cancel scope around these tasks, so that cancellation arrives."""
    for task in tasks:
        status: _run.CancelStatus | None = task._cancel_status
        while status is not None:
            status._scope.shield = False
            status = status.parent


def waits_for_outside(task: Task) -> bool:
    """Whether a blocked task waits for a thread or for the operating system."""
    return any(_is_outside(frame.f_code.co_filename) for frame, _ in task.iter_await_frames())


def _is_outside(filename: str) -> bool:
    path = PurePath(filename)
    return path.match("trio/_threads.py") or path.match("trio/_core/_io_*.py")


class _Shuffler(random.Random):
    """Stands in for trio's source of randomness, and leaves other threads their dice."""

    def __init__(self, split: Split) -> None:
        super().__init__(0)
        self._split = split
        self._thread = threading.get_ident()

    def shuffle(self, batch: list[Task]) -> None:  # type: ignore[override]  # trio shuffles tasks
        if threading.get_ident() != self._thread:
            super().shuffle(batch)
            return
        now, later = self._split(batch)
        batch[:] = reversed(now)
        if later:
            later[0]._runner.runq.extend(later)
