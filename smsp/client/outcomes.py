"""PURE. What a caller is told: the four outcomes as types, what became of a message, and errors.

Callers import these from :mod:`smsp.client`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Message = Mapping[str, object]
"""A message as ``POST /email`` takes it: ``fromaddress``, ``toaddress``, ``subject`` ..."""

AnswerBody = Mapping[str, object]
"""SMSP's whole answer; empty when none came, and when what came was not SMSP's."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one provider: ``reason`` is one of SMSP's words, ``detail`` the provider's own,
    if it had any. ``outcome`` is one of the four, or ``refused`` where no call was made."""

    provider: str
    outcome: str
    reason: str
    seconds: float
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """Somebody who will not get the message; ``reason`` is one of SMSP's words, ``detail`` the
    provider's own, if it had any."""

    address: str
    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A provider has taken the message; ``messageid`` is its own id for it, if it gave one.

    ``refusedrecipients`` are those who will not get it: at most 100, ``()`` if there are none,
    ``None`` if the provider names nobody. ``refusedrecipientscount`` is how many there are, as far
    as the provider says.
    """

    id: str
    provider: str
    messageid: str | None
    answer: AnswerBody
    refusedrecipients: tuple[RefusedRecipient, ...] | None = None
    refusedrecipientscount: int = 0
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message was refused, and will be again unless it is changed."""

    id: str
    message: str
    answer: AnswerBody
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven: this call has not sent it. What an earlier call left in doubt stays in doubt.

    ``retry_after_s`` is when it may be tried again: 1 to 3600 seconds. ``id`` is SMSP's for the
    message, if it got as far as that.
    """

    message: str
    retry_after_s: float
    answer: AnswerBody
    id: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been sent. ``id`` is SMSP's for the message, if SMSP said so itself:
    with it the outcome may be asked for."""

    message: str
    answer: AnswerBody
    id: str | None = None
    attempts: tuple[Attempt, ...] = ()


Outcome = Sent | Rejected | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class Record:
    """What SMSP remembers of a message. ``outcome`` is ``None`` while it is being sent;
    ``settled`` says that nothing more can be learned."""

    id: str
    outcome: Outcome | None
    settled: bool
    answer: AnswerBody


class RequestRefused(Exception):
    """SMSP did not take the request: a wrong key, an invalid message. Trying again changes nothing.

    ``code`` is the stable word for programs.
    """

    def __init__(self, status: int, code: str, message: str, answer: AnswerBody) -> None:
        super().__init__(status, code, message, answer)  # as they are, so that it can be pickled
        self.status = status
        self.code = code
        self.message = message
        self.answer = answer

    def __str__(self) -> str:
        return self.message


class NoAnswer(Exception):
    """What became of a message could not be learned now. It may be asked again at any time."""
