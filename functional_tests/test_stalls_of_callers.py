"""A server that stood still while its callers did not: who was in time is served.

Needs the inside: a bound is set lower than any variable may set it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable

import trio

from actors import LoopClock
from functional_tests.kit.server import LIVEZ, POST, Server, running
from smsp.server.listener import Limits

HEAD_S = IDLE_S = 0.4
BEFORE_S = 0.2
STOP_S = 0.8
ROUNDS = 5
"""Whether a caller or who sends it away has its turn first is trio's own toss of a coin."""
HALF = POST.index(b"\r\n\r\n") // 2
ANSWER_WITHIN_S = 10.0


def with_server(program: Callable[[Server], Awaitable[None]]) -> None:
    """Run a server that stands still whenever this program does: both are on one loop."""

    async def both() -> None:
        async with running(idle_s=IDLE_S, limits=Limits(head_s=HEAD_S)) as server:
            await program(server)

    trio.run(both, clock=LoopClock())


def caller_of(server: Server) -> socket.socket:
    """A caller who waits for nobody."""
    return socket.create_connection(("127.0.0.1", server.port), ANSWER_WITHIN_S)


def stand_still() -> None:
    """Nobody on this loop does anything."""
    time.sleep(STOP_S)


async def heard(caller: socket.socket) -> bytes:
    """What the caller is told first; nothing if it is sent away."""
    return await trio.to_thread.run_sync(caller.recv, 1 << 16)


def test_a_head_that_was_whole_in_time():
    """Its last byte came before its time was up, and is read after."""

    async def program(server: Server) -> None:
        with caller_of(server) as caller:
            caller.sendall(POST[:HALF])
            await trio.sleep(BEFORE_S)
            caller.sendall(POST[HALF:])
            stand_still()
            assert (await heard(caller)).startswith(b"HTTP/1.1 200 ")

    with_server(program)


def test_requests_on_an_idle_connection():
    """Each came before the connection was idle for too long."""

    async def program(server: Server) -> None:
        with caller_of(server) as caller:
            for _ in range(ROUNDS):
                caller.sendall(LIVEZ)
                stand_still()
                assert (await heard(caller)).startswith(b"HTTP/1.1 200 ")
                await trio.sleep(BEFORE_S)

    with_server(program)


def test_who_was_too_slow_is_sent_away_all_the_same():
    """A stop is no reason to wait for ever."""

    async def program(server: Server) -> None:
        with caller_of(server) as caller:
            caller.sendall(POST[:HALF])
            await trio.sleep(BEFORE_S)
            stand_still()
            assert await heard(caller) == b""

    with_server(program)
