"""A long string is read piece by piece, to the same end as in one go."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsp.mail.long_string import LongString, decode_base64

PIECE_BYTES_MIN = 16
"""An escaped pair of surrogates has 12, and nothing is torn apart."""

CHARACTERS = st.sampled_from([*'aZ0/+= \\"\b\n\x7f', "é", "中", "😀", "\0", "\u2028"])


def spellings(character):
    """All ways in which JSON may write a character."""
    utf16 = character.encode("utf-16-be").hex()
    escaped = "".join(f"\\u{utf16[at : at + 4]}" for at in range(0, len(utf16), 4))
    short = orjson.dumps(character).decode()[1:-1]
    slash = ["\\/"] if character == "/" else []
    return st.sampled_from([short, escaped, escaped.upper().replace("\\U", "\\u"), *slash])


TEXTS = st.lists(CHARACTERS.flatmap(spellings), max_size=80).map("".join).map(str.encode)
BROKEN = [
    b"\\",
    b"\\x",
    b"\\ud83d",
    b"\\udc00",
    b"\xff",
    b"\x80",
    b"\xf0\x9f\x98",
    b"\x01",
    b"\\u12",
]
SIZES = st.integers(PIECE_BYTES_MIN, 40)


def long_string(text):
    """The text as it stands in a body."""
    return LongString(b'{"a":"' + text + b'"}', 6, 6 + len(text))


@given(TEXTS, SIZES)
def test_the_pieces_are_the_string(text, size):
    """However it is spelt, and wherever it is cut: no escape and no character is torn apart."""
    pieces = list(long_string(text).pieces(size))
    assert "".join(pieces) == orjson.loads(b'"' + text + b'"')
    assert len(pieces) <= 1 + len(text) // (size - 12)


@given(TEXTS, TEXTS, st.sampled_from(BROKEN), SIZES)
@example(b"", b"", b"\x80" * 100, PIECE_BYTES_MIN)
@example(b"", b"n" * 20, b"\\" * 31, PIECE_BYTES_MIN)
def test_what_is_no_string_of_json_is_none_in_pieces(before, after, broken, size):
    """The same is refused as in one go, wherever it stands."""
    text = before + broken + after
    try:
        whole = orjson.loads(b'"' + text + b'"')
    except orjson.JSONDecodeError:
        whole = None
    try:
        pieced = "".join(long_string(text).pieces(size))
    except orjson.JSONDecodeError:
        pieced = None
    assert pieced == whole


def test_a_long_run_of_backslashes_is_cut_between_two_of_them():
    """Whether one of them begins an escape depends on how many stand before it."""
    for backslashes in range(200, 204, 2):
        text = b"\\" * backslashes + b"n" * 10
        assert "".join(long_string(text).pieces(PIECE_BYTES_MIN)) == orjson.loads(
            b'"' + text + b'"'
        )


def test_the_beginning_is_one_piece():
    """No more is read than shows that a string is too long, and that is more than any may have."""
    text = b"\\ud83d\\ude00" * 100_000
    assert 1_000 < len(long_string(text).beginning()) < 20_000
    assert long_string(b"").beginning() == ""


@given(st.binary(max_size=60).map(b64encode), st.binary(max_size=4), st.data())
def test_base64_in_pieces_is_what_it_is_in_one(valid, junk, data):
    """Accepted and refused alike, for the same reason, wherever the pieces end."""
    at = data.draw(st.integers(0, len(valid)))
    junk = data.draw(st.sampled_from([b"", b"", b"=", b"====", b"A", b"\n", b"-", junk]))
    text = (valid[:at] + junk + valid[at:]).decode("latin-1")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert outcome(decode_base64, pieces) == outcome(in_one, text)


def in_one(text):
    """The rule, as the standard library knows it."""
    if len(text) % 4 or text.endswith("==="):
        raise ValueError("must be base64 with its padding")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("must be base64 (the alphabet with + and /, no line breaks)") from None


def outcome(decode, encoded):
    """What comes out, or why nothing does."""
    try:
        return decode(encoded)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("spelling", ["\\/", "\\u002f", "\\u002F"])
def test_base64_may_be_escaped(spelling):
    """PHP escapes the slash, .NET the plus sign: it is the same string."""
    encoded = b64encode(b"\xff" * 300).decode()
    text = encoded.replace("/", spelling).encode()
    assert long_string(text).base64() == b"\xff" * 300
