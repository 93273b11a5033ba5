"""PURE. How large a message is once it is in MIME, without putting it into MIME.

Providers bound the message as it is mailed: files in base64 with their line breaks, bodies in their
transfer encoding, headers. What a provider makes of it is its own business, so this errs upwards: a
provider that is given too large a message ends it, while another might have had room for it.
"""

from __future__ import annotations

from smsp.mail import Attachment, Mail, Mailbox

HEAD_BYTES = 1_000
"""For the headers that every message gets: ids, dates, types, signatures."""
PART_BYTES = 200
"""For the boundary before a part, and for the names of its headers."""
_CHARACTER_BYTES_MAX = 8
"""Four bytes of UTF-8 in base64 with its line breaks are 5.5, in an encoded-word 7."""


def mime_bytes(mail: Mail) -> int:
    """Bytes, about: not less than :func:`smsp.providers.mime.build` writes."""
    return _around(mail) + _body(mail.text or "") + _body(mail.html or "")


def is_larger(mail: Mail, bytes_max: int) -> bool:
    """Whether it has more bytes than that. Of most messages it is enough to count characters."""
    return _at_most(mail) > bytes_max and mime_bytes(mail) > bytes_max


def _at_most(mail: Mail) -> int:
    """A bound above, from lengths alone: a character is at most so many bytes in MIME."""
    characters = len(mail.text or "") + len(mail.html or "") + len(mail.subject) + 100
    for mailbox in (mail.sender, *mail.to, *mail.cc, *mail.reply_to):
        characters += len(mailbox.name) + len(mailbox.local) + len(mailbox.ascii_domain) + 10
    for name, value in mail.headers.items():
        characters += len(name) + len(value) + 10
    size = HEAD_BYTES + _CHARACTER_BYTES_MAX * characters
    for attachment in mail.attachments:
        filename, content_id = attachment.filename, attachment.content_id or ""
        named = len(attachment.content_type) + 2 * len(filename) + len(content_id)
        size += PART_BYTES + _CHARACTER_BYTES_MAX * named + base64_bytes(len(attachment.content))
    return size


def _around(mail: Mail) -> int:
    """All but the bodies."""
    size = HEAD_BYTES + _header(mail.subject) + _mailbox(mail.sender)
    for mailboxes in (mail.to, mail.cc, mail.reply_to):
        size += sum(map(_mailbox, mailboxes))
    for name, value in mail.headers.items():
        size += _header(name) + _header(value)
    return size + sum(map(_file, mail.attachments))


def base64_bytes(size: int) -> int:
    """Base64 in lines of 76 characters, each with CRLF (RFC 2045 §6.8)."""
    return 78 * -(-size // 57)


def _file(attachment: Attachment) -> int:
    filename, content_id = attachment.filename, attachment.content_id or ""
    # Percent-encoded (RFC 2231 §4), where it is not ASCII.
    named = 4 * len(filename.encode()) + len(content_id) + len(attachment.content_type)
    return PART_BYTES + named + base64_bytes(len(attachment.content))


def _body(text: str) -> int:
    """In quoted-printable or in base64, whichever is shorter (RFC 2045 §6.7)."""
    characters = len(text)
    size = characters if text.isascii() else len(text.encode())
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
