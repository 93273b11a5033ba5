"""PURE. The body of a request, whose large parts are encoded only as they are written.

A file becomes base64, a text JSON, a whole message both: each would be one more copy of the same
megabytes, alive for as long as a provider takes. Here a part knows how long it will be, and is
encoded piece by piece whenever somebody goes through the body: to write it, or for its digest.
Pieces are small, since no step may take long, be it in a thread.

Owns the kinds of parts and the size of pieces. Must not know any provider or any format around.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Final, Protocol

import orjson

from smsp.mail import pieces_of

PIECE_BYTES: Final = 64 * 1024
"""The pieces of a body have as many, but for the last."""
LATER_BYTES: Final = 32 * 1024
"""Files of more bytes, and texts of more characters, are encoded when they are written."""

_LINE_BYTES: Final = 57
"""A line of base64 has 76 characters (RFC 2045 §6.8)."""


class Part(Protocol):
    """What is encoded later. Frozen, and the same every time."""

    @property
    def size(self) -> int:
        """How many bytes it will be."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes; no piece takes long to make."""


@dataclass(frozen=True)
class Body:
    """Parts, one after another; plain bytes among them are taken as they are."""

    parts: tuple[bytes | Part, ...] = field(repr=False)

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    @cached_property
    def _size(self) -> int:
        return sum(map(_size, self.parts))

    @cached_property
    def sha256(self) -> str:
        """Its digest, in hexadecimal. The first time it goes through all of the body."""
        digest = sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """The whole body in pieces of ``PIECE_BYTES``."""
        return even(chain.from_iterable(map(_pieces, self.parts)), PIECE_BYTES)


AnyBody = bytes | Body


def joined(parts: Iterable[bytes | Part]) -> AnyBody:
    """The body made of these parts; plain bytes if there is nothing to be encoded later."""
    parts = tuple(parts)
    try:
        return b"".join(parts)  # type: ignore[arg-type] # which is what is tried
    except TypeError:
        return Body(parts)


def parts_of(body: AnyBody) -> tuple[bytes | Part, ...]:
    """The parts that a body is made of."""
    return body.parts if isinstance(body, Body) else (body,)


def pieces(body: AnyBody) -> Iterator[bytes]:
    """Any body in pieces of ``PIECE_BYTES``."""
    return body.pieces() if isinstance(body, Body) else _slices(body, PIECE_BYTES)


def digest_of(body: AnyBody) -> str:
    """The SHA-256 of any body, in hexadecimal."""
    return body.sha256 if isinstance(body, Body) else sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Raw:
    """A file as it is."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Its own."""
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """Of the usual size."""
        return _slices(self.content, PIECE_BYTES)


@dataclass(frozen=True, slots=True)
class Base64:
    """A file in base64, without line breaks."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Four for every three, the last ones filled up."""
        return _base64_size(len(self.content))

    def pieces(self) -> Iterator[bytes]:
        """A multiple of three at a time."""
        return map(b64encode, _slices(self.content, PIECE_BYTES // 4 * 3))


@dataclass(frozen=True, slots=True)
class Base64Body:
    """A body in base64, without line breaks."""

    body: Body

    @property
    def size(self) -> int:
        """Four for every three, the last ones filled up."""
        return _base64_size(len(self.body))

    def pieces(self) -> Iterator[bytes]:
        """A multiple of three at a time."""
        return map(b64encode, even(self.body.pieces(), PIECE_BYTES // 4 * 3))


@dataclass(frozen=True, slots=True)
class Base64Lines:
    """Bytes in base64 with line breaks, as in MIME. ``raw`` gives them anew each time."""

    raw: Callable[[], Iterator[bytes]] = field(repr=False)
    raw_bytes: int

    @property
    def size(self) -> int:
        """With CRLF after each line."""
        return _base64_size(self.raw_bytes) + 2 * -(-self.raw_bytes // _LINE_BYTES)

    def pieces(self) -> Iterator[bytes]:
        """Some hundred lines at a time."""
        for piece in even(self.raw(), 512 * _LINE_BYTES):
            lines = _slices(piece, _LINE_BYTES)
            yield b"".join([b2a_base64(line, newline=False) + b"\r\n" for line in lines])


@dataclass(frozen=True, slots=True)
class Text:
    """A text, encoded piece by piece. ``encode`` must not look beyond a single character."""

    text: str = field(repr=False)
    encode: Callable[[str], bytes]
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Some characters at a time."""
        return map(self.encode, pieces_of(self.text))


def raw(content: bytes) -> bytes | Raw:
    """A file as it is; a large one is not copied."""
    return content if len(content) <= LATER_BYTES else Raw(content)


def utf8(text: str) -> bytes | Part:
    """A text in UTF-8; a long one later."""
    return text.encode() if len(text) <= LATER_BYTES else _text(text, str.encode)


def json_text(text: str) -> str | Text:
    """A text for a value of JSON, a long one for
    :func:`smsp.providers.encoding.json_fields.json_body`."""
    return text if len(text) <= LATER_BYTES else _text(text, _escaped)


def base64_body(body: AnyBody) -> str | Base64Body:
    """A body in base64, for a value of JSON."""
    return Base64Body(body) if isinstance(body, Body) else b64encode(body).decode()


def lines_of(content: bytes) -> Base64Lines:
    """A file in base64 with line breaks."""
    return Base64Lines(lambda: _slices(content, PIECE_BYTES), len(content))


def even(chunks: Iterable[bytes], piece_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size; the last one may be shorter."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        whole = len(held) // piece_bytes * piece_bytes
        yield from _slices(bytes(held[:whole]), piece_bytes)
        del held[:whole]
    if held:
        yield bytes(held)


def _text(text: str, encode: Callable[[str], bytes]) -> Text:
    return Text(text, encode, sum(map(len, map(encode, pieces_of(text)))))


def _escaped(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def _base64_size(raw_bytes: int) -> int:
    return 4 * ((raw_bytes + 2) // 3)


def _size(part: bytes | Part) -> int:
    return len(part) if isinstance(part, bytes) else part.size


def _pieces(part: bytes | Part) -> Iterator[bytes]:
    return _slices(part, PIECE_BYTES) if isinstance(part, bytes) else part.pieces()


def _slices(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))
