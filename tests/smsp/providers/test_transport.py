"""The transport over a network in memory: connections kept and given up, faults, phases, bounds."""

from __future__ import annotations

import gc
import ssl
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from smsp.providers.pool import IDLE_S
from smsp.providers.transport import Transport
from tests.kit.lines import MemoryNetwork, whole_request

URL = "http://api.example.com/v3/send"
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
PLAIN = ssl.create_default_context()


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """What was left suspended shows as a warning here, and a warning fails."""
    yield
    gc.collect()


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

    async def trace(event, _info):
        if events is not None:
            events.append(event)

    length = sum(map(len, pieces)) if length is None else length
    host = httpx.URL(url).netloc.decode()
    return httpx.Request(
        "POST",
        url,
        headers={"Host": host, "Content-Length": str(length), **headers},
        stream=Pieces(*pieces, before=before),
        extensions={"trace": trace},
    )


async def answering(line, answer=TAKEN, *, requests=None):
    """A peer that answers every request alike."""
    while request := await whole_request(line):
        if requests is not None:
            requests.append(request)
        if not line.closed:
            await line.send_all(answer)


async def silent(line):
    """A peer that takes a request and says nothing."""
    await whole_request(line)


def saying(answer, *, then="stays"):
    """A peer that answers one request, and then ``stays``, ``leaves`` or ``breaks``."""

    async def peer(line):
        await whole_request(line)
        if answer:
            await line.send_all(answer)
        if then == "leaves":
            line.close()
        if then == "breaks":
            line.reset()

    return peer


@asynccontextmanager
async def network(*peers, connections_max=4, tls=PLAIN, blind=False):
    """A transport, and the network that it is on."""
    async with trio.open_nursery() as nursery:
        net = MemoryNetwork(nursery, *(peers or (answering,)), blind=blind)
        async with Transport(connections_max, tls, dial=net.dial) as transport:
            yield transport, net
        nursery.cancel_scope.cancel()


async def ask(transport, request=None):
    """One whole exchange: the status, and the body."""
    response = await transport.handle_async_request(request or post(b"hello"))
    try:
        return response.status_code, b"".join([piece async for piece in response.stream])
    finally:
        await response.aclose()


# -- one request


async def test_a_request_and_its_answer():
    """The request is written as it is, in one write; status, headers and body come back."""
    requests = []
    async with network(partial(answering, requests=requests)) as (transport, net):
        response = await transport.handle_async_request(post(b"hello", **{"X-Key": "secret"}))
        body = b"".join([piece async for piece in response.stream])
    assert requests == [
        b"POST /v3/send HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\n"
        b"X-Key: secret\r\n\r\nhello"
    ]
    assert len(net.lines[0].writes) == 1
    assert (response.status_code, response.headers["content-length"], body) == (202, "2", b"ok")
    assert net.dialled == [("api.example.com", 80)]


async def test_a_body_in_pieces():
    """A long body is written piece by piece, as it is asked for."""
    requests = []
    async with network(partial(answering, requests=requests)) as (transport, net):
        assert await ask(transport, post(b"aa", b"bb", b"cc")) == (202, b"ok")
    assert requests[0].endswith(b"\r\n\r\naabbcc")
    assert len(net.lines[0].writes) == 3


async def test_phases():
    """They are told in order, each once, by httpcore's names."""
    events = []
    async with network() as (transport, _):
        await ask(transport, post(b"x", events=events))
        assert events == [
            "connection.connect_tcp.started",
            "http11.send_request_headers.started",
            "http11.send_request_body.complete",
            "http11.receive_response_headers.complete",
        ]
        events.clear()
        await ask(transport, post(b"x", events=events))
    assert events[0] == "http11.send_request_headers.started"


async def test_the_last_byte():
    """A request is told to be written when its last byte has been handed over, and not before."""
    events = []

    async def not_yet():
        assert "http11.send_request_body.complete" not in events

    async with network() as (transport, net):
        request = post(b"aa", b"bb", events=events, before={1: not_yet, 2: not_yet})
        await transport.handle_async_request(request)
        assert net.lines[0].writes[-1] == b"bb"
        assert "http11.send_request_body.complete" in events


