"""PURE. What can become of a message at one provider, and who is to blame.

The four outcomes are the promise of SMSP::

    Sent       a provider has taken the message
    Rejected   a provider read the message and refused it
    NotSent    proven: this provider did not take it; another may try
    Unknown    it may or may not have been taken; nobody else may try

Knows nothing of HTTP, circuits or any one provider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Blame(StrEnum):
    """Who is at fault when a message was not surely taken. It decides what a breaker learns."""

    PROVIDER = "provider"
    """Unreachable, broken, too slow: counts by the trip rule."""
    ACCOUNT = "account"
    """Our account there: key, credits, suspension, configuration. Opens the circuit at once."""
    THROTTLE = "throttle"
    """The provider asks for a pause. No fault: the circuit waits, or its limit shrinks."""
    NOBODY = "nobody"
    """Says nothing about the provider."""


class Reason(StrEnum):
    """The closed list of reasons an attempt can end for; safe as a metric label."""

    ACCEPTED = "accepted"
    # rejected: the provider judged the message itself
    BAD_RECIPIENT = "bad_recipient"
    BAD_CONTENT = "bad_content"
    TOO_LARGE = "too_large"
    SUPPRESSED = "suppressed"
    MESSAGE_REFUSED = "message_refused"
    # not sent: before the last byte was handed to the socket
    POOL_WAIT = "pool_wait"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    WRITE_FAILED = "write_failed"
    WRITE_TIMEOUT = "write_timeout"
    SLOW_UPLOAD = "slow_upload"
    INVALID_REQUEST = "invalid_request"
    NO_CREDENTIALS = "no_credentials"
    # not sent: an answer that excludes acceptance
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    SUSPENDED = "suspended"
    NO_CREDITS = "no_credits"
    MISCONFIGURED = "misconfigured"
    UNAVAILABLE = "unavailable"
    FORBIDDEN = "forbidden"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    REFUSED_4XX = "refused_4xx"
    # unknown: after the last byte
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    STILL_RUNNING = "still_running"
    # either, by the phase in which it happened
    DEADLINE = "deadline"
    NO_RESOURCES = "no_resources"
    CUT = "cut"
    ADAPTER_ERROR = "adapter_error"
    CRASHED = "crashed"
    # refused by a circuit: no call was made
    OPEN = "open"
    HELD_OPEN = "held_open"
    FULL = "full"
    DRAINING = "draining"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"
    # skipped before any circuit was asked: this provider cannot carry this message
    NOT_PINNED = "not_pinned"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    TOO_MANY_REPLY_TO = "too_many_reply_to"
    TOO_MANY_HEADERS = "too_many_headers"
    HEADERS_TOO_LARGE = "headers_too_large"
    HEADER_NOT_TAKEN = "header_not_taken"
    TEMPLATE_SYNTAX = "template_syntax"
    TOO_MANY_ATTACHMENTS = "too_many_attachments"
    SUBJECT_TOO_LONG = "subject_too_long"
    TEXT_TOO_SHORT = "text_too_short"
    FILE_TYPE = "file_type"
    FILE_TYPE_MISMATCH = "file_type_mismatch"
    EMPTY_FILE = "empty_file"
    NO_INLINE = "no_inline"
    NEEDS_HTML = "needs_html"
    NEEDS_SMTPUTF8 = "needs_smtputf8"
    NEEDS_ASCII_HEADERS = "needs_ascii_headers"
    NEEDS_ASCII_FILENAMES = "needs_ascii_filenames"
    SENDER_NOT_ROUTED = "sender_not_routed"


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """Somebody who will not get a message that others get; ``detail`` is for the caller only.

    ``address`` is one of the message's own, with its domain in IDNA form.
    """

    address: str
    reason: Reason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRecipients:
    """Whom a provider has left out of a message that it has taken for others.

    ``listed`` are at most ``REFUSED_LISTED_MAX``. ``unlisted`` is how many more there are: above
    that, or not named by the provider. ``unlisted_reason`` is theirs.
    """

    listed: tuple[RefusedRecipient, ...] = ()
    unlisted: int = 0
    unlisted_reason: Reason = Reason.MESSAGE_REFUSED

    @property
    def count(self) -> int:
        """How many recipients were refused."""
        return len(self.listed) + self.unlisted

    @property
    def by_reason(self) -> Mapping[Reason, int]:
        """How many were refused for which reason."""
        counts = Counter(one.reason for one in self.listed)
        counts[self.unlisted_reason] += self.unlisted
        return +counts


REFUSED_LISTED_MAX = 100
NOBODY_REFUSED = RefusedRecipients()
"""The provider's answer proves that it has taken the message for every recipient."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider said it has taken the message, for at least one of its recipients.

    ``message_id`` is its id for it, if any. ``refused`` is ``None`` when the answer does not say
    whether anybody was left out.
    """

    message_id: str | None = None
    refused: RefusedRecipients | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider read the message and refused *it*; ``detail`` is for the caller only."""

    reason: Reason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven: the provider did not take it. ``retry_after_s`` is the pause it asked for."""

    reason: Reason
    blame: Blame
    retry_after_s: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may have taken it. Never tried elsewhere. Blame is PROVIDER or NOBODY."""

    reason: Reason
    blame: Blame = Blame.PROVIDER
    retry_after_s: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRefused:
    """A circuit made no call. Proves nothing about the message, and is no outcome of it."""

    reason: Reason


Outcome = Sent | Rejected | NotSent | Unknown
Result = Outcome | AttemptRefused
OutcomeWord = Literal["sent", "rejected", "not_sent", "unknown"]


def word(result: Result) -> Literal[OutcomeWord, "refused"]:
    """The result's name as callers, logs and metrics spell it."""
    match result:
        case Sent():
            return "sent"
        case Rejected():
            return "rejected"
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"
        case AttemptRefused():
            return "refused"


def reason_of(result: Result) -> Reason:
    """Why; ``accepted`` for a message that was sent."""
    return Reason.ACCEPTED if isinstance(result, Sent) else result.reason
