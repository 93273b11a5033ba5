"""What an actor finds in its mailbox: questions from outside, the ends of its own calls, orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from actors.ask import Answered, Reply, ReplySlot
from actors.breaker import Event, Permit
from actors.notices import Snapshot

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Ask(Generic[Q, A]):
    """Make a call for this question. The reply is due by ``deadline`` on the run's clock."""

    question: Q
    deadline: float
    asked_at: float
    slot: ReplySlot[Reply[A]]


@dataclass(frozen=True, slots=True)
class Committed:
    """From now on the call may have taken effect."""

    call_id: int
    at: float


@dataclass(frozen=True, slots=True)
class Finished(Generic[A]):
    """The call ended with an answer."""

    call_id: int
    answer: A


@dataclass(frozen=True, slots=True)
class Stopped:
    """The call was cancelled in this stage of its own, and is over."""

    call_id: int
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The code that makes the call raised."""

    call_id: int
    error: Exception


@dataclass(frozen=True, slots=True)
class ProbeEnded(Generic[A]):
    """The probe is over: an answer, an error, or neither if it was cancelled."""

    permit: Permit
    seconds: float
    answer: Answered[A] | None = None
    error: Exception | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the actor itself ended it."""
        return self.answer is None and self.error is None


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator's order: keep the circuit open or closed until a moment (``inf``: for ever)."""

    event: Event
    until: float
    slot: ReplySlot[Snapshot]


@dataclass(frozen=True, slots=True)
class Release:
    """An operator's order: back to automatic."""

    slot: ReplySlot[Snapshot]


@dataclass(frozen=True, slots=True)
class Drain:
    """Refuse what is new, finish what runs, then leave."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Answer everybody now, by what is known, then leave."""


Order = Hold | Release | Drain | Cut
"""What outlives a crash of the actor."""

Message = Ask[Q, A] | Committed | Finished[A] | Stopped | Failed | ProbeEnded[A] | Order
