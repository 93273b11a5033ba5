"""The transport over a network in memory: connections kept and given up, faults, phases, bounds."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.providers.http.phases import ON_PHASE, Phase
from smsp.providers.http.pool import IDLE_S
from smsp.providers.http.transport import Transport
from smsp.providers.security_layer import client_context
from tests.kit.lines import MemoryNetwork, whole_request
from tests.kit.tls import server_context
from tests.kit.ways import Way, say, way_of

URL = "http://api.example.com/v3/send"
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
CUT = TAKEN.replace(b": 2", b": 9")

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


class Pieces(httpx.AsyncByteStream):
    """A body, piece by piece; ``before`` is called before the piece of that number."""

    def __init__(self, *pieces, before=None):
        self._pieces = iter(pieces)
        self._number = -1
        self._before = before or {}

    def __aiter__(self):
        return self

    async def __anext__(self):
        self._number += 1
        piece = next(self._pieces, None)
        if self._number in self._before:
            await self._before[self._number]()
        if piece is None:
            raise StopAsyncIteration
        return piece


def post(*pieces, url=URL, length=None, events=None, before=None, **headers):
    """A request; the phases that it is told go to ``events``."""

    def on_phase(phase):
        if events is not None:
            events.append(phase)

    length = sum(map(len, pieces)) if length is None else length
    host = httpx.URL(url).netloc.decode()
    return httpx.Request(
        "POST",
        url,
        headers={"Host": host, "Content-Length": str(length), **headers},
        stream=Pieces(*pieces, before=before),
        extensions={ON_PHASE: on_phase},
    )


async def answering(line, answer=TAKEN, *, requests=None):
    """A peer that answers every request alike."""
    while request := await whole_request(line):
        if requests is not None:
            requests.append(request)
        if not line.closed:
            await say(line, answer)


async def silent(line):
    """A peer that takes a request and says nothing."""
    await whole_request(line)


def saying(*words, then="stays"):
    """A peer that answers one request, and then ``stays``, ``leaves`` with a farewell or without,
    or ``breaks``."""

    async def peer(end):
        await whole_request(end)
        await say(end, *words, farewell=then == "takes leave")
        if then == "leaves":
            end.close()
        if then == "breaks":
            end.reset()

    return peer


@asynccontextmanager
async def network(way, *peers, connections_max=4, blind=False):
    """A transport, and the network that it is on."""
    async with trio.open_nursery() as nursery:
        ends = [way.peer(peer) for peer in peers or (answering,)]
        net = MemoryNetwork(nursery, *ends, blind=blind)
        async with way.transport(connections_max, net.dial) as transport:
            yield transport, net
        nursery.cancel_scope.cancel()


def requests_on(way, line):
    """What we have written there, one after another, once there could be a request."""
    return line.writes[way.handshake_writes :]


async def ask(transport, request=None):
    """One whole exchange: the status, and the body."""
    response = await transport.handle_async_request(request or post(b"hello"))
    try:
        return response.status_code, b"".join([piece async for piece in response.stream])
    finally:
        await response.aclose()


# -- one request


async def test_a_request_and_its_answer(way):
    """The request is written as it is, in one write; status, headers and body come back."""
    requests = []
    async with network(way, partial(answering, requests=requests)) as (transport, net):
        response = await transport.handle_async_request(post(b"hello", **{"X-Key": "secret"}))
        body = b"".join([piece async for piece in response.stream])
    assert requests == [
        b"POST /v3/send HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\n"
        b"X-Key: secret\r\n\r\nhello"
    ]
    assert len(requests_on(way, net.lines[0])) == 1
    assert (response.status_code, response.headers["content-length"], body) == (202, "2", b"ok")
    assert net.dialled == [("api.example.com", way.port)]


async def test_a_body_in_pieces(way):
    """A long body is written piece by piece, as it is asked for."""
    requests = []
    async with network(way, partial(answering, requests=requests)) as (transport, net):
        assert await ask(transport, post(b"aa", b"bb", b"cc")) == (202, b"ok")
    assert requests[0].endswith(b"\r\n\r\naabbcc")
    assert len(requests_on(way, net.lines[0])) == 3


async def test_phases(way):
    """They are told in order, each once."""
    events = []
    async with network(way) as (transport, _):
        await ask(transport, post(b"x", events=events))
        assert events == [
            *way.connecting,
            Phase.WRITING,
            Phase.WRITTEN,
            Phase.ANSWERED,
        ]
        events.clear()
        await ask(transport, post(b"x", events=events))
    assert events[0] == Phase.WRITING


async def test_the_last_byte(way):
    """A request is told to be written when its last byte has been handed over, and not before."""
    events = []

    async def not_yet():
        assert Phase.WRITTEN not in events

    async with network(way) as (transport, net):
        request = post(b"aa", b"bb", events=events, before={1: not_yet, 2: not_yet})
        await transport.handle_async_request(request)
        assert len(requests_on(way, net.lines[0])) == 2
        assert Phase.WRITTEN in events


async def test_an_answer_read_as_it_comes(way):
    """A body comes in the pieces in which it came, not at its end."""
    more = trio.Event()

    async def peer(line):
        await whole_request(line)
        await line.send_all(TAKEN.replace(b": 2", b": 4"))
        await more.wait()
        await line.send_all(b"ay")

    async with network(way, peer) as (transport, _):
        response = await transport.handle_async_request(post(b"x"))
        pieces = aiter(response.stream)
        assert await anext(pieces) == b"ok"
        more.set()
        assert [piece async for piece in pieces] == [b"ay"]


# -- which connection


async def test_keep_alive(way):
    """One request after another goes through one connection."""
    async with network(way) as (transport, net):
        for _ in range(3):
            assert await ask(transport) == (202, b"ok")
    assert len(net.lines) == 1


async def test_the_last_one_used_is_the_first_used_again(way):
    """So that those in surplus grow old."""
    async with network(way) as (transport, net):
        first = await transport.handle_async_request(post(b"x"))
        second = await transport.handle_async_request(post(b"x"))
        await first.aclose()
        await second.aclose()
        await ask(transport)
    assert [len(requests_on(way, line)) for line in net.lines] == [1, 2]


async def test_an_idle_connection_grows_old(way, autojump_clock):
    """It is not used after its time, and closed when the transport is used next."""
    async with network(way) as (transport, net):
        await ask(transport)
        await trio.sleep(IDLE_S)
        await ask(transport)
        assert len(net.lines) == 1
        await trio.sleep(IDLE_S + 1)
        await ask(transport)
        assert [line.closed for line in net.lines] == [True, False]


async def test_those_in_surplus_go(way, autojump_clock):
    """Connections that a rush has left behind go while others are in use."""
    async with network(way) as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(4)]
        for response in rush:
            await response.aclose()
        for _ in range(4):
            await trio.sleep(IDLE_S / 2)
            await ask(transport)
        assert [line.closed for line in net.lines] == [True, True, True, False]


@pytest.mark.parametrize("then", ["takes leave", "leaves", "breaks"])
async def test_a_connection_that_died_while_idle(way, then):
    """It is noticed before anything is written to it."""
    async with network(way, saying(TAKEN, then=then), answering) as (transport, net):
        await ask(transport)
        await wait_all_tasks_blocked()
        assert await ask(transport) == (202, b"ok")
    assert [len(requests_on(way, line)) for line in net.lines] == [1, 1]
    assert net.lines[0].closed


async def test_words_that_nobody_asked_for(way):
    """A connection on which something has come while idle is not used again."""
    async with network(way) as (transport, net):
        await ask(transport)
        await net.lines[0].far.send_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert await ask(transport) == (202, b"ok")
        assert [line.closed for line in net.lines] == [True, False]


async def test_closed_before_the_first_byte(way):
    """A connection found closed on writing, of which no byte was taken, is replaced by a new one,
    once, and the whole request goes there."""
    requests = []
    peers = (saying(TAKEN, then="leaves"), partial(answering, requests=requests))
    async with network(way, *peers, blind=True) as (transport, net):
        await ask(transport)
        await wait_all_tasks_blocked()
        assert await ask(transport, post(b"aa", b"bb")) == (202, b"ok")
    assert requests[0].endswith(b"aabb")
    assert len(net.lines) == 2
    assert net.lines[0].closed


async def test_closed_before_the_first_byte_again(way):
    """If the new one fails too, that is an error: nothing is tried a third time."""
    async with network(way, saying(TAKEN, then="leaves"), answering, blind=True) as (_, net):

        async def dial(host, port):
            line = await net.dial(host, port)
            if len(net.lines) > 1:
                line.far.close()
            return line

        async with way.transport(4, dial) as transport:
            await ask(transport)
            await wait_all_tasks_blocked()
            with pytest.raises(httpx.ConnectError if way.secure else httpx.WriteError):
                await ask(transport)
            assert len(net.lines) == 2
            assert net.open == 0


async def test_closed_after_the_first_byte(way):
    """Once a byte has been taken nothing is tried again."""
    async with network(way, blind=True) as (transport, net):
        await ask(transport)
        net.lines[0].room = 1
        net.lines[0].far.close()
        net.lines[0].far.closed = False
        with pytest.raises(httpx.WriteError):
            await ask(transport)
        assert len(net.lines) == 1
        assert net.lines[0].closed


@pytest.mark.parametrize(
    "answer",
    [
        TAKEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        TAKEN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        TAKEN + b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["close", "old", "surplus"],
)
async def test_a_connection_that_may_not_be_used_again(way, answer):
    """It is closed with its answer."""
    async with network(way, partial(answering, answer=answer)) as (transport, net):
        assert await ask(transport) == (202, b"ok")
        assert net.lines[0].closed


async def test_a_body_that_nobody_read(way):
    """An answer given up half-way takes its connection with it."""
    answer = TAKEN.replace(b": 2", b": 9")
    async with network(way, partial(answering, answer=answer)) as (transport, net):
        response = await transport.handle_async_request(post(b"x"))
        await response.aclose()
        assert net.lines[0].closed


async def test_an_end_without_a_length(way):
    """A body that ends with its connection is whole."""
    answer = b"HTTP/1.1 200 OK\r\n\r\nok"
    async with network(way, saying(answer, then="takes leave")) as (transport, net):
        assert await ask(transport) == (200, b"ok")
        assert net.lines[0].closed


async def test_an_end_that_somebody_else_may_have_made(authority):
    """Through TLS, a body that ends with its connection is whole only if the peer says so (RFC
    9112, section 9.8)."""
    secure = way_of("TLS 1.3", authority)
    answer = b"HTTP/1.1 200 OK\r\n\r\nok"
    async with network(secure, saying(answer, then="leaves")) as (transport, net):
        response = await transport.handle_async_request(post(b"x"))
        assert response.status_code == 200
        with pytest.raises(httpx.ReadError, match="close_notify"):
            await response.aread()
        assert net.lines[0].closed


# -- faults


@pytest.mark.parametrize(
    ("peer", "error"),
    [
        (saying(then="takes leave"), httpx.RemoteProtocolError),
        (saying(then="leaves"), httpx.TransportError),
        (saying(then="breaks"), httpx.ReadError),
        (saying(b"garbage\r\n\r\n"), httpx.RemoteProtocolError),
        (saying(CUT, then="takes leave"), httpx.RemoteProtocolError),
        (saying(CUT, then="leaves"), httpx.TransportError),
        (saying(CUT, then="breaks"), httpx.ReadError),
    ],
    ids=["takes leave", "leaves", "breaks", "garbage", "cut", "cut off", "broken"],
)
async def test_what_ends_an_exchange(way, peer, error):
    """An exchange that breaks raises httpx's error, closes its connection, and leaves room."""
    async with network(way, peer, connections_max=1) as (transport, net):
        for _ in range(3):
            with pytest.raises(error):
                await ask(transport)
        assert net.open == 0


