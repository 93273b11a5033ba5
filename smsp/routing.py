"""PURE. Which providers may take a message, in which order, and when the next one may try."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from smsp.mail import Mail, Mailbox
from smsp.outcome import NotSent, Reason, Refused, Rejected, Result, Sent, Unknown
from smsp.providers.protocols import Capabilities


class Failover(StrEnum):
    """When the same request may go on to the next provider. Past a circuit that refuses: always."""

    OPEN = "open"
    """Only past circuits that refuse."""
    SAFE = "safe"
    """Also after ``not_sent``: the proof is what allows it."""
    ANY = "any"
    """Also after ``unknown``: this may send a message twice."""


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


def route(mail: Mail, providers: Iterable[tuple[str, Capabilities]]) -> Route:
    """The way of one message through the configured providers, in their order."""
    names: list[str] = []
    skipped: list[Skipped] = []
    for name, capabilities in providers:
        reason = why_not(mail, name, capabilities)
        if reason is None:
            names.append(name)
        else:
            skipped.append(Skipped(name, reason))
    return Route(tuple(names), tuple(skipped))


def why_not(mail: Mail, name: str, capabilities: Capabilities) -> Reason | None:
    """Why this provider cannot take this message, or None if it can."""
    if mail.provider not in (None, name):
        return Reason.NOT_PINNED
    recipients_max, bytes_max = capabilities.recipients_max, capabilities.bytes_max
    if recipients_max is not None and len(mail.recipients) > recipients_max:
        return Reason.TOO_MANY_RECIPIENTS
    if bytes_max is not None and content_bytes(mail) > bytes_max:
        return Reason.TOO_LARGE
    if not capabilities.smtputf8 and any(box.needs_smtputf8 for box in _mailboxes(mail)):
        return Reason.NEEDS_SMTPUTF8
    return None


def may_go_on(result: Result, failover: Failover) -> bool:
    """Whether the next provider may be asked after this result."""
    match result:
        case Sent() | Rejected():
            return False
        case Refused():
            return True
        case NotSent():
            return failover is not Failover.OPEN
        case Unknown():
            return failover is Failover.ANY
        case _:
            assert_never(result)


def content_bytes(mail: Mail) -> int:
    """The size of bodies and attachments, in bytes, as they would be on a MIME wire (base64)."""
    bodies = sum(len((body or "").encode()) for body in (mail.text, mail.html))
    return bodies + sum(4 * ((len(part.content) + 2) // 3) for part in mail.attachments)


def _mailboxes(mail: Mail) -> Sequence[Mailbox]:
    return (mail.sender, *mail.recipients, *mail.reply_to)
