"""PURE. How far an SMTP dialogue had come, what was answered or went wrong, and what that proves.

::

    CONNECTING → GREETING → SECURING → HELLO → AUTH → SENDER → RECIPIENT → DATA → WRITING → WRITTEN
    └───────────────────────────────── not sent ────────────────────────────────────────┘  unknown

A server takes a message by answering 250 to the line that holds a single dot, and does nothing
with one whose dot has not come (RFC 5321 §4.1.1.4). So until that line is handed over nothing was
sent. After it a 4yz or 5yz still excludes acceptance (§4.2.5); silence, a break and nonsense do
not.

Owns both tables: of failures, and of answers. Knows neither sockets nor smtplib.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType

from smsp.mail.outcome import (
    NOBODY_REFUSED,
    Blame,
    NotSent,
    Outcome,
    Reason,
    Rejected,
    Sent,
    Unknown,
)
from smsp.providers.adapters.answers import identifier, presentable
from smsp.providers.redaction import redacted
from smsp.providers.shortage import IN_DOUBT, NO_RESOURCES, is_shortage


class SmtpPhase(Enum):
    """What a dialogue is doing; each but CONNECTING and WRITING ends with an answer."""

    CONNECTING = auto()
    """resolving the name, TCP"""
    GREETING = auto()
    """the server speaks first"""
    SECURING = auto()
    """``STARTTLS`` and the TLS handshake"""
    HELLO = auto()
    """``EHLO``"""
    AUTH = auto()
    """``AUTH``"""
    SENDER = auto()
    """``MAIL FROM``"""
    RECIPIENT = auto()
    """``RCPT TO``, once each"""
    DATA = auto()
    """``DATA``"""
    WRITING = auto()
    """the message; the dot that ends it has not been handed to the socket"""
    WRITTEN = auto()
    """the dot has been"""


class SmtpFailure(Enum):
    """How a phase can end without an answer."""

    BROKEN = auto()
    """the connection broke, or could not be made"""
    TIMED_OUT = auto()
    """nothing moved for as long as a phase may take"""
    NONSENSE = auto()
    """what came is not SMTP, or answers no question of ours"""


class NotSmtp(Exception):
    """What the server says is not SMTP."""


_UNREACHABLE = NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)
_UNREACHED = NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
_INSECURE = NotSent(Reason.TLS_FAILED, Blame.PROVIDER)
_LOST = NotSent(Reason.CONNECTION_LOST, Blame.PROVIDER)
_SILENT = NotSent(Reason.TIMEOUT, Blame.PROVIDER)
_NONSENSE = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)

FAILURES: Mapping[tuple[SmtpPhase, SmtpFailure], Outcome] = MappingProxyType(
    {
        (SmtpPhase.CONNECTING, SmtpFailure.BROKEN): _UNREACHABLE,
        (SmtpPhase.CONNECTING, SmtpFailure.TIMED_OUT): _UNREACHED,
        (SmtpPhase.CONNECTING, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.GREETING, SmtpFailure.BROKEN): _UNREACHABLE,
        (SmtpPhase.GREETING, SmtpFailure.TIMED_OUT): _UNREACHED,
        (SmtpPhase.GREETING, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.SECURING, SmtpFailure.BROKEN): _INSECURE,
        (SmtpPhase.SECURING, SmtpFailure.TIMED_OUT): _UNREACHED,
        (SmtpPhase.SECURING, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.HELLO, SmtpFailure.BROKEN): _LOST,
        (SmtpPhase.HELLO, SmtpFailure.TIMED_OUT): _SILENT,
        (SmtpPhase.HELLO, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.AUTH, SmtpFailure.BROKEN): _LOST,
        (SmtpPhase.AUTH, SmtpFailure.TIMED_OUT): _SILENT,
        (SmtpPhase.AUTH, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.SENDER, SmtpFailure.BROKEN): _LOST,
        (SmtpPhase.SENDER, SmtpFailure.TIMED_OUT): _SILENT,
        (SmtpPhase.SENDER, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.RECIPIENT, SmtpFailure.BROKEN): _LOST,
        (SmtpPhase.RECIPIENT, SmtpFailure.TIMED_OUT): _SILENT,
        (SmtpPhase.RECIPIENT, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.DATA, SmtpFailure.BROKEN): _LOST,
        (SmtpPhase.DATA, SmtpFailure.TIMED_OUT): _SILENT,
        (SmtpPhase.DATA, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.WRITING, SmtpFailure.BROKEN): NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        (SmtpPhase.WRITING, SmtpFailure.TIMED_OUT): NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        (SmtpPhase.WRITING, SmtpFailure.NONSENSE): _NONSENSE,
        (SmtpPhase.WRITTEN, SmtpFailure.BROKEN): Unknown(Reason.CONNECTION_LOST),
        (SmtpPhase.WRITTEN, SmtpFailure.TIMED_OUT): Unknown(Reason.TIMEOUT),
        (SmtpPhase.WRITTEN, SmtpFailure.NONSENSE): Unknown(Reason.BAD_ANSWER),
    }
)
"""What it means that a phase ended without an answer. Complete; a test holds it so."""


def failed(phase: SmtpPhase, error: OSError | NotSmtp) -> Outcome:
    """What an exception in this phase means for the message."""
    match error:
        case TimeoutError():
            return FAILURES[phase, SmtpFailure.TIMED_OUT]
        case OSError() if is_shortage(error):
            return IN_DOUBT if phase is SmtpPhase.WRITTEN else NO_RESOURCES
        case OSError():
            return FAILURES[phase, SmtpFailure.BROKEN]
        case NotSmtp():
            return FAILURES[phase, SmtpFailure.NONSENSE]


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """An answer: its code, and the text of all its lines."""

    code: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


Refusal = Rejected | NotSent | Unknown

_ACCEPTED: Mapping[SmtpPhase, frozenset[int]] = MappingProxyType(
    {
        SmtpPhase.CONNECTING: frozenset(),
        SmtpPhase.GREETING: frozenset({220}),
        SmtpPhase.SECURING: frozenset({220}),
        SmtpPhase.HELLO: frozenset({250}),
        SmtpPhase.AUTH: frozenset({235}),
        SmtpPhase.SENDER: frozenset({250}),
        SmtpPhase.RECIPIENT: frozenset({250, 251}),
        SmtpPhase.DATA: frozenset({354}),
        SmtpPhase.WRITING: frozenset(),
        SmtpPhase.WRITTEN: frozenset({250}),
    }
)
"""The answers that let a dialogue go on (RFC 5321 §4.3.2, RFC 3207 §4, RFC 4954 §6)."""

_BUSY = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)
_NOT_NOW = NotSent(Reason.UNAVAILABLE, Blame.NOBODY)
_FORBIDDEN = NotSent(Reason.FORBIDDEN, Blame.PROVIDER)
_NO_LOGIN = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
_NOT_OUR_SENDER = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_TOO_MANY = NotSent(Reason.TOO_MANY_RECIPIENTS, Blame.NOBODY)
_TOO_LARGE = Rejected(Reason.TOO_LARGE)
_NOT_UNDERSTOOD = NotSent(Reason.REFUSED_4XX, Blame.NOBODY)

_ANY = frozenset(SmtpPhase)
_MESSAGE = frozenset({SmtpPhase.DATA, SmtpPhase.WRITTEN})
_TRANSACTION = frozenset({SmtpPhase.SENDER, SmtpPhase.RECIPIENT}) | _MESSAGE


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """One row: an answer that is known, and what it proves.

    ``codes`` is a regular expression for the code. ``says`` is one that is searched for in the
    text, letter case aside; the text begins with the enhanced code (RFC 3463) if there is one.
    """

    phases: frozenset[SmtpPhase]
    codes: str
    says: str
    outcome: Refusal

    def matches(self, phase: SmtpPhase, reply: SmtpReply) -> bool:
        """Whether this row describes the answer."""
        return (
            phase in self.phases
            and re.fullmatch(self.codes, str(reply.code)) is not None
            and re.search(self.says, reply.text, re.IGNORECASE) is not None
        )


# The first row that matches decides. Where a source is a provider it is Amazon SES, whose SMTP
# replies are listed: https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
_ANSWERS = (
    # "454 Throttling failure: Maximum sending rate exceeded" (SES); "421 4.7.0 Too many …"
    ReplyRule(
        _ANY,
        "4..",
        r"throttl|rate limit|rate exceeded|too many (connections|messages|emails)",
        NotSent(Reason.THROTTLED, Blame.THROTTLE),
    ),
    # The server is about to close the connection, whatever was said (RFC 5321 §3.8).
    ReplyRule(_ANY, "421", "", _BUSY),
    # "530 Authentication required", "530 Must issue a STARTTLS command first" (RFC 4954, 3207)
    ReplyRule(_TRANSACTION, "530", "", _NO_LOGIN),
    # "432 A password transition is needed" (RFC 4954 §6)
    ReplyRule(frozenset({SmtpPhase.AUTH}), "432", "", _NO_LOGIN),
    # "450 4.1.8 Sender address rejected: Domain not found": about the address, not the server
    ReplyRule(frozenset({SmtpPhase.SENDER}), "4..", r"^4\.1\.", _NOT_NOW),
    ReplyRule(frozenset({SmtpPhase.SENDER}), "55[03]", "", _NOT_OUR_SENDER),
    # The size that we declare is above the server's limit (RFC 1870 §6.1).
    ReplyRule(_MESSAGE | {SmtpPhase.SENDER}, "552", "", _TOO_LARGE),
    # "550 5.7.1 Relaying denied", "554 5.7.1 Relay access denied": says nothing of the recipient
    ReplyRule(_TRANSACTION, "55[04]", r"\brelay", _NOT_OUR_SENDER),
    # RFC 5321 §4.5.3.1.10; 552 is what RFC 821 had for it.
    ReplyRule(frozenset({SmtpPhase.RECIPIENT}), "452|552", r"^[45]\.5\.3|too many", _TOO_MANY),
    # About this message's content, or a policy: "451 4.7.1 Greylisted, try again later".
    ReplyRule(frozenset({SmtpPhase.WRITTEN}), "4..", r"^4\.[67]\.", _NOT_NOW),
    # "554 Message rejected: Email address is not verified." (SES)
    ReplyRule(_MESSAGE, "554", r"not verified", _NOT_OUR_SENDER),
    # "554 Message rejected: Sending suspended for this account." (SES)
    ReplyRule(_MESSAGE, "554", r"(suspended|paused) for", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
    # "554 Access denied: User … is not authorized to perform `ses:SendRawEmail` …" (SES)
    ReplyRule(_MESSAGE, "554", r"access denied", _FORBIDDEN),
    ReplyRule(frozenset({SmtpPhase.WRITTEN}), "554", "", Rejected(Reason.MESSAGE_REFUSED)),
)

_BY_CLASS: Mapping[tuple[SmtpPhase, int], Refusal] = MappingProxyType(
    {
        (SmtpPhase.GREETING, 4): _BUSY,
        (SmtpPhase.GREETING, 5): _FORBIDDEN,
        (SmtpPhase.SECURING, 4): _INSECURE,
        (SmtpPhase.SECURING, 5): _INSECURE,
        (SmtpPhase.HELLO, 4): _BUSY,
        (SmtpPhase.HELLO, 5): _FORBIDDEN,
        (SmtpPhase.AUTH, 4): _BUSY,
        (SmtpPhase.AUTH, 5): _NO_LOGIN,
        (SmtpPhase.SENDER, 4): _BUSY,
        (SmtpPhase.SENDER, 5): _NOT_UNDERSTOOD,
        # About one mailbox: it must not shut the way of all others.
        (SmtpPhase.RECIPIENT, 4): _NOT_NOW,
        (SmtpPhase.RECIPIENT, 5): Rejected(Reason.BAD_RECIPIENT),
        (SmtpPhase.DATA, 4): _BUSY,
        (SmtpPhase.DATA, 5): _NOT_UNDERSTOOD,
        (SmtpPhase.WRITTEN, 4): _BUSY,
        (SmtpPhase.WRITTEN, 5): _NOT_UNDERSTOOD,
    }
)
"""What the first digit proves when no row matches. Any other digit is nonsense."""


def goes_on(phase: SmtpPhase, reply: SmtpReply) -> bool:
    """Whether the answer is the one that this phase hopes for."""
    return reply.code in _ACCEPTED[phase]


def refusal(
    phase: SmtpPhase, reply: SmtpReply, secrets: Iterable[str] = (), *, about: str = ""
) -> Outcome:
    """What an answer proves with which a dialogue does not go on.

    ``about`` is what was refused, for the caller. ``secrets`` are taken out of the server's words.
    """
    known = (row.outcome for row in _ANSWERS if row.matches(phase, reply))
    by_class = _BY_CLASS.get((phase, reply.code // 100), FAILURES[phase, SmtpFailure.NONSENSE])
    words = f"{about}: {reply}" if about else str(reply)
    return _explained(next(known, by_class), presentable(words, secrets))


def verdict(reply: SmtpReply, secrets: Iterable[str] = ()) -> Outcome:
    """What the answer to a whole message proves: 250 is sent, and nothing else. ``secrets`` are
    no message's name, whatever the server says.

    To every recipient, since a message is written only after all of them have been accepted.
    """
    if goes_on(SmtpPhase.WRITTEN, reply):
        name = _queue_id(reply.text)
        leaks = name is not None and redacted(name, secrets) != name
        return Sent(None if leaks else name, NOBODY_REFUSED)
    return refusal(SmtpPhase.WRITTEN, reply, secrets)


def _explained(outcome: Outcome, detail: str | None) -> Outcome:
    return outcome if isinstance(outcome, Sent) else replace(outcome, detail=detail)


def _queue_id(text: str) -> str | None:
    """The server's name for the message; it stands in the text, in no agreed form.

    "2.0.0 Ok: queued as 4RkX1v0" (Postfix), "OK id=1rXyzA-0003Ab" (Exim), "Ok 0100018d…" (SES).
    """
    found = re.search(
        r"queued as <?([^\s<>]+)|\bid=<?([^\s<>]+)|^ok (?!id=)(\S+)$", text, re.IGNORECASE
    )
    return None if found is None else identifier(found[1] or found[2] or found[3])