async def test_no_connection():
    """One that cannot be made is a connect error, and leaves room."""

    async def nobody(_host, _port):
        raise OSError("nobody there")

    async with Transport(1, client_context(), dial=nobody) as transport:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError, match="nobody there"):
                await ask(transport)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (post(b"x", url="ftp://api.example.com/"), httpx.UnsupportedProtocol),
        (post(b"x", **{"X-Key": "a\r\nb: c"}), httpx.LocalProtocolError),
        (httpx.Request("POST", URL, stream=httpx.ByteStream(b"x")), httpx.LocalProtocolError),
    ],
    ids=["scheme", "header", "no length"],
)
async def test_what_cannot_be_sent(way, request_, error):
    """A request that is none is refused, and the pool is as it was."""
    async with network(way, connections_max=1) as (transport, _):
        for _ in range(2):
            with pytest.raises(error):
                await ask(transport, request_)
        assert await ask(transport) == (202, b"ok")


@pytest.mark.parametrize(("pieces", "length"), [((b"hello", b"!"), 5), ((b"hell",), 5)])
async def test_a_body_that_is_not_as_long_as_it_says(way, pieces, length):
    """It is our own mistake, and never makes a whole request with something after it."""
    seen = []

    async def peer(line):
        while come := await line.receive_some():
            seen.append(come)

    async with network(way, peer) as (transport, net):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(transport, post(*pieces, length=length))
        assert net.lines[0].closed
    assert not b"".join(seen).endswith(b"!")