async def test_an_answer_read_as_it_comes():
    """A body comes in the pieces in which it came, not at its end."""
    more = trio.Event()

    async def peer(line):
        await whole_request(line)
        await line.send_all(TAKEN.replace(b": 2", b": 4"))
        await more.wait()
        await line.send_all(b"ay")

    async with network(peer) as (transport, _):
        response = await transport.handle_async_request(post(b"x"))
        pieces = aiter(response.stream)
        assert await anext(pieces) == b"ok"
        more.set()
        assert [piece async for piece in pieces] == [b"ay"]


# -- which connection


async def test_keep_alive():
    """One request after another goes through one connection."""
    async with network() as (transport, net):
        for _ in range(3):
            assert await ask(transport) == (202, b"ok")
    assert len(net.lines) == 1


async def test_the_last_one_used_is_the_first_used_again():
    """So that those in surplus grow old."""
    async with network() as (transport, net):
        first = await transport.handle_async_request(post(b"x"))
        second = await transport.handle_async_request(post(b"x"))
        await first.aclose()
        await second.aclose()
        await ask(transport)
    assert [len(line.writes) for line in net.lines] == [1, 2]


async def test_an_idle_connection_grows_old(autojump_clock):
    """It is not used after its time, and closed when the transport is used next."""
    async with network() as (transport, net):
        await ask(transport)
        await trio.sleep(IDLE_S)
        await ask(transport)
        assert len(net.lines) == 1
        await trio.sleep(IDLE_S + 1)
        await ask(transport)
        assert [line.closed for line in net.lines] == [True, False]


async def test_those_in_surplus_go(autojump_clock):
    """Connections that a rush has left behind go while others are in use."""
    async with network() as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(4)]
        for response in rush:
            await response.aclose()
        for _ in range(4):
            await trio.sleep(IDLE_S / 2)
            await ask(transport)
        assert [line.closed for line in net.lines] == [True, True, True, False]


@pytest.mark.parametrize("then", ["leaves", "breaks"])
async def test_a_connection_that_died_while_idle(then):
    """It is noticed before anything is written to it."""
    async with network(saying(TAKEN, then=then), answering) as (transport, net):
        await ask(transport)
        await wait_all_tasks_blocked()
        assert await ask(transport) == (202, b"ok")
    assert [len(line.writes) for line in net.lines] == [1, 1]
    assert net.lines[0].closed


async def test_words_that_nobody_asked_for():
    """A connection on which something has come while idle is not used again."""
    async with network() as (transport, net):
        await ask(transport)
        await net.lines[0].far.send_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert await ask(transport) == (202, b"ok")
        assert [line.closed for line in net.lines] == [True, False]


async def test_closed_before_the_first_byte():
    """A connection found closed on writing, of which no byte was taken, is replaced by a new one,
    once, and the whole request goes there."""
    requests = []
    peers = (saying(TAKEN, then="leaves"), partial(answering, requests=requests))
    async with network(*peers, blind=True) as (transport, net):
        await ask(transport)
        await wait_all_tasks_blocked()
        assert await ask(transport, post(b"aa", b"bb")) == (202, b"ok")
    assert requests[0].endswith(b"aabb")
    assert len(net.lines) == 2
    assert net.lines[0].closed


async def test_closed_before_the_first_byte_again():
    """If the new one fails too, that is an error: nothing is tried a third time."""
    async with network(saying(TAKEN, then="leaves"), answering, blind=True) as (_, net):

        async def dial(host, port):
            line = await net.dial(host, port)
            if len(net.lines) > 1:
                line.far.close()
            return line

        async with Transport(4, PLAIN, dial=dial) as transport:
            await ask(transport)
            await wait_all_tasks_blocked()
            with pytest.raises(httpx.WriteError):
                await ask(transport)
            assert len(net.lines) == 2
            assert net.open == 0


async def test_closed_after_the_first_byte():
    """Once a byte has been taken nothing is tried again."""
    async with network(blind=True) as (transport, net):
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
async def test_a_connection_that_may_not_be_used_again(answer):
    """It is closed with its answer."""
    async with network(partial(answering, answer=answer)) as (transport, net):
        assert await ask(transport) == (202, b"ok")
        assert net.lines[0].closed


