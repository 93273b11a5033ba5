"""Connections of callers, on real sockets: how long they are kept, and how they end.

The whole server but for its circuits, in this process; stopping is in ``test_stopping.py``.

Needs the inside: a dispatcher is played, which answers when a test says so.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from functional_tests.kit.server import (
    IDLE_S,
    LIVEZ,
    POST,
    Server,
    ended_within_s,
    request,
    running,
)
from smsp.mail.outcome import Sent
from tests.kit.peer import Peer
from tests.kit.web import FakeDispatcher, dispatched, message

MIB = 1024 * 1024


class HeldMailroom(FakeDispatcher):
    """Keeps every message in flight until it is told to finish."""

    def __init__(self):
        super().__init__(self._held)
        self.asked, self.finish = trio.Event(), trio.Event()

    async def _held(self, _send):
        self.asked.set()
        await self.finish.wait()
        return dispatched(Sent())


async def refused(server: Server) -> None:
    """Return when no connection is taken any more."""
    with suppress(OSError):
        while True:
            await (await server.connect()).stream.aclose()


async def test_a_connection_serves_one_request_after_another():
    """A connection is kept for the next request."""
    async with running() as server, await server.connect() as peer:
        answers = [await peer.ask(request) for request in (LIVEZ, POST, LIVEZ)]
    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_pipelined_requests():
    """Requests that come before the answers to earlier ones are answered in order."""
    last = request("GET", "/nowhere", "Connection: close")
    async with running() as server, await server.connect() as peer:
        await peer.stream.send_all(LIVEZ + POST + last)
        answers = await peer.rest()
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", answers) == [b"200", b"200", b"404"]


async def test_an_idle_connection_is_closed():
    """After its time-out, whether it was used before or never."""
    async with running() as server:
        async with await server.connect() as unused:
            assert await ended_within_s(unused) == pytest.approx(IDLE_S, abs=IDLE_S)
        async with await server.connect() as used:
            await used.ask(LIVEZ)
            assert await ended_within_s(used) == pytest.approx(IDLE_S, abs=IDLE_S)


async def test_half_a_head_is_idle():
    """Who sends a request's head bit by bit gets no more time for it than who sends nothing."""
    async with running() as server, await server.connect() as peer:
        await peer.stream.send_all(b"POST /email HTTP/1.1\r\nX-A: b")
        assert await ended_within_s(peer) == pytest.approx(IDLE_S, abs=IDLE_S)


@pytest.mark.parametrize("requests", [0, 1])
async def test_a_caller_who_leaves_is_forgotten_at_once(requests):
    """A connection that its caller has closed is not kept for the rest of its idle time."""
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        for _ in range(requests):
            await peer.ask(LIVEZ)
        await wait_all_tasks_blocked()
        await peer.stream.send_eof()
        assert await ended_within_s(peer) < 1.0


async def test_connection_close_is_honoured():
    """The server closes after the answer when the caller says so."""
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        answer = await peer.ask(request("GET", "/livez", "Connection: close"))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await ended_within_s(peer) < 1.0


@pytest.mark.parametrize("asks", [False, True])
async def test_an_old_caller_s_connection_is_kept_if_it_asks(asks):
    """HTTP/1.0 with ``Connection: keep-alive``: the answer says so, and more requests may come."""
    line = b"Connection: keep-alive\r\n" if asks else b""
    one = POST.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n" + line)
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        await peer.stream.send_all(one * 3)
        await peer.stream.send_eof()
        answers = await peer.rest()
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == (3 if asks else 1)
    assert answers.count(b"\r\nconnection: keep-alive\r\n") == (3 if asks else 0)


async def test_an_idle_connection_does_not_hold_up_the_end():
    """When the server closes, connections that wait for nothing end at once."""
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        await peer.ask(LIVEZ)
        since = trio.current_time()
        server.close.set()
        await server.ended.wait()
        assert trio.current_time() - since < 1.0


async def _last_words(caller: trio.SocketStream) -> bytes:
    """What a caller hears until its connection ends, in whatever way."""
    async with Peer(caller) as peer:
        try:
            return await peer.rest()
        except trio.BrokenResourceError:
            return b"reset"


async def test_whom_the_system_has_taken_is_answered():
    """Callers who come one a step while the server closes: until they are refused, each has its
    answer, in the backlog or not yet heard when the end began."""
    async with running(idle_s=60.0) as server:
        server.close.set()
        callers = []
        with suppress(ConnectionRefusedError):
            while True:
                caller = socket.create_connection(("127.0.0.1", server.port))
                caller.sendall(LIVEZ)
                callers.append(trio.SocketStream(trio.socket.from_stdlib_socket(caller)))
                await trio.lowlevel.checkpoint()
        assert len(callers) > 2
        answers = [await _last_words(caller) for caller in callers]
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
        await server.ended.wait()


