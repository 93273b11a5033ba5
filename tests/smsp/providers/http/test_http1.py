"""HTTP/1.1 on the wire: what a request looks like, and which bytes are which answer."""

from __future__ import annotations

from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.http.http1 import HEAD_BYTES_MAX, ResponseParser, head_of

OK = b"HTTP/1.1 200 OK\r\n"
NO_BODY = OK + b"Content-Length: 0\r\n\r\n"


def request_of(method="POST", url="https://api.example.com/v3/send?x=1", **headers):
    return httpx.Request(method, url, headers={"Host": "api.example.com", **headers}, content=None)


def fed(*pieces):
    """The answer that these pieces make, and its body."""
    answers = ResponseParser()
    for piece in pieces:
        answers.feed(piece)
    return answers, answers.take()


# -- requests


def test_head():
    """The request line has path and query; names and values are written as they were given."""
    head, length = head_of(request_of(**{"Content-Length": "5", "X-Key": "a b"}))
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v3/send?x=1 HTTP/1.1"
    assert {b"Host: api.example.com", b"Content-Length: 5", b"X-Key: a b"} <= set(lines)
    assert lines[-2:] == [b"", b""]
    assert length == 5


def test_head_without_a_body():
    """A request that gives no length has no body."""
    assert head_of(request_of("GET"))[1] == 0


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb", "a\0b"])
def test_a_value_stays_in_its_line(value):
    """No value can add a header or end the head."""
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request_of(**{"X-Key": value}))


@pytest.mark.parametrize("name", ["X Key", "X-Key:", "X\r\nY"])
def test_a_name_is_a_token(name):
    """A header's name is a token (RFC 9110, section 5.6.2)."""
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request_of(**{name: "x"}))


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "A B"])
def test_methods_that_are_not_spoken(method):
    """The answers to HEAD and CONNECT follow rules of their own, and nobody here asks so."""
    request = request_of()
    request.method = method
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request)


def test_a_body_without_a_length():
    """A request is never sent in chunks: some providers take none, and we know the length."""
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request_of(**{"Transfer-Encoding": "chunked"}))


# -- answers

WHOLE = {
    "no body": (NO_BODY, 200, b"", True),
    "a length": (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX: t\r\n\r\n",
        200,
        b"hello",
        True,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "an interim answer before": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + NO_BODY,
        200,
        b"",
        True,
    ),
    "close": (OK + b"Content-Length: 1\r\nConnection: close\r\n\r\n!", 200, b"!", False),
    "an old peer": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n!", 200, b"!", False),
    "an old peer that keeps": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n!",
        200,
        b"!",
        True,
    ),
    "no reason": (b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", 500, b"", True),
}


@pytest.mark.parametrize(("wire", "status", "body", "reusable"), WHOLE.values(), ids=list(WHOLE))
def test_whole_answers(wire, status, body, reusable):
    """Status, body, and whether another request may follow; whichever way the bytes come."""
    for cut in range(1, len(wire)):
        answers, taken = fed(wire[:cut], wire[cut:])
        assert (answers.status, taken, answers.reusable) == (status, body, reusable)
        assert answers.complete


@given(cuts=st.sets(st.integers(1, len(WHOLE["chunks"][0]) - 1)))
def test_an_answer_in_any_pieces(cuts):
    """Where the network cuts an answer says nothing about it."""
    wire = WHOLE["chunks"][0]
    edges = [0, *sorted(cuts), len(wire)]
    answers, body = fed(*(wire[start:end] for start, end in pairwise(edges)))
    assert (body, answers.complete, answers.reusable) == (b"hello", True, True)


def test_headers():
    """In their order, as they came, without those of interim answers, and without trailers."""
    answers, _ = fed(WHOLE["an interim answer before"][0])
    assert answers.headers == [(b"Content-Length", b"0")]
    answers, _ = fed(WHOLE["chunks"][0])
    assert answers.headers == [(b"Transfer-Encoding", b"chunked")]
    answers, _ = fed(OK + b"A: 1\r\nB:\r\na: 2\r\nContent-Length: 0\r\n\r\n")
    assert answers.headers[:3] == [(b"A", b"1"), (b"B", b""), (b"a", b"2")]


def test_a_body_that_ends_with_the_connection():
    """An answer without a length ends when its connection does, and no other can follow."""
    answers, body = fed(OK + b"\r\n", b"hel", b"lo", b"")
    assert (body, answers.complete, answers.reusable) == (b"hello", True, False)


def test_one_answer_after_another():
    """What was remembered of one answer is forgotten before the next."""
    answers, _ = fed(OK + b"X: 1\r\nContent-Length: 2\r\n\r\nhi")
    answers.begin()
    assert (answers.status, answers.complete, answers.headers) == (None, False, [])
    answers.feed(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\n!")
    assert (answers.status, answers.take(), answers.reusable) == (202, b"!", True)


@pytest.mark.parametrize("surplus", [NO_BODY, b"garbage", b"HTTP/1.1 4", b"\0"])
def test_more_than_was_asked_for(surplus):
    """What comes with an answer and is none of it changes nothing, but ends the connection."""
    answers, body = fed(OK + b"Content-Length: 2\r\n\r\nhi" + surplus)
    assert (answers.status, body, answers.complete) == (200, b"hi", True)
    assert not answers.reusable


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"X: a\r\n b\0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
    ids=range(10),
)
def test_what_is_no_answer(wire):
    """It is refused, not guessed at."""
    with pytest.raises(httpx.RemoteProtocolError):
        fed(wire, b"")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 20",
        OK,
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_answer_cut_short(wire):
    """A connection that ends too early leaves no whole answer."""
    answers = ResponseParser()
    if wire:
        answers.feed(wire)
    with pytest.raises(httpx.RemoteProtocolError):
        answers.feed(b"")
    assert not answers.complete


ENDLESS = {
    "headers": (OK, b"X-Padding: %b\r\n" % (b"a" * 1000)),
    "one header": (OK + b"X: ", b"a" * 1000),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n" % (b"a" * 1000)),
    "trailers": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n",
        b"X-Padding: %b\r\n" % (b"a" * 1000),
    ),
    "a chunk's extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 1000),
}


@pytest.mark.parametrize(("start", "more"), ENDLESS.values(), ids=list(ENDLESS))
def test_an_answer_without_an_end(start, more):
    """What surrounds a body is bounded."""
    answers = ResponseParser()
    if start:
        answers.feed(start)
    for _ in range(HEAD_BYTES_MAX // len(more) + 1):
        answers.feed(more)
    with pytest.raises(httpx.RemoteProtocolError):
        answers.feed(more)


def test_a_body_in_long_pieces():
    """A body is not bounded here, however much of it comes at once after its head."""
    answers, body = fed(OK + b"Content-Length: 200000\r\n\r\n", *[b"a" * 50_000] * 4)
    assert (len(body), answers.reusable) == (200_000, True)
    answers, body = fed(OK + b"Content-Length: 65536\r\n\r\n", b"a" * 65_536)
    assert (len(body), answers.reusable) == (65_536, True)


def test_a_long_body_of_short_chunks():
    """What a body needs around its pieces is not counted against it."""
    answers, body = fed(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n!\r\n"] * 100_000)
    assert len(body) == 100_000
    assert answers.status == 200
