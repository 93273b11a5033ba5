"""A circuit's settings, and how its owner reads its own answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from actors.ask import Reply
from actors.trip import FirstFailure, TripRule
from actors.verdict import Verdict

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Config:
    """One circuit's settings; all times in seconds.

    ``timeout_s`` is the far side's time from the moment a call may have taken effect;
    ``settle_s`` how long a call may go on after that; ``probe_s`` a whole probe's time;
    ``base_s`` and ``cap_s`` the shortest and the longest wait before a probe.
    """

    name: str
    timeout_s: float = 2.0
    settle_s: float = 30.0
    probe_s: float = 15.0
    base_s: float = 5.0
    cap_s: float = 60.0
    max_in_flight: int = 256
    mailbox_capacity: int = 256
    trip: TripRule = FirstFailure()  # noqa: RUF009 - a frozen value


class Judge(Protocol[A]):
    """How the owner of a circuit reads its own answers."""

    def verdict(self, answer: A) -> Verdict:
        """What the breaker is to learn from it."""

    def word(self, reply: Reply[A]) -> str:
        """The word under which the snapshot counts it."""
