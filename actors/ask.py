"""One question, one answer, one deadline.

The asker waits for as long as it takes: only the actor answers, also when time is up. An answer
fits in one slot and is put there once, so the actor never waits for an asker. An asker that is
cancelled leaves its slot behind; the actor sees that and drops the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

import trio

A = TypeVar("A")
T = TypeVar("T")


class Refusal(StrEnum):
    """Why no call was made."""

    OPEN = "open"
    HELD_OPEN = "held_open"
    FULL = "full"
    EXPIRED = "expired"
    DRAINING = "draining"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"
    """The actor is not running: it has crashed and is about to begin anew."""


class Cause(StrEnum):
    """Why a call ended without an answer."""

    TIMEOUT = "timeout"
    """The far side's own time passed after the call had taken effect."""
    DEADLINE = "deadline"
    """The asker's patience ended first."""
    CUT = "cut"
    """The actor was told to stop, or stopped."""
    FAILED = "failed"
    """The code that makes the call raised: a bug, or the actor crashed under it."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """The call ended by itself."""

    answer: A


@dataclass(frozen=True, slots=True)
class Refused:
    """No call was made. ``retry_at`` is when one might be, on the run's clock, if that is known."""

    reason: Refusal
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call began and no answer came in time.

    ``committed`` tells whether it may have taken effect. If not, it never will: it is over,
    and nothing of it is written afterwards. ``stage`` is where it was cut short, in the call's
    own word, if it was and had one.
    """

    cause: Cause
    committed: bool
    stage: str = ""


Reply = Answered[A] | Refused | Unanswered


class _Pending:
    """The type of an empty slot."""


_PENDING: Final = _Pending()


class ReplySlot(Generic[T]):
    """Room for one answer, filled once by the actor and read once by the asker.

    A cancelled asker makes it ``abandoned``. If the answer came first it is returned, even
    when a deadline has passed meanwhile: what is in hand is never thrown away.
    """

    __slots__ = ("_task", "_value", "abandoned", "decided")

    def __init__(self) -> None:
        self._value: T | _Pending = _PENDING
        self._task: trio.lowlevel.Task | None = None
        self.abandoned = False
        self.decided = False
        """Set by the actor once it knows what it will answer."""

    def put(self, value: T) -> None:
        """Answer. A second answer is a bug in the actor, and raises."""
        if not isinstance(self._value, _Pending):
            raise RuntimeError("a question was answered twice")
        self._value = value
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    async def wait(self) -> T:
        """The answer, as soon as there is one."""
        if isinstance(self._value, _Pending):
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        assert not isinstance(self._value, _Pending)
        return self._value

    def _leave(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        self.abandoned = True
        return trio.lowlevel.Abort.SUCCEEDED
