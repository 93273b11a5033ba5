"""PURE. A large JSON text, without what makes it large: its long strings, and white space.

What is left is small enough for any parser, which would make objects of everything in the text
first: 22 MiB of ``{"":0}`` become a gigabyte. Here string is found after string by its quotes, at
the speed of ``memchr``, and nothing is made of them. More strings, or more between them, than any
message has, and the rest is not looked at.

A long string leaves a mark, a string of NUL and a number (:func:`mark_of`), and so that no other
string can be taken for a mark, each that begins with NUL is cut out too. Whether the text is JSON
is for the parser to say: what this makes of a text that is none, is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from smsp.mail.long_string import PIECE_BYTES, LongString

LONG_BYTES: Final = 4096
"""A string of more than these is cut out."""
STRINGS_MAX: Final = 4_000
"""Names and values. A message has 2,656 at most, in 613 members; see the limits of the fields."""
BETWEEN_BYTES_MAX: Final = 16 * 1024
"""Brackets, colons, commas, ``null``."""

_SPACE = re.compile(rb"[ \t\r\n]{2,}+")
_IN_A_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NUL = b"\\u0000"
_MARK = re.compile("\0([0-9]+)")


@dataclass(frozen=True, slots=True)
class Condensed:
    """``text`` with marks for the ``long`` strings."""

    text: bytes
    long: tuple[LongString, ...]

    def find(self, text: str) -> LongString | None:
        """The long string that this string marks, if it is a mark."""
        mark = _MARK.fullmatch(text) if text.startswith("\0") else None
        return None if mark is None else self.long[int(mark[1])]


@dataclass(frozen=True, slots=True)
class TooMany:
    """No message has so much in it. ``text`` is where it began, condensed and cut off."""

    text: bytes


def condense(body: bytes | bytearray) -> Condensed | TooMany:
    """Read through the text once. A string that does not end stands at the end without a quote."""
    kept: list[bytes] = []
    long: list[LongString] = []
    end, between_bytes = -1, 0
    for _ in range(STRINGS_MAX + 1):
        start = body.find(b'"', end + 1)
        gap = _without_space(body, end + 1, len(body) if start < 0 else start)
        between_bytes += len(gap)
        if between_bytes > BETWEEN_BYTES_MAX:
            kept.append(gap[:BETWEEN_BYTES_MAX])
            return TooMany(b"".join(kept))
        kept.append(gap)
        if start < 0:
            return Condensed(b"".join(kept), tuple(long))
        end = _end_of_string(body, start + 1)
        if end < 0:
            kept.append(b'"')
            return Condensed(b"".join(kept), tuple(long))
        if end - start - 1 > LONG_BYTES or body.startswith(_NUL, start + 1):
            kept.append(mark_of(len(long)))
            long.append(LongString(body, start + 1, end))
        else:
            kept.append(bytes(body[start : end + 1]))
    return TooMany(b"".join(kept))


def mark_of(number: int) -> bytes:
    """What stands in the text for a long string; they are counted from 0."""
    return b'"%b%d"' % (_NUL, number)


def _without_space(body: bytes | bytearray, start: int, end: int) -> bytes:
    """What stands between two strings, with one space for several: numbers may not grow together.
    Of very much only the beginning."""
    if end - start <= 2:
        return bytes(body[start:end])
    kept, kept_bytes = list[bytes](), 0
    for at in range(start, end, PIECE_BYTES):
        piece = _SPACE.sub(b" ", bytes(body[at : min(at + PIECE_BYTES, end)]))
        if piece != b" " or kept[-1:] != [b" "]:
            kept.append(piece)
            kept_bytes += len(piece)
        if kept_bytes > BETWEEN_BYTES_MAX:
            break
    return b"".join(kept)


def _end_of_string(body: bytes | bytearray, start: int) -> int:
    """Where the quote is that ends it; -1 if none does."""
    end = body.find(b'"', start)
    if end < 0 or body.find(b"\\", start, end) < 0:
        return end
    at = start
    while at < len(body):
        found = _IN_A_STRING.match(body, at, at + PIECE_BYTES)
        assert found is not None, "it may be empty"
        at = found.end()
        if body[at : at + 1] == b'"':
            return at
        if at == found.start():  # Escapes are whole here, so this one is cut off by the end.
            return -1
    return -1
