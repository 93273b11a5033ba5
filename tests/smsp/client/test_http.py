"""What callers give to a client, and what of an answer it takes."""

from __future__ import annotations

import httpx
import pytest

from smsp.client import AsyncClient, Client, Sent, TrioClient, Unknown
from tests.kit.callers import KEY, MESSAGE, URL, Clock, Node, says, under_asyncio

SENT = says(200, outcome="sent", id="1", provider="mailgun")


@pytest.mark.parametrize("kind", [Client, AsyncClient, TrioClient])
@pytest.mark.parametrize("key", ["secret\n", "secret\r\nX: y", "sécret", " secret"])
def test_a_key_that_no_header_can_carry(kind, key):
    """A line break at its end, as files have them, is found at once, and the key is not shown."""
    with pytest.raises(ValueError, match="no header") as error:
        kind(URL, key)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "smsp",
        "ftp://smsp",
        "http://",
        "http://u:s3cret@smsp",
        "http://smsp/?key=s3cret",
        "http://a..b",
        f"http://{'a' * 64}.example",
        "http://smsp:port",
        "http://[",
        "localhost:8080",
    ],
)
def test_what_is_no_url_of_an_smsp(url):
    """Is found before anything is sent, and what might be a secret in it is not shown."""
    with pytest.raises(ValueError, match="URL of an SMSP") as error:
        Client(url, KEY)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("url", ["http://smsp.example/mail", "http://smsp.example/mail/"])
def test_a_url_with_a_path(url):
    """SMSP may be below one, behind a proxy."""
    node = Node(SENT)
    with Client(url, KEY, transport=httpx.MockTransport(node)) as client:
        client.send(MESSAGE)
    assert node.requests[0].url == "http://smsp.example/mail/email"


def slowly(body: bytes, *, pieces: int, each_s: float) -> Sent | Unknown:
    """What is told of an answer that comes in pieces, to who waits 50 seconds for it."""
    clock = Clock()

    def slow():
        for _ in range(pieces):
            clock.sleep(each_s)
            yield b" "
        yield body

    headers = {"Content-Type": "application/json"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=slow()))
    with Client(URL, KEY, transport=transport) as client:
        return client.send(MESSAGE, deadline_s=50, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(("each_s", "kind"), [(26, Sent), (27.5, Sent), (28, Unknown)])
def test_a_slow_answer_has_an_end(each_s, kind):
    """It may be late by as much as its way takes, and does not keep its caller piece by piece."""
    assert isinstance(slowly(SENT.content, pieces=2, each_s=each_s), kind)


@pytest.mark.parametrize(
    ("deadline_s", "connect_s", "answer_s"),
    [(None, 10, 305), (2.0, 2.0, 7.0), (60.0, 10, 65.0), (float("nan"), 0.05, 5.05)],
)
def test_how_long_each_step_may_take(deadline_s, connect_s, answer_s):
    """A connection not for the whole of a long deadline, an answer for a little more than it."""
    node = Node(SENT)
    with Client(URL, KEY, transport=httpx.MockTransport(node)) as client:
        client.send(MESSAGE, deadline_s=deadline_s, clock=Clock())
    asked = node.requests[0].extensions["timeout"]
    assert asked["connect"] == pytest.approx(connect_s)
    assert asked["read"] == asked["write"] == pytest.approx(answer_s)
    assert asked["pool"] == pytest.approx(answer_s - 5)


class Deaf(httpx.AsyncByteStream):
    """A body that goes on although it is closed."""

    pieces = 0

    async def __aiter__(self):
        for _ in range(1000):
            self.pieces += 1
            yield b" " * 2**16


def test_a_stream_that_does_not_close():
    """Is left all the same."""
    deaf = Deaf()
    told = under_asyncio(lambda _: httpx.Response(200, stream=deaf), "send", MESSAGE)
    assert isinstance(told.result, Unknown)
    assert deaf.pieces < 20