async def test_a_first_piece_that_is_too_long_reaches_nobody(way):
    """No connection is made for it, and its place in the pool is free again."""
    async with network(way, connections_max=1) as (transport, net):
        for _ in range(2):
            with pytest.raises(httpx.LocalProtocolError):
                await ask(transport, post(b"hello!", length=5))
        assert net.lines == []
        assert await ask(transport) == (202, b"ok")


# -- an answer before the whole request


async def test_heard_although_not_written(way):
    """A peer that answers in mid-body and leaves is heard; the request is not told as written."""

    async def refusing(line):
        await line.receive_some()
        await line.send_all(TAKEN.replace(b"202", b"413"))
        line.close()

    events = []
    async with network(way, refusing) as (transport, net):
        request = post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (413, b"ok")
        assert net.lines[0].closed
    assert Phase.WRITTEN not in events


async def test_left_in_mid_body(way):
    """A peer that leaves in mid-body without a word is a write error, not a read error."""

    async def leaving(line):
        await line.receive_some()
        line.close()

    async with network(way, leaving) as (transport, net):
        with pytest.raises(httpx.WriteError):
            await ask(transport, post(b"aa", b"bb", before={1: wait_all_tasks_blocked}))
        assert net.lines[0].closed


async def test_an_answer_before_the_last_piece(way):
    """It is the answer; but what the peer does with the rest of the body, nobody knows."""

    async def early(line):
        await line.receive_some()
        await line.send_all(TAKEN)
        await whole_request(line)

    async with network(way, early) as (transport, net):
        request = post(b"aa", b"bb", before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        assert net.lines[0].closed


# -- bounds


async def test_room(way):
    """No more connections than allowed; who comes then waits until one is given back."""
    async with network(way, connections_max=2) as (transport, net):
        held = [await transport.handle_async_request(post(b"x")) for _ in range(2)]
        answered = trio.Event()

        async def third():
            await ask(transport)
            answered.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(third)
            await wait_all_tasks_blocked()
            assert not answered.is_set()
            await held[0].aclose()
            await answered.wait()
        await held[1].aclose()
        assert len(net.lines) == 2


async def test_room_for_another_origin(way):
    """Idle connections to one origin make room for another's."""
    async with network(way, connections_max=2) as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(2)]
        for response in rush:
            await response.aclose()
        await ask(transport, post(b"x", url="http://other.example.com:8081/"))
        assert net.dialled[-1] == ("other.example.com", 8081)
        assert net.open == 2


