"""PURE. Header syntax that providers ask for inside their fields.

Owns how a mailbox or a text is written where a provider copies its field into a mail header.
Must not know any provider.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from smsp.mail import Mailbox


def quoted(name: str) -> str:
    """A display name as a quoted-string (RFC 5322 §3.2.4), in Unicode (RFC 6532 §3.2)."""
    safe = "".join(c if c >= " " and c != "\x7f" else " " for c in name)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_addr(mailbox: Mailbox) -> str:
    """``"Name" <local@domain>``, or the bare address without a name (RFC 5322 §3.4)."""
    return f"{quoted(mailbox.name)} <{mailbox.address}>" if mailbox.name else mailbox.address


def encoded(value: str) -> str:
    """A header value in ASCII: as encoded-words (RFC 2047 §2) unless it is ASCII already."""
    if value.isascii():
        return value
    return " ".join(f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in _chunks(value))


_CHUNK_BYTES_MAX = 45
"""An encoded-word has at most 75 characters: 12 around the text, and 60 of base64 in it."""


def _chunks(value: str) -> Iterator[bytes]:
    """The value in UTF-8, cut where no character is torn apart (RFC 2047 §5)."""
    chunk = b""
    for character in value:
        if len(chunk) + len(character.encode()) > _CHUNK_BYTES_MAX:
            yield chunk
            chunk = b""
        chunk += character.encode()
    yield chunk
