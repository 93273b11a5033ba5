"""What peers may ask of a connection: heads, headers, speed, and connections themselves."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest
import trio

from functional_tests.kit.server import LIVEZ, POST, ended_within_s, request, running
from functional_tests.kit.smsp import KEY
from smsp.listener import Limits
from smsp.outcome import Sent
from tests.kit.web import FakeMailroom, dispatched, message

HEAD_S = 0.4
HALF_A_HEAD = b"POST /email HTTP/1.1\r\nX-A: b"
LORIS = 2_000


async def test_a_head_has_less_time_than_an_idle_connection():
    """From its first byte on, however often another one comes."""
    async with (
        running(idle_s=60, limits=Limits(head_s=HEAD_S)) as server,
        await server.connect() as peer,
        trio.open_nursery() as nursery,
    ):
        await peer.stream.send_all(HALF_A_HEAD)
        nursery.start_soon(_trickle, peer.stream)
        assert await ended_within_s(peer) == pytest.approx(HEAD_S, abs=HEAD_S / 2)
        nursery.cancel_scope.cancel()


async def test_a_second_head_has_no_more_time_than_the_first():
    """On a connection that has served before, and behind a request that came with it."""
    limits = Limits(head_s=HEAD_S)
    async with running(idle_s=60, limits=limits) as server, await server.connect() as peer:
        await peer.ask(LIVEZ)
        await peer.ask(LIVEZ + HALF_A_HEAD)
        assert await ended_within_s(peer) == pytest.approx(HEAD_S, abs=HEAD_S / 2)


async def test_a_whole_head_ends_its_time():
    """Nobody is cut off for having been slow with a head that has come at last."""
    slow = FakeMailroom(_slow)
    said = request("POST", "/email", "Connection: close", body=message())
    async with (
        running(idle_s=60, mailroom=slow, limits=Limits(head_s=HEAD_S)) as server,
        await server.connect() as peer,
    ):
        await peer.stream.send_all(said[:20])
        await trio.sleep(HEAD_S / 2)
        await peer.stream.send_all(said[20:])
        assert (await peer.rest()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("number", "status"), [(97, 200), (98, 431)])
async def test_the_number_of_headers(number, status):
    """100 with the three that are there anyway; beyond it 431, and the connection is closed."""
    headers = ["Connection: close", *(f"X-{one}: x" for one in range(number))]
    async with running(idle_s=60) as server, await server.connect() as peer:
        await peer.stream.send_all(request("GET", "/livez", *headers))
        assert (await peer.rest()).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_full_house_sends_the_idle_away():
    """The new connection is served; of the others the longest idle one has gone, and no other."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            running(idle_s=60, limits=Limits(connections_max=3))
        )
        first, second, third = [
            await stack.enter_async_context(await server.connect()) for _ in range(3)
        ]
        for peer in (second, third, first):
            assert (await peer.ask(LIVEZ)).status == 200
        fourth = await stack.enter_async_context(await server.connect())
        assert (await fourth.ask(LIVEZ)).status == 200
        assert await ended_within_s(second) < 1
        assert [(await peer.ask(LIVEZ)).status for peer in (third, first)] == [200, 200]


async def test_a_full_house_keeps_those_who_wait():
    """Who waits for an answer gets it; who comes then is not let in."""
    asked, finish = trio.Event(), trio.Event()

    async def held(_send):
        asked.set()
        await finish.wait()
        return dispatched(Sent())

    limits = Limits(connections_max=1)
    async with (
        running(idle_s=60, mailroom=FakeMailroom(held), limits=limits) as server,
        await server.connect() as waiting,
    ):
        await waiting.say(POST)
        await asked.wait()
        async with await server.connect() as late:
            assert await ended_within_s(late) < 1
        finish.set()
        assert (await waiting.hear()).status == 200


def test_two_thousand_slow_callers(start_smsp, simulators):
    """Connections that never end their heads, in two waves, and mail goes on being sent."""
    smsp = start_smsp()
    smsp.send()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as besieging:
        for _ in range(2):
            for _ in range(LORIS // 2):
                besieging.enter_context(_slow_caller(smsp.http.base_url))
            since = time.monotonic()
            answers = [smsp.send() for _ in range(20)]
            assert [answer.outcome for answer in answers] == ["sent"] * 20
            assert time.monotonic() - since < 20
        fresh = httpx.get(f"{smsp.url}/livez", trust_env=False, timeout=10)
        assert fresh.status_code == 200
    assert sum(simulators.taken().values()) == 41


def test_bodies_that_do_not_come(start_smsp):
    """Eleven callers who announce 25 MiB each, more than there is room for, and send none of it:
    everybody else's mail is sent, and one of those callers is read when its body comes."""
    smsp = start_smsp()
    body = message()
    lines = ["POST /email HTTP/1.1", "Host: x", f"X-API-KEY: {KEY}"]
    lines += ["Content-Type: application/json", "Content-Length: %d", "", ""]
    head = "\r\n".join(lines).encode()
    with ExitStack() as idle:
        for _ in range(11):
            connection = idle.enter_context(_connected(smsp.http.base_url))
            connection.sendall(head % (25 * 2**20))
        late = idle.enter_context(_connected(smsp.http.base_url))
        late.sendall(head % len(body))
        assert [smsp.send().outcome for _ in range(5)] == ["sent"] * 5
        late.sendall(body)
        assert late.recv(4096).startswith(b"HTTP/1.1 200 ")


def _connected(url):
    return socket.create_connection((url.host, url.port), timeout=10)


def _slow_caller(url):
    connection = _connected(url)
    connection.sendall(HALF_A_HEAD)
    return connection


async def _trickle(stream):
    while True:
        await trio.sleep(HEAD_S / 8)
        await stream.send_all(b"b")


async def _slow(_send):
    await trio.sleep(2 * HEAD_S)
    return dispatched(Sent())