async def test_who_asks_at_the_end_is_answered():
    """On a connection that has been idle, or silent from its beginning: what was said when the end
    began is not taken for nothing."""
    async with running(idle_s=60.0) as server, await server.connect() as kept:
        await kept.ask(LIVEZ)
        async with await server.connect() as silent:
            server.close.set()
            await refused(server)
            for peer in (kept, silent):
                await peer.say(LIVEZ)
            for peer in (kept, silent):
                answer = await peer.hear()
                assert answer is not None
                assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_the_end_waits_for_answers():
    """When the server closes, no new connection is taken, and who waits is answered."""
    dispatcher = HeldMailroom()
    async with running(dispatcher=dispatcher) as server, await server.connect() as peer:
        await peer.say(POST)
        await dispatcher.asked.wait()
        server.close.set()
        await refused(server)
        assert not server.ended.is_set()
        dispatcher.finish.set()
        answer = await peer.hear()
        assert answer.status == 200
        await server.ended.wait()


async def test_a_body_that_is_too_large_is_answered():
    """A caller who writes all of 26 MiB before it reads has its 413, and no reset."""
    async with running(max_body_bytes=25 * MIB) as server, await server.connect() as peer:
        length = f"Content-Length: {26 * MIB}"
        head = request("POST", "/email", "Content-Type: application/json", length)
        await peer.say(head)
        for _ in range(26):
            await peer.stream.send_all(b" " * MIB)
        answer = await peer.hear()
    assert answer.status == 413


async def test_a_caller_who_asks_before_sending():
    """``Expect: 100-continue`` is answered, then the message is taken."""
    async with running() as server, await server.connect() as peer:
        body = message()
        headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        await peer.say(request("POST", "/email", "Expect: 100-continue", *headers))
        assert (await peer.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await peer.stream.send_all(body)
        assert (await peer.hear()).status == 200


async def test_what_is_no_http():
    """It is answered 400 and the connection closed."""
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        await peer.stream.send_all(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_head_without_an_end():
    """431 when a head grows too large; it is not kept in memory for ever."""
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        await peer.stream.send_all(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 200_000)
        assert (await peer.rest()).startswith(b"HTTP/1.1 431 ")


WEBSOCKET = request(
    "GET",
    "/livez",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
H2C = request(
    "GET",
    "/livez",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
)
H2C_WITH_BODY = request(
    "POST",
    "/email",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    body=message(),
)
CHUNKED = request("POST", "/email", "Content-Type: application/json", "Transfer-Encoding: chunked")


@pytest.mark.parametrize("said", [WEBSOCKET, H2C, H2C_WITH_BODY])
async def test_no_other_protocol(said):
    """Who asks to change to WebSocket or HTTP/2 has an ordinary answer, and the next one too."""
    async with running() as server, await server.connect() as peer:
        answers = [await peer.ask(one) for one in (said, POST)]
    assert [answer.status for answer in answers] == [200, 200]
    assert "requestkey" in answers[0].headers


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"X-A: a\r\n Transfer-Encoding: chunked\r\n\r\n",
        b"X-A: a\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n",
    ],
    ids=["both lengths", "two lengths", "folded", "line feed", "space"],
)
async def test_what_could_hide_a_request(lines):
    """Whatever a proxy might read in another way is refused, and what follows is not served."""
    hidden = b"POST /email HTTP/1.1\r\nHost: x\r\n" + lines + LIVEZ
    async with running(idle_s=60.0) as server, await server.connect() as peer:
        await peer.stream.send_all(hidden)
        assert (await peer.rest()).count(b"HTTP/1.1 ") == 1
        async with await server.connect() as again:
            await again.stream.send_all(hidden)
            assert (await again.rest()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "said",
    [
        request("GET", "?"),
        request("GET", "?") + LIVEZ,
        request("GET", "?") + b"GET \xff / HTTP/1.1\r\n\r\n",
        WEBSOCKET + LIVEZ,
        WEBSOCKET + b"\0",
        H2C + b"\0",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"5\r\nhello\r\n" + LIVEZ,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + LIVEZ,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\4\0\0\0\0\0\0",
    ],
    ids=range(10),
)
async def test_no_caller_can_end_the_server(said):
    """Whatever a caller says costs no other caller anything."""
    async with running() as server:
        async with await server.connect() as peer:
            await peer.stream.send_all(said)
            with suppress(trio.BrokenResourceError):
                await peer.rest()
        async with await server.connect() as other:
            assert (await other.ask(LIVEZ)).status == 200
