"""PURE. Whether a provider can carry a message, by what it says of itself.

Asked before any call, so that a message which a provider would refuse for its shape costs no
attempt and says nothing about the provider's health.
"""

from __future__ import annotations

from smsp.mail import Mail, Mailbox
from smsp.outcome import Reason
from smsp.providers.file_types import Fit, fit
from smsp.providers.protocols import Capabilities


def why_not_carried(mail: Mail, limits: Capabilities) -> Reason | None:
    """The first thing about this message that the provider cannot carry, or None."""
    checks = (
        (Reason.TOO_MANY_RECIPIENTS, _too_many_recipients(mail, limits)),
        (Reason.TOO_MANY_REPLY_TO, _above(len(mail.reply_to), limits.reply_to_max)),
        (Reason.NEEDS_SMTPUTF8, not limits.smtputf8 and _needs_smtputf8(mail)),
        (Reason.SUBJECT_TOO_LONG, _above(len(mail.subject), limits.subject_max)),
        (Reason.TEXT_TOO_SHORT, _text_too_short(mail, limits.text_min)),
        (Reason.NEEDS_HTML, limits.needs_html and not mail.html),
        (Reason.TOO_MANY_HEADERS, _above(len(mail.headers), limits.headers_max)),
        (Reason.NEEDS_ASCII_HEADERS, limits.ascii_headers and not _ascii_headers(mail)),
        (Reason.TOO_MANY_ATTACHMENTS, _above(len(mail.attachments), limits.attachments_max)),
        (Reason.NO_INLINE, not limits.inline and any(part.inline for part in mail.attachments)),
        (Reason.FILE_TYPE, not _file_types_taken(mail, limits.file_extensions)),
        (Reason.FILE_TYPE_MISMATCH, limits.fitting_file_types and _contradicts_itself(mail)),
        (Reason.NEEDS_ASCII_FILENAMES, limits.ascii_filenames and not _ascii_filenames(mail)),
        (Reason.TOO_LARGE, _above(content_bytes(mail), limits.bytes_max)),
    )
    return next((reason for reason, holds in checks if holds), None)


def content_bytes(mail: Mail) -> int:
    """The size of bodies and attachments, in bytes, as they would be on a MIME wire (base64)."""
    bodies = sum(len((body or "").encode()) for body in (mail.text, mail.html))
    return bodies + sum(4 * ((len(part.content) + 2) // 3) for part in mail.attachments)


def _above(amount: int, bound: int | None) -> bool:
    return bound is not None and amount > bound


def _too_many_recipients(mail: Mail, limits: Capabilities) -> bool:
    return (
        _above(len(mail.recipients), limits.recipients_max)
        or _above(len(mail.to), limits.to_max)
        or _above(len(mail.cc), limits.cc_max)
        or _above(len(mail.bcc), limits.bcc_max)
    )


def _needs_smtputf8(mail: Mail) -> bool:
    mailboxes: tuple[Mailbox, ...] = (mail.sender, *mail.recipients, *mail.reply_to)
    return any(mailbox.needs_smtputf8 for mailbox in mailboxes)


def _text_too_short(mail: Mail, text_min: int | None) -> bool:
    if text_min is None:
        return False
    return any(len(text or "") < text_min for text in (mail.subject, mail.text, mail.html))


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
