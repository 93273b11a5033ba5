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
    return '"' + one_line(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_line(value: str) -> str:
    """A value that cannot end its header: control characters become spaces."""
    return "".join(c if c >= " " and c != "\x7f" else " " for c in value)


def name_addr(mailbox: Mailbox) -> str:
    """``"Name" <local@domain>``, or the bare address without a name (RFC 5322 §3.4)."""
    return f"{quoted(mailbox.name)} <{mailbox.address}>" if mailbox.name else mailbox.address


def ascii_name_addr(mailbox: Mailbox) -> str:
    """A mailbox for a header that nobody encodes after us: its name in ASCII (RFC 2047 §5).

    The local part is left as it is: only SMTPUTF8 can carry one that is not ASCII. A name that
    looks encoded is encoded once more, since many readers decode inside quotes, too.
    """
    name = one_line(mailbox.name)
    if not name:
        return mailbox.address
    plain = name.isascii() and "=?" not in name and len(name) <= _QUOTED_NAME_MAX
    phrase = quoted(name) if plain else " ".join(encoded_words(name))
    return f"{phrase} <{mailbox.address}>"


def encoded(value: str) -> str:
    """A header value in ASCII: as encoded-words (RFC 2047 §2) unless it is ASCII already."""
    return value if value.isascii() else " ".join(encoded_words(value))


def encoded_words(value: str) -> list[str]:
    """The value as encoded-words, whatever it holds. Space between them is not part of it."""
    return [f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in _chunks(value)]


_QUOTED_NAME_MAX = 200
"""Characters: a quoted name may have no space to fold a line at."""

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
