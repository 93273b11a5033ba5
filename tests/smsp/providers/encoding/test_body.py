"""The body of a request, encoded as it is written: the same bytes, of a length known before."""

from __future__ import annotations

from base64 import b64decode, b64encode, encodebytes
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTPUTF8
from hashlib import sha256

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment
from smsp.providers.encoding.body import (
    LATER_BYTES,
    PIECE_BYTES,
    Base64,
    Base64Body,
    Body,
    Raw,
    base64_body,
    digest_of,
    even,
    joined,
    json_text,
    lines_of,
    parts_of,
    pieces,
    raw,
    utf8,
)
from tests.kit.mails import mailbox, send
from tests.smsp.providers.adapters.test_adapters import ADAPTERS

SIZES = [0, 1, 2, 3, 56, 57, 58, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 200_003]
TEXT = 'Grüße, "😀"\\\n\t\x01<&>' * 9_000


def content(size):
    """So many bytes, not all alike."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def lines(data):
    """Base64 as MIME has it, by the standard library."""
    return encodebytes(data).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("part_of", "encoded"),
    [
        (Raw, bytes),
        (Base64, b64encode),
        (lines_of, lines),
        (
            lambda data: Base64Body(Body((lines_of(data), Raw(data)))),
            lambda d: b64encode(lines(d) + d),
        ),
    ],
    ids=["as it is", "base64", "lines", "base64 of a body"],
)
def test_a_part_is_what_it_says(size, part_of, encoded):
    """The same as in one go; as long as it said; and in the same pieces each time."""
    data = content(size)
    part = part_of(data)
    whole = encoded(data)
    for _ in range(2):
        assert b"".join(part.pieces()) == whole
    assert part.size == len(whole)
    assert max(map(len, part.pieces()), default=0) <= PIECE_BYTES


@pytest.mark.parametrize(
    ("part_of", "encoded"),
    [(utf8, str.encode), (json_text, lambda text: orjson.dumps(text)[1:-1])],
    ids=["UTF-8", "JSON"],
)
def test_a_long_text_is_encoded_later(part_of, encoded):
    """The same as in one go, and a short one is at once."""
    part = part_of(TEXT)
    assert b"".join(part.pieces()) == encoded(TEXT)
    assert part.size == len(encoded(TEXT))
    assert isinstance(part_of("é" * LATER_BYTES), str | bytes)
    assert not isinstance(part_of("é" * (LATER_BYTES + 1)), str | bytes)


def test_a_body_is_written_in_pieces_of_one_size():
    """Whatever its parts, since each piece has its time."""
    data = content(100_000)
    body = joined([b"<", Base64(data), b"|" * 100_000, Raw(data), *[b"a", Raw(b"b")] * 300, b">"])
    assert isinstance(body, Body)
    whole = b"<" + b64encode(data) + b"|" * 100_000 + data + b"ab" * 300 + b">"
    assert bytes(body) == whole
    assert len(body) == len(whole)
    assert digest_of(body) == body.sha256 == sha256(whole).hexdigest()
    assert [len(piece) for piece in pieces(body)][:-1] == [PIECE_BYTES] * (
        len(whole) // PIECE_BYTES
    )
    assert body == joined(body.parts)


def test_plain_bytes_are_a_body_as_well():
    """Of a small message nothing is left for later; somebody else's adapter knows no parts."""
    assert joined([b"a", b"b"]) == b"ab"
    assert parts_of(b"ab") == (b"ab",)
    assert list(pieces(b"")) == []
    assert list(map(len, pieces(content(PIECE_BYTES + 1)))) == [PIECE_BYTES, 1]
    assert digest_of(b"ab") == sha256(b"ab").hexdigest()
    assert base64_body(b"ab") == "YWI="
    assert raw(b"ab") == b"ab"


@given(st.lists(st.binary(max_size=9)), st.integers(1, 7))
def test_even_pieces_are_the_same_bytes(chunks, size):
    """However they come."""
    cut = list(even(chunks, size))
    assert b"".join(cut) == b"".join(chunks)
    assert {len(piece) for piece in cut[:-1]} <= {size}
    assert all(cut)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_no_large_value_is_encoded_before_it_is_written(kind):
    """Every adapter leaves files and texts where they are: its request takes no memory of their
    size, and is the same each time it is gone through."""
    file = Attachment("big.pdf", "application/pdf", content(500_000))
    message = send(subject="Many files", text=TEXT, html=TEXT, attachments=(file,))
    body = ADAPTERS[kind].encode(message).body
    assert isinstance(body, Body)
    at_once = sum(len(part) for part in body.parts if isinstance(part, bytes))
    assert at_once < 4_000
    assert len(bytes(body)) == len(body)
    assert bytes(body) == bytes(body)
    assert file.content in files_in(kind, bytes(body))
    assert texts_in(kind, bytes(body)) >= {TEXT}


def message_in(body):
    """The MIME message in a request to SES."""
    data = orjson.loads(body)["Content"]["Raw"]["Data"]
    return message_from_bytes(b64decode(data), policy=SMTPUTF8)


def files_in(kind, body):
    """The large values of a request that are files, undone."""
    if kind == "mailgun":
        return body
    if kind == "ses":
        return [part.get_content() for part in message_in(body).iter_attachments()]
    long = (text for text in values_of(orjson.loads(body)) if len(text) > 600_000)
    return [b64decode(text) for text in long]


def texts_in(kind, body):
    """The large values of a request that are texts."""
    if kind == "mailgun":
        return {TEXT} if body.count(TEXT.encode()) == 2 else set()
    if kind == "ses":
        parts = [part for part in message_in(body).walk() if part.get_content_maintype() == "text"]
        assert len(parts) == 2
        return {part.get_content().replace("\r\n", "\n") for part in parts}
    return set(values_of(orjson.loads(body)))


def values_of(value):
    """All strings in a value of JSON."""
    match value:
        case str():
            yield value
        case dict():
            yield from values_of([*value.values()])
        case list():
            for each in value:
                yield from values_of(each)


def test_what_all_recipients_carry_is_in_memory_once():
    """SparkPost wants the whole of To with each of a thousand recipients."""
    names = [f"{'Recipient ' * 8}{n}" for n in range(1_000)]
    boxes = tuple(replace(mailbox(f"r{n}@example.org"), name=name) for n, name in enumerate(names))
    body = ADAPTERS["sparkpost"].encode(send(to=boxes)).body
    assert len(body) > 1_000 * 1_000 * 80
    assert len({id(part) for part in body.parts if not isinstance(part, bytes)}) == 1
    assert sum(len(part) for part in body.parts if isinstance(part, bytes)) < 200_000
