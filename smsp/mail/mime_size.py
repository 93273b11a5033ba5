"""PURE. How large a message is once it is in MIME, without putting it into MIME.

Providers bound the message as it is mailed: files in base64 with their line breaks, bodies in their
transfer encoding, headers. What a provider makes of it is its own business, so this errs upwards:
who is told of a message that is too large ends it, while another may have room for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smsp.mail import Attachment, Mail, Mailbox

HEAD_BYTES = 1_000
"""For the headers that every message gets: ids, dates, types, signatures."""
PART_BYTES = 200
"""For the boundary before a part, and for the names of its headers."""


def mime_bytes(mail: Mail) -> int:
    """Bytes, about: not less than :func:`smsp.providers.encoding.mime.build` writes, but of a text
    that is so long that quoted-printable is not tried there."""
    bodies = _body(mail.text or "", mail.text_bytes) + _body(mail.html or "", mail.html_bytes)
    return _around(mail) + bodies


def _around(mail: Mail) -> int:
    """All but the bodies."""
    size = HEAD_BYTES + _header(mail.subject) + _mailbox(mail.sender)
    for mailboxes in (mail.to, mail.cc, mail.reply_to):
        for mailbox in mailboxes:
            size += _mailbox(mailbox)
    for name, value in mail.headers.items():
        size += _header(name) + _header(value)
    for attachment in mail.attachments:
        size += _file(attachment)
    return size


def base64_bytes(size: int) -> int:
    """Base64 in lines of 76 characters, each with CRLF (RFC 2045 §6.8)."""
    return 78 * -(-size // 57)


def _file(attachment: Attachment) -> int:
    filename, content_id = attachment.filename, attachment.content_id or ""
    # Percent-encoded (RFC 2231 §4), where it is not ASCII.
    named = 4 * len(filename.encode()) + len(content_id) + len(attachment.content_type)
    return PART_BYTES + named + base64_bytes(len(attachment.content))


def _body(text: str, size: int) -> int:
    """In quoted-printable or in base64, whichever is shorter (RFC 2045 §6.7), as whoever makes a
    message of it will choose. ``size`` is that of the text in UTF-8."""
    characters = len(text)
    # Each character beyond ASCII has as many bytes more as it has continuation bytes, or fewer.
    escaped = 2 * (size - characters) + text.count("=")
    with_crlf = size + text.count("\n")
    quoted = with_crlf + 2 * escaped
    return PART_BYTES + min(quoted + 3 * (quoted // 73), base64_bytes(with_crlf))


def _mailbox(mailbox: Mailbox) -> int:
    return _header(mailbox.name) + len(mailbox.address.encode()) + len(' "" <>,')


def _header(text: str) -> int:
    """A text, with a fold at each space if need be, or as encoded-words (RFC 2047 §2)."""
    if text.isascii():
        return len(text) + 2 * text.count(" ") + len(": \r\n")
    size = len(text.encode())
    return 4 * -(-size // 3) + len("=?utf-8?b??=\r\n ") * -(-size // 42)