async def test_a_body_that_nobody_read():
    """An answer given up half-way takes its connection with it."""
    answer = TAKEN.replace(b": 2", b": 9")
    async with network(partial(answering, answer=answer)) as (transport, net):
        response = await transport.handle_async_request(post(b"x"))
        await response.aclose()
        assert net.lines[0].closed


async def test_an_end_without_a_length():
    """A body that ends with its connection is whole."""
    answer = b"HTTP/1.1 200 OK\r\n\r\nok"
    async with network(saying(answer, then="leaves")) as (transport, net):
        assert await ask(transport) == (200, b"ok")
        assert net.lines[0].closed


# -- faults


@pytest.mark.parametrize(
    ("peer", "error"),
    [
        (saying(b"", then="leaves"), httpx.RemoteProtocolError),
        (saying(b"", then="breaks"), httpx.ReadError),
        (saying(b"garbage\r\n\r\n"), httpx.RemoteProtocolError),
        (saying(TAKEN.replace(b": 2", b": 9"), then="leaves"), httpx.RemoteProtocolError),
        (saying(TAKEN.replace(b": 2", b": 9"), then="breaks"), httpx.ReadError),
    ],
    ids=["leaves", "breaks", "garbage", "cut", "broken"],
)
async def test_what_ends_an_exchange(peer, error):
    """An exchange that breaks raises httpx's error, closes its connection, and leaves room."""
    async with network(peer, connections_max=1) as (transport, net):
        for _ in range(3):
            with pytest.raises(error):
                await ask(transport)
        assert net.open == 0


async def test_no_connection():
    """One that cannot be made is a connect error, and leaves room."""

    async def nobody(_host, _port):
        raise OSError("nobody there")

    async with Transport(1, PLAIN, dial=nobody) as transport:
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
async def test_what_cannot_be_sent(request_, error):
    """A request that is none is refused, and the pool is as it was."""
    async with network(connections_max=1) as (transport, _):
        for _ in range(2):
            with pytest.raises(error):
                await ask(transport, request_)
        assert await ask(transport) == (202, b"ok")


@pytest.mark.parametrize(("pieces", "length"), [((b"hello", b"!"), 5), ((b"hell",), 5)])
async def test_a_body_that_is_not_as_long_as_it_says(pieces, length):
    """It is our own mistake, and never makes a whole request with something after it."""
    seen = []

    async def peer(line):
        while come := await line.receive_some():
            seen.append(come)

    async with network(peer) as (transport, net):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(transport, post(*pieces, length=length))
        assert net.lines[0].closed
    assert not b"".join(seen).endswith(b"!")


# -- an answer before the whole request


async def test_heard_although_not_written():
    """A peer that answers in mid-body and leaves is heard; the request is not told as written."""

    async def refusing(line):
        await line.receive_some()
        await line.send_all(TAKEN.replace(b"202", b"413"))
        line.close()

    events = []
    async with network(refusing) as (transport, net):
        request = post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (413, b"ok")
        assert net.lines[0].closed
    assert "http11.send_request_body.complete" not in events


async def test_left_in_mid_body():
    """A peer that leaves in mid-body without a word is a write error, not a read error."""

    async def leaving(line):
        await line.receive_some()
        line.close()

    async with network(leaving) as (transport, net):
        with pytest.raises(httpx.WriteError):
            await ask(transport, post(b"aa", b"bb", before={1: wait_all_tasks_blocked}))
        assert net.lines[0].closed


async def test_an_answer_before_the_last_piece():
    """It is the answer; but what the peer does with the rest of the body, nobody knows."""

    async def early(line):
        await line.receive_some()
        await line.send_all(TAKEN)
        await whole_request(line)

    async with network(early) as (transport, net):
        request = post(b"aa", b"bb", before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        assert net.lines[0].closed


# -- bounds


async def test_room():
    """No more connections than allowed; who comes then waits until one is given back."""
    async with network(connections_max=2) as (transport, net):
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


async def test_room_for_another_origin():
    """Idle connections to one origin make room for another's."""
    async with network(connections_max=2) as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(2)]
        for response in rush:
            await response.aclose()
        await ask(transport, post(b"x", url="http://other.example.com:8081/"))
        assert net.dialled[-1] == ("other.example.com", 8081)
        assert net.open == 2


