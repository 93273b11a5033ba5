"""PURE. Whether a provider can carry a message, by what it says of itself.

Asked before any call, so that a message which a provider would refuse for its shape costs no
attempt and says nothing about the provider's health.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from smsp.mail import Mail
from smsp.mail.outcome import Reason
from smsp.providers.file_types import Fit, fit
from smsp.providers.kinds import Capabilities


def why_not_carried(mail: Mail, limits: Capabilities) -> Reason | None:
    """The first thing about this message that the provider cannot carry, or None."""
    return next((reason for reason, holds in _CHECKS if holds(mail, limits)), None)


def _above(amount: int, bound: int | None) -> bool:
    return bound is not None and amount > bound


def _too_many_recipients(mail: Mail, limits: Capabilities) -> bool:
    return (
        _above(len(mail.to) + len(mail.cc) + len(mail.bcc), limits.recipients_max)
        or _above(len(mail.to), limits.to_max)
        or _above(len(mail.cc), limits.cc_max)
        or _above(len(mail.bcc), limits.bcc_max)
    )


def _needs_smtputf8(mail: Mail, limits: Capabilities) -> bool:
    if limits.smtputf8:
        return False
    mailboxes = chain((mail.sender,), mail.to, mail.cc, mail.bcc, mail.reply_to)
    return any(mailbox.needs_smtputf8 for mailbox in mailboxes)


def _text_too_short(mail: Mail, limits: Capabilities) -> bool:
    least = limits.text_min
    if least is None:
        return False
    return any(len(text or "") < least for text in (mail.subject, mail.text, mail.html))


def _template_syntax(mail: Mail, limits: Capabilities) -> bool:
    mark = limits.template_mark
    return mark is not None and any(mark in text for text in _in_headers(mail))


def _in_headers(mail: Mail) -> Iterator[str]:
    """Every text that somebody may read in a header of the message."""
    yield mail.subject
    for name, value in mail.headers.items():
        yield name
        yield value
    yield from map(str, (mail.sender, *mail.to, *mail.cc, *mail.reply_to))


def _header_not_taken(mail: Mail, limits: Capabilities) -> bool:
    refused = limits.headers_refused
    return bool(refused) and any(name.lower() in refused for name in mail.headers)


def _too_many_headers(mail: Mail, limits: Capabilities) -> bool:
    if limits.headers_max is None:
        return False
    fields = limits.header_fields
    kept = sum(
        (pattern := fields.get(name.lower())) is None or pattern.fullmatch(value) is None
        for name, value in mail.headers.items()
    )
    return kept > limits.headers_max


def _headers_too_large(mail: Mail, limits: Capabilities) -> bool:
    if limits.header_bytes_max is None:
        return False
    custom = sum(len(name) + len(value.encode()) for name, value in mail.headers.items())
    reply_to = sum(len(f'"{mailbox}", '.encode()) for mailbox in mail.reply_to)
    return custom + reply_to > limits.header_bytes_max


def _needs_ascii_headers(mail: Mail, limits: Capabilities) -> bool:
    return limits.ascii_headers and not all(value.isascii() for value in mail.headers.values())


def _no_inline(mail: Mail, limits: Capabilities) -> bool:
    return not limits.inline and any(part.inline for part in mail.attachments)


def _file_type(mail: Mail, limits: Capabilities) -> bool:
    extensions = limits.file_extensions
    if extensions is None:
        return False
    return not all(
        part.filename.rpartition(".")[2].lower() in extensions for part in mail.attachments
    )


def _file_type_mismatch(mail: Mail, limits: Capabilities) -> bool:
    return limits.fitting_file_types and any(
        fit(part.content_type, part.filename) is Fit.CONTRADICTION for part in mail.attachments
    )


def _needs_ascii_filenames(mail: Mail, limits: Capabilities) -> bool:
    return limits.ascii_filenames and not all(part.filename.isascii() for part in mail.attachments)


def _empty_file(mail: Mail, limits: Capabilities) -> bool:
    return not limits.empty_files and not all(part.content for part in mail.attachments)


def _too_large(mail: Mail, limits: Capabilities) -> bool:
    if _above(max(mail.text_bytes, mail.html_bytes), limits.body_bytes_max):
        return True
    return _above(_request_bytes(mail, limits), limits.bytes_max)


def _request_bytes(mail: Mail, limits: Capabilities) -> int:
    if not limits.repeats_to:
        return mail.mime_bytes
    to_bytes = sum(len(str(mailbox).encode()) + _AROUND_MAILBOX_BYTES for mailbox in mail.to)
    return mail.mime_bytes + len(mail.recipients) * to_bytes


_AROUND_MAILBOX_BYTES = 4
"""Quotes around its name, comma and space after it."""


_CHECKS: tuple[tuple[Reason, Callable[[Mail, Capabilities], bool]], ...] = (
    (Reason.TOO_MANY_RECIPIENTS, _too_many_recipients),
    (Reason.TOO_MANY_REPLY_TO, lambda mail, can: _above(len(mail.reply_to), can.reply_to_max)),
    (Reason.NEEDS_SMTPUTF8, _needs_smtputf8),
    (Reason.SUBJECT_TOO_LONG, lambda mail, can: _above(len(mail.subject), can.subject_max)),
    (Reason.TEXT_TOO_SHORT, _text_too_short),
    (Reason.NEEDS_HTML, lambda mail, can: can.needs_html and not mail.html),
    (Reason.TEMPLATE_SYNTAX, _template_syntax),
    (Reason.HEADER_NOT_TAKEN, _header_not_taken),
    (Reason.TOO_MANY_HEADERS, _too_many_headers),
    (Reason.HEADERS_TOO_LARGE, _headers_too_large),
    (Reason.NEEDS_ASCII_HEADERS, _needs_ascii_headers),
    (
        Reason.TOO_MANY_ATTACHMENTS,
        lambda mail, can: _above(len(mail.attachments), can.attachments_max),
    ),
    (Reason.NO_INLINE, _no_inline),
    (Reason.FILE_TYPE, _file_type),
    (Reason.FILE_TYPE_MISMATCH, _file_type_mismatch),
    (Reason.NEEDS_ASCII_FILENAMES, _needs_ascii_filenames),
    (Reason.EMPTY_FILE, _empty_file),
    (Reason.TOO_LARGE, _too_large),
)
"""Why not, and whether so, in the order in which they are told. None is looked at that is not
needed, since this is asked for each provider."""
