"""PURE. What became of one message: whom it could go to, who was asked, and what that adds up to.

Knows nothing of circuits, HTTP or time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from smsp.mail.outcome import (
    AttemptRefused,
    Outcome,
    OutcomeWord,
    Reason,
    Result,
    Sent,
    reason_of,
    word,
)

RETRY_AFTER_S_MIN, RETRY_AFTER_S_MAX = 1, 3600

_WEIGHS_NOTHING = frozenset(
    {
        Reason.REFUSED_4XX,
        Reason.SENDER_NOT_ALLOWED,
        # What only the provider itself can tell, once it is asked.
        Reason.HEADER_NOT_TAKEN,
        Reason.HEADERS_TOO_LARGE,
        Reason.TOO_MANY_HEADERS,
        Reason.NEEDS_SMTPUTF8,
        Reason.TOO_MANY_RECIPIENTS,
    }
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A provider that is not asked, and why."""

    provider: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Route:
    """The providers to ask, in order, and those that will not be."""

    names: tuple[str, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one provider's circuit answered, and how long it took."""

    provider: str
    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one message.

    ``attempts`` are in order, refusals included. ``retry_after_s`` is a whole number of seconds,
    1 to 3600, after which some provider may take mail; it is set for ``not_sent``.
    """

    id: UUID
    outcome: OutcomeWord
    attempts: tuple[Attempt, ...]
    route: Route
    retry_after_s: int | None = None
    unsettled: frozenset[str] = frozenset()
    """The providers whose calls go on, and will yet tell how they ended."""

    def with_late(self, late: Mapping[str, Outcome]) -> Dispatched:
        """What became of the message, now that these providers' late outcomes are known."""
        attempts = tuple(
            replace(one, result=late[one.provider]) if one.provider in late else one
            for one in self.attempts
        )
        all_tried = len(attempts) == len(self.route.names)
        outcome = combine(attempts, all_tried=all_tried)
        wait_s = RETRY_AFTER_S_MIN if outcome == "not_sent" else None
        return replace(self, attempts=attempts, outcome=outcome, retry_after_s=wait_s)

    @property
    def sent(self) -> tuple[str, Sent] | None:
        """The provider that took the message, and its answer."""
        for attempt in self.attempts:
            if isinstance(attempt.result, Sent):
                return attempt.provider, attempt.result
        return None

    @property
    def tried(self) -> bool:
        """Whether any provider was called."""
        return any(not isinstance(attempt.result, AttemptRefused) for attempt in self.attempts)


def combine(attempts: Sequence[Attempt], *, all_tried: bool = True) -> OutcomeWord:
    """What a message's attempts add up to: ``sent``, ``unknown``, ``rejected`` or ``not_sent``.

    The first that holds: any sent; any unknown; any rejected, or every eligible circuit
    made an attempt and none of them understood the message well enough to take it
    (``refused_4xx``, ``sender_not_allowed``) or could carry it; else not sent.
    ``all_tried`` is false when an eligible circuit was left out.
    """
    words = {word(attempt.result) for attempt in attempts}
    if "sent" in words:
        return "sent"
    if "unknown" in words:
        return "unknown"
    if "rejected" in words:
        return "rejected"
    nobody_took_it = all(reason_of(attempt.result) in _WEIGHS_NOTHING for attempt in attempts)
    return "rejected" if attempts and all_tried and nobody_took_it else "not_sent"