async def test_a_connection_belongs_to_its_origin(way):
    """Host, port and scheme: mail for one never goes to another."""
    async with network(way) as (transport, net):
        for url in (URL, "http://api.example.com:8081/", "http://other.example.com/", URL):
            await ask(transport, post(b"x", url=url))
    assert net.dialled == [
        ("api.example.com", way.port),
        ("api.example.com", 8081),
        ("other.example.com", way.port),
    ]


async def test_the_end(way):
    """Idle connections are closed with the transport, those in use when their use is over."""
    async with network(way) as (transport, net):
        idle = await transport.handle_async_request(post(b"x"))
        used = await transport.handle_async_request(post(b"x"))
        await idle.aclose()
        await transport.aclose()
        assert [line.closed for line in net.lines] == [True, False]
        await used.aclose()
        assert net.open == 0


# -- cancelled


async def hanging(_line):
    """A peer that does nothing."""
    await trio.sleep_forever()


@pytest.mark.parametrize("phase", ["waiting", "connecting", "writing", "written", "answered"])
async def test_cancelled(way, autojump_clock, phase):
    """A call that is given up has closed its connection, leaves room, and writes nothing more."""
    half = TAKEN.replace(b": 2", b": 9")
    peer = partial(answering, answer=half) if phase == "answered" else silent
    async with network(way, peer, answering, connections_max=1) as (_, net):

        async def dial(host, port):
            if phase == "connecting":
                await trio.sleep_forever()
            line = await net.dial(host, port)
            if phase == "writing":
                line.stall(after_writes=way.handshake_writes)
            return line

        given_up = way.transport(1, dial)
        if phase == "waiting":
            await given_up._pool.enter()
        with trio.move_on_after(1.0) as scope:
            await ask(given_up)
        assert scope.cancelled_caught
        assert net.open == 0
        written = [len(requests_on(way, line)) for line in net.lines]
        assert written == [phase != "writing" for _ in net.lines]
        if phase == "waiting":
            given_up._pool.leave()
        with trio.fail_after(1.0):
            await given_up._pool.enter()


