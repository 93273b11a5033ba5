"""What an exploration found, as frozen values, and the text that tells of it.

Knows nothing of how schedules are run.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from actors.testing.trace import is_plumbing

_TRACE_LINES_MAX = 60


@dataclass(frozen=True, slots=True)
class FailedSchedule:
    """One schedule that breaks the program. ``str()`` tells the whole story."""

    error: BaseException
    """What the program raised, out of groups of one; or ``Deadlock``, ``Livelock``."""
    token: str
    """Replays the schedule: ``replay(async_fn, token)``."""
    found: str
    """Which schedule it was, and what was done with it since."""
    trace: Sequence[str]
    reproducible: bool = True
    """Whether the same answers led to the same steps again."""

    def __str__(self) -> str:
        replay = f"replay(async_fn, {self.token!r})"
        return f"{summary(self.error)}{_place(self.error)}\n{self.describe(replay)}"

    def describe(self, replay: str, *, whole: bool = False) -> str:
        """All but the error itself; ``replay`` is the line that shows the failure again.

        A long trace is cut in the middle unless the ``whole`` of it is asked for.
        """
        head = [self.found] if self.reproducible else [self.found, _NOT_REPRODUCIBLE]
        trace = self.trace if whole else _middle_cut(self.trace)
        return "\n".join([*head, "", f"    {replay}", "", *trace])


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an exploration."""

    schedules: int
    """How many were run; the replays of a failure are not among them."""
    distinct: int
    """How many different orders of steps they made."""
    seconds: float
    exhausted: bool
    """Whether every schedule within the bound on delays was run (dfs only)."""
    failure: FailedSchedule | None
    seed: str | None
    """Names the strategy that found the failure, such as ``pct:3:60:17``; dfs has none."""
    token: str | None
    """The failing schedule, shrunk."""
    reproducible: bool = True
    """False if something outside the scheduler decides too: threads, sockets, real time."""
    fits: bool = True
    """False if a replayed token asks for more than the program does: it has changed since."""
    trace: Sequence[str] = ()
    """The steps of the failing schedule, or of the replayed one."""

    def __str__(self) -> str:
        speed = self.schedules / max(self.seconds, 1e-9)
        text = f"{self.schedules:,} schedules, {self.distinct:,} distinct, {speed:,.0f}/s"
        text += ", exhausted" if self.exhausted else ""
        text += "" if self.reproducible else ", not reproducible"
        return f"{text}\n{self.failure}" if self.failure is not None else text


def summary(error: BaseException) -> str:
    """Its type and message, as Python prints them last."""
    return "".join(traceback.format_exception_only(error)).rstrip()


def without_plumbing(error: BaseException) -> BaseException:
    """The error, its traceback starting with the first frame of the program."""
    entry: TracebackType | None = error.__traceback__
    while entry is not None and is_plumbing(entry.tb_frame.f_code):
        entry = entry.tb_next
    return error.with_traceback(entry or error.__traceback__)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    places = (f"\n    at {frame.filename}:{frame.lineno}: {frame.line}" for frame in frames)
    return "".join(places)


def _middle_cut(trace: Sequence[str]) -> Sequence[str]:
    if len(trace) <= _TRACE_LINES_MAX:
        return trace
    head, tail = _TRACE_LINES_MAX // 3, _TRACE_LINES_MAX * 2 // 3
    cut = f"    ...  {len(trace) - head - tail} lines are left out; the replay shows them"
    return [*trace[:head], cut, *trace[-tail:]]


_NOT_REPRODUCIBLE = (
    "NOT REPRODUCIBLE: the same schedule took other steps when it was run again. Something\n"
    "outside the scheduler decides too: threads, sockets, real time, random numbers, hash order."
)