async def test_a_connection_belongs_to_its_origin():
    """Host, port and scheme: mail for one never goes to another."""
    async with network() as (transport, net):
        for url in (URL, "http://api.example.com:8081/", "http://other.example.com/", URL):
            await ask(transport, post(b"x", url=url))
    assert net.dialled == [
        ("api.example.com", 80),
        ("api.example.com", 8081),
        ("other.example.com", 80),
    ]


async def test_the_end():
    """Idle connections are closed with the transport, those in use when their use is over."""
    async with network() as (transport, net):
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
async def test_cancelled(autojump_clock, phase):
    """A call that is given up has closed its connection, leaves room, and writes nothing more."""
    half = TAKEN.replace(b": 2", b": 9")
    peer = partial(answering, answer=half) if phase == "answered" else silent
    async with network(peer, answering, connections_max=1) as (_, net):

        async def dial(host, port):
            if phase == "connecting":
                await trio.sleep_forever()
            line = await net.dial(host, port)
            line.stalled = trio.Event() if phase == "writing" else None
            return line

        given_up = Transport(1, PLAIN, dial=dial)
        if phase == "waiting":
            await given_up._pool.enter()
        with trio.move_on_after(1.0) as scope:
            await ask(given_up)
        assert scope.cancelled_caught
        assert net.open == 0
        assert [len(line.writes) for line in net.lines] == [phase != "writing" for _ in net.lines]
        if phase == "waiting":
            given_up._pool.leave()
        with trio.fail_after(1.0):
            await given_up._pool.enter()


# -- TLS


@pytest.fixture(scope="module")
def authority():
    """Who vouches for ``api.example.com``."""
    return trustme.CA()


def secured(authority, peer, name="api.example.com"):
    """A peer behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def play(line):
        stream = trio.SSLStream(line, context, server_side=True)
        try:
            await stream.do_handshake()
            await peer(stream, line)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    return play


def trusting(authority):
    """Our side of TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


SECURE = URL.replace("http:", "https:")


async def answering_through_tls(stream, _line):
    """A peer that answers two requests."""
    for _ in range(2):
        while not (await stream.receive_some()).endswith(b"hello"):
            pass
        await stream.send_all(TAKEN)


async def test_through_tls(authority):
    """Requests go through TLS, one after another through one connection."""
    events = []
    peer = secured(authority, answering_through_tls)
    async with network(peer, tls=trusting(authority)) as (transport, net):
        for _ in range(2):
            assert await ask(transport, post(b"hello", url=SECURE, events=events)) == (202, b"ok")
            await wait_all_tasks_blocked()
        assert net.dialled == [("api.example.com", 443)]
        assert b"POST" not in b"".join(net.lines[0].writes)
    assert events[1] == "connection.start_tls.started"


@pytest.mark.parametrize("name", ["other.example.com", None])
async def test_who_answers_is_verified(authority, name):
    """Neither another's certificate will do, nor one that nobody we trust vouches for."""
    peer = secured(authority, answering_through_tls, name or "api.example.com")
    tls = trusting(authority) if name else PLAIN
    async with network(peer, tls=tls, connections_max=1) as (transport, net):
        for _ in range(2):
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(transport, post(b"hello", url=SECURE))
        assert net.open == 0


async def test_a_handshake_given_up(authority, autojump_clock):
    """It has closed its connection."""
    async with network(hanging, tls=trusting(authority)) as (transport, net):
        with trio.move_on_after(1.0) as scope:
            await ask(transport, post(b"hello", url=SECURE))
        assert scope.cancelled_caught
        assert net.open == 0


async def test_heard_through_tls_although_not_written(authority):
    """A peer that answers in mid-body and leaves is heard through TLS, too."""

    async def refusing(stream, line):
        await stream.receive_some()
        await stream.send_all(TAKEN.replace(b"202", b"413"))
        line.close()

    peer = secured(authority, refusing)
    async with network(peer, tls=trusting(authority)) as (transport, _):
        request = post(b"aa", b"bb", url=SECURE, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (413, b"ok")
