"""PURE. One string of a large JSON text, left where it is until it is known what it is for.

Owns how it is read: piece by piece, so that no single step takes long, whatever is in it. A thread
does not help there: Python runs one thread at a time, and a call into C is one step.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

import orjson

PIECE_BYTES = 128 * 1024
"""So much of a string is read in one step."""
BASE64_PADDED = "must be base64 with its padding"
BASE64_ALPHABET = "must be base64 (the alphabet with + and /, no line breaks)"

_BACKSLASH = 0x5C
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class LongString:
    """What stands between two quotes of ``body``: from ``start``, up to ``end``."""

    body: bytes | bytearray = field(repr=False)
    start: int
    end: int

    def text(self) -> str:
        """The string. Raises ``orjson.JSONDecodeError`` for what JSON does not allow in one."""
        text = ""
        for piece in self.pieces():
            text += piece  # in place, as long as nobody else has it; to join takes one long step
        return text

    def beginning(self) -> str:
        """Its first piece, which is longer than any string may be but a body and a file."""
        return next(self.pieces(), "")

    def base64(self) -> bytes:
        """The bytes it stands for (:func:`decode_base64`)."""
        return decode_base64(self.pieces())

    def pieces(self, piece_bytes: int = PIECE_BYTES) -> Iterator[str]:
        """The string in pieces, no escape and no character torn apart."""
        start = self.start
        while start < self.end:
            cut = self.end
            if cut - start > piece_bytes:
                cut = _cut(self.body, start, start + piece_bytes)
            yield orjson.loads(b'"%b"' % bytes(self.body[start:cut]))
            start = cut


def decode_base64(pieces: Iterable[str]) -> bytes:
    """RFC 4648 §4 with its padding, and nothing else: no line breaks, no URL alphabet.

    Raises ValueError, whose text continues the name of the field.
    """
    decoded = BytesIO()  # which gives out its bytes without a copy
    characters, rest, alphabet = 0, "", True
    for piece in pieces:
        characters += len(piece)
        rest += piece
        # What may be the last four are kept back: only there may be padding.
        whole = max(len(rest) - 1, 0) // 4 * 4
        alphabet = alphabet and _decode(rest[:whole], decoded, padded=False)
        rest = rest[whole:]
    # a2b_base64's strict mode lets padding pass that nothing needs.
    if characters % 4 or rest.endswith("==="):
        raise ValueError(BASE64_PADDED)
    if not (alphabet and _decode(rest, decoded, padded=True)):
        raise ValueError(BASE64_ALPHABET)
    return decoded.getvalue()


def _decode(text: str, to: BytesIO, *, padded: bool) -> bool:
    if not padded and "=" in text:
        return False
    try:
        to.write(a2b_base64(text, strict_mode=True))
    except ValueError:
        return False
    return True


def _cut(body: bytes | bytearray, start: int, cut: int) -> int:
    """Where to cut at or shortly before ``cut``, given that nothing is torn apart at ``start``.

    In a text that no JSON parser would take it may be anywhere behind ``start``: the piece before
    is refused.
    """
    for _ in range(3):
        if body[cut] & 0xC0 == 0x80:  # inside of a character
            cut -= 1
    last = body.rfind(b"\\", max(start, cut - 6), cut)
    if last < 0:
        return cut
    escape = last if _odd_run(body, start, last) else last - 1
    length = 6 if body[escape + 1 : escape + 2] == b"u" else 2
    torn = escape + length > cut
    pair = escape + length == cut and _HIGH_SURROGATE.match(body, escape)
    if torn or pair:
        # A pair of surrogates whose second half is torn goes to the next piece as a whole.
        before = escape - 6
        high = torn and before >= start and _HIGH_SURROGATE.match(body, before)
        cut = before if high and _odd_run(body, start, before) else escape
    return cut if cut > start else start + 1


def _odd_run(body: bytes | bytearray, start: int, at: int) -> bool:
    """Whether the backslash ``at`` begins an escape, after the backslashes before it."""
    run, window = 0, 64
    while True:
        before = body[max(start, at + 1 - window) : at + 1]
        run = len(before) - len(before.rstrip(b"\\"))
        if run < len(before) or len(before) < window:
            return run % 2 == 1
        window *= 16
