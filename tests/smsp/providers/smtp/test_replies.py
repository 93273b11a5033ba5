"""What an SMTP server's bytes are read as: the same in whatever pieces, and never without bound."""

from __future__ import annotations

import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.smtp.phases import NotSmtp, SmtpReply
from smsp.providers.smtp.replies import (
    LINE_BYTES_MAX,
    LINES_MAX,
    REPLY_BYTES_MAX,
    Replies,
    extensions,
)
from tests.kit.examples import many

texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20)
replies = st.tuples(st.integers(200, 599), st.lists(texts, min_size=1, max_size=5))
almost = st.lists(
    st.sampled_from(
        [b"250 ok\r\n", b"250-a\r\n", b"251 b\n", b"250", b"\r\n", b"-", b"354", b"\n", b"\0x"]
    ),
    max_size=8,
).map(b"".join)


def wire(code: int, lines: list[str]) -> bytes:
    """A reply as it is on the wire."""
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "".join(f"{code}{m}{line}\r\n" for m, line in zip(marks, lines, strict=True)).encode()


def read(pieces) -> list[SmtpReply | None]:
    """All replies in these pieces; ``None`` stands for what is none, and ends it."""
    incoming, read = Replies(), []
    for piece in pieces:
        incoming.feed(piece)
        try:
            while (reply := incoming.next()) is not None:
                read.append(reply)
        except NotSmtp:
            return [*read, None]
    return read


@many
@given(st.lists(replies, max_size=4), st.integers(1, 30))
def test_replies_are_what_was_said(said, piece_bytes):
    """However they come: codes, and the text of all lines."""
    whole = b"".join(wire(*reply) for reply in said)
    pieces = [whole[n : n + piece_bytes] for n in range(0, len(whole), piece_bytes)]
    expected = [SmtpReply(code, "\n".join(map(str.strip, lines))) for code, lines in said]
    assert read(pieces) == expected


@many
@given(almost | st.binary(max_size=60), st.integers(1, 10))
def test_pieces_make_no_difference(data, piece_bytes):
    """What is no SMTP is none at the same place, whether it comes at once or byte by byte."""
    pieces = [data[n : n + piece_bytes] for n in range(0, len(data), piece_bytes)]
    assert read(pieces) == read([data])


@pytest.mark.parametrize("cut", range(1, len(b"250-a\r\n250 b\r\n")))
def test_nothing_is_hidden(cut):
    """Half a reply is not silence; a whole one, once taken, is."""
    incoming = Replies()
    assert incoming.silent
    incoming.feed(b"250-a\r\n250 b\r\n"[:cut])
    assert incoming.next() is None
    assert not incoming.silent
    incoming.feed(b"250-a\r\n250 b\r\n"[cut:])
    assert not incoming.silent
    assert incoming.next() == SmtpReply(250, "a\nb")
    assert incoming.silent


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"25 ok\r\n",
        b"2500 ok\r\n",
        b"250ok\r\n",
        b"250\tok\r\n",
        b" 250 ok\r\n",
        b"199 ok\r\n",
        b"600 ok\r\n",
        b"\xb2\xb5\xb0 ok\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\n251-b\r\n",
        b"\r\n",
    ],
)
def test_what_is_no_reply(words):
    """A code, and a mark or nothing; the same code in all lines."""
    assert read([words]) == [None]


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (b"250\r\n", SmtpReply(250)),
        (b"250 ok\n", SmtpReply(250, "ok")),
        (b"250-\r\n250 \r\n", SmtpReply(250, "\n")),
        (b"250 \xff\xc3\xbc\r\n", SmtpReply(250, "\ufffdü")),
    ],
)
def test_what_is_let_pass(words, reply):
    """Servers that are a little careless are understood (RFC 5321 §4.2)."""
    assert read([words]) == [reply]


@pytest.mark.parametrize("begin", [b"250 ", b"250-", b""])
@pytest.mark.parametrize("last", [b"o", b"\n"])
def test_a_line_is_bounded(begin, last):
    """It is given up at the first byte too many, whether it ends there or not."""
    incoming = Replies()
    incoming.feed(begin + b"o" * (LINE_BYTES_MAX - 1 - len(begin)))
    assert incoming.next() is None
    incoming.feed(last)
    with pytest.raises(NotSmtp):
        incoming.next()


def test_lines_are_bounded():
    """A reply may have so many, the last one included."""
    assert read([b"250-a\r\n" * (LINES_MAX - 1) + b"250 a\r\n"]) == [
        SmtpReply(250, "\n".join("a" * LINES_MAX))
    ]
    assert read([b"250-a\r\n"] * LINES_MAX) == [None]


def test_a_reply_is_bounded():
    """Long lines are too much before there are too many of them; each reply begins anew."""
    line = b"250-" + b"o" * 4090 + b"\r\n"
    fits = REPLY_BYTES_MAX // len(line)
    assert read([line] * fits) == []
    assert read([line] * (fits + 1)) == [None]
    assert len(read([line * (fits - 1) + b"250 ok\r\n"] * 5)) == 5


offers = st.lists(
    st.sampled_from(
        [
            "SIZE 1000",
            "SIZE",
            "AUTH PLAIN LOGIN",
            "AUTH=PLAIN LOGIN",
            "auth=cram-md5",
            "STARTTLS",
            "SmtpUtf8",
            "8BITMIME",
            "X-EXT a=b",
            "=",
            "-x",
            "",
            "AUTH",
        ]
    ),
    max_size=8,
)


@given(offers)
def test_extensions_are_those_that_smtplib_reads(lines):
    """The standard library has met more servers than we have."""
    hello = SmtpReply(250, "\n".join(["mail.example.com", *lines]))

    class Peer(smtplib.SMTP):
        def putcmd(self, cmd, args=""):
            pass

        def getreply(self):
            return hello.code, hello.text.encode()

    theirs = Peer(local_hostname="x")
    theirs.ehlo()
    assert read_mechanisms(extensions(hello)) == read_mechanisms(theirs.esmtp_features)


def read_mechanisms(offered):
    """Without the order of mechanisms and spaces between them."""
    return dict(offered) | {"auth": sorted(offered.get("auth", "").split())}
