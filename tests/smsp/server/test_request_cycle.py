"""One request's turn: what an application hears and when, and how its answer is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
import trio

from smsp.server.http1 import RequestParser
from smsp.server.request_cycle import Addresses, RequestCycle
from smsp.server.response_writer import CONTINUE

BODY = b"Content-Length: 10\r\n\r\n"
POST = b"POST /email HTTP/1.1\r\nHost: x\r\n" + BODY
WAITING = b"POST /email HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + BODY
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class FakeWire:
    """A caller who says these things one after another, and hangs up after ``...``."""

    def __init__(self, *says):
        self.requests = RequestParser(100)
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
    one = RequestCycle(wire, wire.requests, head, last=last)
    await one.run(app, Addresses("http", None, None))
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


@pytest.mark.parametrize(("length", "writes"), [(16 * 1024, 1), (16 * 1024 + 1, 2)])
async def test_a_large_body_is_not_copied_behind_its_head(length, writes):
    """Thousands may be sent the same file, of which each would then have a copy."""
    wire = FakeWire(GET)

    async def app(_scope, _receive, send):
        headers = [(b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"a" * length})

    one = await turn(app, wire)
    assert len(wire.written) == writes
    assert b"".join(wire.written).endswith(b"\r\n\r\n" + b"a" * length)
    assert not one.closes


async def test_an_application_that_says_the_least():
    """Without headers, without a body, in one piece."""
    wire = FakeWire(GET)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 204})
        assert wire.written == []
        await send({"type": "http.response.body"})

    one = await turn(app, wire)
    (written,) = wire.written
    assert written.startswith(b"HTTP/1.1 204 No Content\r\ndate: ")
    assert not one.closes


async def test_nothing_is_written_for_nothing():
    """An empty piece is no write."""
    wire = FakeWire(GET)

    async def app(_scope, _receive, send):
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in (b"", b"hello", b"", b""):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    await turn(app, wire)
    assert len(wire.written) == 2
    assert wire.written[1] == b"hello"


async def test_the_date():
    """Every answer tells the time of day as HTTP writes it."""
    wire = FakeWire(GET)

    async def app(_scope, _receive, send):
        await answer(send)

    await turn(app, wire)
    (text,) = re.findall(rb"\r\ndate: ([^\r]+)\r\n", wire.written[0])
    told = parsedate_to_datetime(text.decode())
    assert format_datetime(told, usegmt=True).encode() == text
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=60)


async def test_a_body_that_nobody_asked_for_in_time():
    """Once the answer has begun its caller is not asked for the body any more, and what comes is
    heard all the same."""
    wire = FakeWire(WAITING, b"hello", b"world")

    async def app(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["body"] == b"hello"
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        assert await receive() == {"type": "http.request", "body": b"world", "more_body": False}
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    assert not (await turn(app, wire)).closes
    assert CONTINUE not in wire.written


async def test_what_has_come_is_heard_step_by_step():
    """Others have their turn before each piece that was there already: it may be much work."""
    lines = b"\r\n\r\n" * 5000  # each could be the end of the body
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(lines), lines)
    wire, steps = FakeWire(head + chunk), []

    async def others():
        while True:
            steps.append(True)
            await trio.lowlevel.checkpoint()

    async def app(_scope, receive, send):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            pieces = 0
            while (await receive())["more_body"]:
                pieces += 1
                assert len(steps) >= pieces - 1
            assert pieces > 10
            nursery.cancel_scope.cancel()
        await answer(send)

    assert not (await turn(app, wire)).closes


async def test_an_answer_before_the_body_has_come():
    """If it has come by the end of the turn, the connection goes on."""
    wire = FakeWire(POST + b"helloworld" + GET)

    async def app(_scope, receive, send):
        event = await receive()
        assert (event["body"], event["more_body"]) == (b"helloworld", False)
        await answer(send)

    one = await turn(app, wire)
    assert not one.closes
    assert wire.requests.next().target == b"/livez"


async def test_a_request_without_a_body():
    """Is heard as an empty one, which was the last of it; then nobody says anything."""
    wire = FakeWire(GET, ...)
    heard = []

    async def app(_scope, receive, send):
        heard.extend([await receive(), await receive()])
        await answer(send)

    await turn(app, wire)
    empty = {"type": "http.request", "body": b"", "more_body": False}
    assert heard == [empty, {"type": "http.disconnect"}]