# -- TLS


SECURE = URL.replace("http:", "https:")


async def test_nothing_is_said_before_the_handshake_is_over(authority):
    """Phases are told as they come, and no byte of the request is in the clear."""
    events = []
    async with network(way_of("TLS 1.3", authority)) as (transport, net):
        assert await ask(transport, post(b"hello", url=SECURE, events=events)) == (202, b"ok")
        assert b"POST" not in b"".join(net.lines[0].writes)
    assert events[1] == Phase.SECURING


@pytest.mark.parametrize("name", ["another.example.com", None])
async def test_who_answers_is_verified(authority, name):
    """Neither another's certificate will do, nor one that nobody we trust vouches for."""
    trusting = way_of("TLS 1.3", authority)
    server = server_context(authority, name or "api.example.com")
    client = trusting.client if name else client_context()
    async with network(Way(client, server), connections_max=1) as (transport, net):
        for _ in range(2):
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(transport, post(b"hello", url=SECURE))
        assert net.open == 0


async def test_a_handshake_given_up(authority, autojump_clock):
    """It has closed its connection."""
    client = way_of("TLS 1.3", authority).client
    async with network(Way(client), hanging) as (transport, net):
        with trio.move_on_after(1.0) as scope:
            await ask(transport, post(b"hello", url=SECURE))
        assert scope.cancelled_caught
        assert net.open == 0
