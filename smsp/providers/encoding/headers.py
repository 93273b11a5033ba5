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
    return f'"{escaped(spaced(name))}"'


def escaped(value: str) -> str:
    """What goes between double quotes, with a quoted pair where one is needed."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def spaced(value: str) -> str:
    """A value that cannot end its header: control characters become spaces."""
    return "".join(c if c >= " " and c != "\x7f" else " " for c in value)


def name_addr(mailbox: Mailbox) -> str:
    """``"Name" <local@domain>``, or the bare address without a name (RFC 5322 §3.4)."""
    return f"{quoted(mailbox.name)} <{mailbox.address}>" if mailbox.name else mailbox.address


def ascii_name_addr(mailbox: Mailbox, *, before: int = 0) -> str:
    """A mailbox for a header that nobody encodes after us: its name in ASCII (RFC 2047 §5).
    ``before`` is as in :func:`encoded_words`.

    The local part is left as it is: only SMTPUTF8 can carry one that is not ASCII. A name that
    looks encoded is encoded once more, since many readers decode inside quotes, too.
    """
    name = spaced(mailbox.name)
    if not name:
        return mailbox.address
    plain = name.isascii() and "=?" not in name and len(name) <= _QUOTED_NAME_MAX
    phrase = quoted(name) if plain else " ".join(encoded_words(name, before=before))
    return f"{phrase} <{mailbox.address}>"


def encoded(value: str) -> str:
    """A header value in ASCII: as encoded-words (RFC 2047 §2) unless it is ASCII already."""
    return value if value.isascii() else " ".join(encoded_words(value))


def encoded_words(value: str, *, before: int = 0) -> list[str]:
    """The value as encoded-words, whatever it holds. Space between them is not part of it.

    ``before`` is how many characters stand before the first on its line, which is not to have more
    than 76 (RFC 2047 §2).
    """
    return [f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in _chunks(value, before)]


_QUOTED_NAME_MAX = 200
"""Characters: a quoted name may have no space to fold a line at."""

_LINE_CHARACTERS_MAX = 76
_AROUND = len("=?utf-8?b??=")
_CHUNK_BYTES_MAX = 45
"""An encoded-word has at most 75 characters: 12 around the text, and 60 of base64 in it."""
_CHUNK_BYTES_MIN = 12
"""Behind a header's name so long that there is no room for more."""


def _chunks(value: str, before: int) -> Iterator[bytes]:
    """The value in UTF-8, cut where no character is torn apart (RFC 2047 §5)."""
    room = (_LINE_CHARACTERS_MAX - before - _AROUND) // 4 * 3
    bytes_max = max(_CHUNK_BYTES_MIN, min(room, _CHUNK_BYTES_MAX))
    chunk = b""
    for character in value:
        if len(chunk) + len(character.encode()) > bytes_max:
            yield chunk
            chunk, bytes_max = b"", _CHUNK_BYTES_MAX
        chunk += character.encode()
    yield chunk
