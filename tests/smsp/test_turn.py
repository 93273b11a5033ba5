"""One request's turn: what an application hears and when, and how its answer is written."""

from __future__ import annotations

import pytest
import trio

from smsp.http1 import CONTINUE, Requests
from smsp.turn import Ends, Turn

BODY = b"Content-Length: 10\r\n\r\n"
POST = b"POST /email HTTP/1.1\r\nHost: x\r\n" + BODY
WAITING = b"POST /email HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + BODY
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class FakeWire:
    """A caller who says these things one after another, and hangs up after ``...``."""

    def __init__(self, *says):
        self.requests = Requests(100)
        self.says = list(says)
        self.reads = 0
        self.written = []

    async def read(self):
        await trio.lowlevel.checkpoint()
        self.reads += 1
        if not self.says:
            await trio.sleep_forever()
        said = self.says.pop(0)
        self.requests.feed(b"" if said is ... else said)
        return said is not ...

    async def write(self, data):
        await trio.lowlevel.checkpoint()
        self.written.append(data)


async def turn(app, wire, *, last=False):
    """Let the application have its turn with the first request on this wire."""
    while (head := wire.requests.next()) is None:
        await wire.read()
    one = Turn(wire, wire.requests, head, last=last)
    await one.run(app, Ends("http", None, None))
    return one


async def answer(send, *pieces, length=True):
    """Say 200 with these pieces of a body."""
    headers = [(b"content-length", b"%d" % sum(map(len, pieces)))] if length else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def test_one_write():
    """Head, body and end of an answer go out together."""

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"hello"})

    async def sized(_scope, _receive, send):
        await answer(send, b"hello")

    wire = FakeWire(GET)
    await turn(sized, wire)
    (written,) = wire.written
    assert written.startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: ")
    assert written.endswith(b" GMT\r\n\r\nhello")
    wire = FakeWire(GET)
    await turn(app, wire)
    (written,) = wire.written
    assert written.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


async def test_an_answer_that_goes_on():
    """Every piece is written when it is said, the head with the first."""
    wire = FakeWire(GET)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(1, 3):
            await send({"type": "http.response.body", "body": b"event", "more_body": True})
            assert len(wire.written) == number
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    await turn(app, wire)
    assert wire.written[1:] == [b"5\r\nevent\r\n", b"0\r\n\r\n"]


async def test_a_body_is_read_when_it_is_asked_for():
    """Not before, in the pieces in which it comes, and no further."""
    wire = FakeWire(POST + b"hel", b"lo", b"world", GET)
    heard = []

    async def app(_scope, receive, send):
        assert wire.reads == 1
        while True:
            event = await receive()
            heard.append(event["body"])
            if not event["more_body"]:
                break
        await answer(send)

    one = await turn(app, wire)
    assert heard == [b"hel", b"lo", b"world"]
    assert wire.says == [GET]
    assert not one.closes


async def test_a_caller_who_waits_to_be_asked():
    """Is asked when the application asks, once."""
    wire = FakeWire(WAITING, b"hello", b"world")

    async def app(_scope, receive, send):
        assert wire.written == []
        await receive()
        await receive()
        await answer(send)

    await turn(app, wire)
    assert wire.written.count(CONTINUE) == 1
    assert wire.written[0] == CONTINUE


async def test_a_caller_who_is_refused_before_being_asked():
    """Is never asked, and its connection ends: whether the body comes, nobody knows."""
    wire = FakeWire(WAITING, ...)

    async def app(_scope, receive, send):
        await answer(send)
        await receive()

    one = await turn(app, wire)
    assert CONTINUE not in wire.written
    assert one.closes


async def test_a_body_that_nobody_read():
    """The connection ends, since what follows is not known to be a request."""

    async def app(_scope, _receive, send):
        await answer(send)

    assert (await turn(app, FakeWire(POST))).closes
    assert not (await turn(app, FakeWire(GET))).closes


@pytest.mark.parametrize("says", [(POST + b"hel", ...), (POST + b"hel", b"", ...)])
async def test_a_caller_who_leaves_in_mid_body(says):
    """The application is told."""
    events = []

    async def app(_scope, receive, send):
        events.extend([await receive(), await receive()])
        await answer(send)

    one = await turn(app, FakeWire(*says))
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]
    assert one.closes


async def test_a_body_that_is_none():
    """A broken chunk is told as a hang-up; the application may still say what it thinks of it."""
    wire = FakeWire(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n")

    async def app(_scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"
        await answer(send)

    assert (await turn(app, wire)).closes
    assert len(wire.written) == 1


async def test_a_caller_who_hangs_up():
    """Whoever listens after the whole request hears it."""

    async def app(_scope, receive, send):
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        await answer(send)

    await turn(app, FakeWire(GET, ...))


async def test_the_next_request_waits(autojump_clock):
    """Once it has begun to come nobody reads on, so that it costs no more than what it is."""
    wire = FakeWire(GET, GET, b"GET", ...)

    async def app(_scope, receive, send):
        await receive()
        with trio.move_on_after(1.0) as scope:
            await receive()
        assert scope.cancelled_caught
        await answer(send)

    await turn(app, wire)
    assert wire.says == [b"GET", ...]


async def test_the_last_turn():
    """It says that the connection ends."""

    async def app(_scope, _receive, send):
        await answer(send)

    wire = FakeWire(GET)
    assert (await turn(app, wire, last=True)).closes
    assert b"connection: close\r\n" in wire.written[0]


async def test_an_application_that_says_nothing():
    """Its caller is told 500, and the connection ends."""

    async def app(_scope, _receive, _send):
        await trio.lowlevel.checkpoint()

    wire = FakeWire(GET)
    assert (await turn(app, wire)).closes
    assert wire.written[0].startswith(b"HTTP/1.1 500 ")


async def test_a_body_that_has_come():
    """The application may have it at once; not before its end, and only once."""
    wire = FakeWire(POST + b"hel", b"loworld" + GET)
    given = []

    async def app(scope, receive, send):
        take = scope["extensions"]["smsp.body"]
        given.append(take())
        await wire.read()
        given.extend([take(), take()])
        await answer(send)

    one = await turn(app, wire)
    assert given == [None, b"helloworld", None]
    assert not one.closes


async def test_an_answer_that_stops_half_way():
    """Nobody could tell where the next one begins, so the connection ends."""

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hel", "more_body": True})

    one = await turn(app, FakeWire(GET))
    assert one.closes


@pytest.mark.parametrize(
    "says",
    [
        ["http.response.body"],
        ["http.response.start", "http.response.start"],
        ["http.response.start", "http.response.body", "http.response.body"],
        ["http.response.trailers"],
    ],
)
async def test_an_application_that_talks_out_of_turn(says):
    """It is a bug, and raises."""

    async def app(_scope, _receive, send):
        for kind in says:
            await send(
                {"type": kind, "status": 200, "headers": [], "body": b"", "more_body": False}
            )

    with pytest.raises(RuntimeError, match="out of turn"):
        await turn(app, FakeWire(GET))
