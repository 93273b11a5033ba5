"""Bytes as a network delivers them: words of HTTP, right ones and others, in any pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

LINES = (
    *(
        b"Host: x\r\n",
        b"X: y\r\n",
        b"Expect: 100-continue\r\n",
        b"X: a\r\n b\r\n",
        b"X: a\nb: c\r\n",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n"),
    *(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
)
BODIES = (b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", b"zz\r\n")
ODD = (
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\t",
    b" ",
    b":",
    b";",
    b",",
    b"0",
    b"\xff",
    b"a",
)


def streams(starts: Sequence[bytes], good: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Messages one after another: good ones, and some made of these first lines and anything; then
    perhaps a few bytes are others."""
    return st.lists(st.sampled_from(good) | _made(starts), max_size=4).map(b"".join).flatmap(_odd)


@st.composite
def pieces_of(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=8))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def byte_for_byte(stream: bytes) -> list[bytes]:
    """The same bytes, one by one."""
    return [stream[at : at + 1] for at in range(len(stream))]


@st.composite
def _made(draw: st.DrawFn, starts: Sequence[bytes]) -> bytes:
    lines = draw(st.lists(st.sampled_from(LINES), max_size=4))
    head = (
        draw(st.sampled_from(starts)) + b"Host: x\r\n" * draw(st.integers(0, 1)) + b"".join(lines)
    )
    return head + b"\r\n" + draw(st.sampled_from(BODIES))


@st.composite
def _odd(draw: st.DrawFn, stream: bytes) -> bytes:
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        start = draw(st.integers(0, len(stream)))
        end = start + draw(st.integers(0, 10))
        stream = stream[:start] + draw(st.sampled_from(ODD) | st.binary(max_size=4)) + stream[end:]
    return stream
