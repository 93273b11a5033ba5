"""PURE. Whether a provider can carry a message, by what it says of itself.

Asked before any call, so that a message which a provider would refuse for its shape costs no
attempt and says nothing about the provider's health.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from smsp.mail import Mail
from smsp.outcome import Reason
from smsp.providers.file_types import Fit, fit
from smsp.providers.protocols import Capabilities


def why_not_carried(mail: Mail, limits: Capabilities) -> Reason | None:
    """The first thing about this message that the provider cannot carry, or None."""
    return next((reason for reason, holds in _CHECKS if holds(mail, limits)), None)


def content_bytes(mail: Mail) -> int:
    """The size of bodies and attachments, in bytes, as they would be on a MIME wire (base64)."""
    return mail.content_bytes


def _above(amount: int, bound: int | None) -> bool:
    return bound is not None and amount > bound


def _too_many_recipients(mail: Mail, limits: Capabilities) -> bool:
    return (
        _above(len(mail.to) + len(mail.cc) + len(mail.bcc), limits.recipients_max)
        or _above(len(mail.to), limits.to_max)
        or _above(len(mail.cc), limits.cc_max)
        or _above(len(mail.bcc), limits.bcc_max)
    )


def _needs_smtputf8(mail: Mail) -> bool:
    mailboxes = chain((mail.sender,), mail.to, mail.cc, mail.bcc, mail.reply_to)
    return any(mailbox.needs_smtputf8 for mailbox in mailboxes)


def _text_too_short(mail: Mail, text_min: int | None) -> bool:
    if text_min is None:
        return False
    return any(len(text or "") < text_min for text in (mail.subject, mail.text, mail.html))


def _has_inline(mail: Mail) -> bool:
    return any(part.inline for part in mail.attachments)


def _ascii_headers(mail: Mail) -> bool:
    return all(value.isascii() for value in mail.headers.values())


def _ascii_filenames(mail: Mail) -> bool:
    return all(part.filename.isascii() for part in mail.attachments)


def _contradicts_itself(mail: Mail) -> bool:
    return any(
        fit(part.content_type, part.filename) is Fit.CONTRADICTION for part in mail.attachments
    )


def _file_types_taken(mail: Mail, extensions: frozenset[str] | None) -> bool:
    if extensions is None:
        return True
    return all(part.filename.rpartition(".")[2].lower() in extensions for part in mail.attachments)


def _request_bytes(mail: Mail, limits: Capabilities) -> int:
    if not limits.repeats_to:
        return content_bytes(mail)
    to_bytes = sum(len(str(mailbox).encode()) + _AROUND_MAILBOX_BYTES for mailbox in mail.to)
    return content_bytes(mail) + len(mail.recipients) * to_bytes


_AROUND_MAILBOX_BYTES = 4
"""Quotes around its name, comma and space after it."""

# In the order in which they are told. None is looked at that is not needed, since this is asked for
# each provider.
_CHECKS: tuple[tuple[Reason, Callable[[Mail, Capabilities], bool]], ...] = (
    (Reason.TOO_MANY_RECIPIENTS, _too_many_recipients),
    (Reason.TOO_MANY_REPLY_TO, lambda mail, can: _above(len(mail.reply_to), can.reply_to_max)),
    (Reason.NEEDS_SMTPUTF8, lambda mail, can: not can.smtputf8 and _needs_smtputf8(mail)),
    (Reason.SUBJECT_TOO_LONG, lambda mail, can: _above(len(mail.subject), can.subject_max)),
    (Reason.TEXT_TOO_SHORT, lambda mail, can: _text_too_short(mail, can.text_min)),
    (Reason.NEEDS_HTML, lambda mail, can: can.needs_html and not mail.html),
    (Reason.TOO_MANY_HEADERS, lambda mail, can: _above(len(mail.headers), can.headers_max)),
    (Reason.NEEDS_ASCII_HEADERS, lambda mail, can: can.ascii_headers and not _ascii_headers(mail)),
    (
        Reason.TOO_MANY_ATTACHMENTS,
        lambda mail, can: _above(len(mail.attachments), can.attachments_max),
    ),
    (Reason.NO_INLINE, lambda mail, can: not can.inline and _has_inline(mail)),
    (Reason.FILE_TYPE, lambda mail, can: not _file_types_taken(mail, can.file_extensions)),
    (
        Reason.FILE_TYPE_MISMATCH,
        lambda mail, can: can.fitting_file_types and _contradicts_itself(mail),
    ),
    (
        Reason.NEEDS_ASCII_FILENAMES,
        lambda mail, can: can.ascii_filenames and not _ascii_filenames(mail),
    ),
    (Reason.TOO_LARGE, lambda mail, can: _above(_request_bytes(mail, can), can.bytes_max)),
)
