"""What peers may ask of a connection: heads, headers, speed, and connections themselves.

Needs the inside: bounds are set lower than any variable may set them.
"""

from __future__ import annotations

import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from statistics import median
from threading import Event

import httpx
import pytest
import trio

from functional_tests.kit.server import LIVEZ, POST, ended_within_s, request, running
from functional_tests.kit.smsp import KEY
from smsp.mail.outcome import Sent
from smsp.server.listener import Limits
from tests.kit.web import FakeDispatcher, dispatched, message

HEAD_S = 0.4
HALF_A_HEAD = b"POST /email HTTP/1.1\r\nX-A: b"
LORIS = 2_000
AHEAD = 50
GUESSERS = 30
GUESSED_SEND_S_MAX = 1.0
ASSET = "/docs/assets/swagger-ui-bundle.js"


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
    slow = FakeDispatcher(_slow)
    said = request("POST", "/email", "Connection: close", body=message())
    async with (
        running(idle_s=60, dispatcher=slow, limits=Limits(head_s=HEAD_S)) as server,
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
        running(idle_s=60, dispatcher=FakeDispatcher(held), limits=limits) as server,
        await server.connect() as waiting,
    ):
        await waiting.say(POST)
        await asked.wait()
        async with await server.connect() as late:
            assert await ended_within_s(late) < 1
        finish.set()
        assert (await waiting.hear()).status == 200


async def test_a_head_is_refused_as_it_comes():
    """431 with the first header that is too many, 414 with the first byte, and no end is needed."""
    many, long = HALF_A_HEAD + b"\r\n" + b"a:b\r\n" * 101, b"GET /" + b"a" * 8192
    async with running(idle_s=60) as server:
        for said, status in ((many, 431), (long, 414)):
            async with await server.connect() as peer:
                await peer.stream.send_all(said)
                assert (await peer.stream.receive_some()).startswith(b"HTTP/1.1 %d " % status)
                await peer.stream.send_eof()
                await peer.rest()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://smsp.example/livez", 200),
        ("http://%5B/livez", 400),
        ("http://[/livez", 400),
        ("http://user:password@smsp.example/livez", 400),
        ("/livez?token=x", 400),
        ("/livez?" + "&" * 32, 400),
        ("/livez?" + "&" * 31, 200),
    ],
)
async def test_targets(target, status):
    """Whatever stands there, there is an answer."""
    async with running(idle_s=60) as server, await server.connect() as peer:
        await peer.stream.send_all(request("GET", target, "Connection: close"))
        assert (await peer.rest()).startswith(f"HTTP/1.1 {status} ".encode())


async def test_what_is_held_for_all():
    """When it is too much, those go whose heads have been coming for longest, and no other."""
    half = HALF_A_HEAD + b"b" * 10_000
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            running(idle_s=60, limits=Limits(held_bytes_max=35_000))
        )
        idle, *callers = [await stack.enter_async_context(await server.connect()) for _ in range(5)]
        assert (await idle.ask(LIVEZ)).status == 200
        for caller in callers:
            await caller.stream.send_all(half)
            await trio.sleep(0.05)
        assert await ended_within_s(callers[0]) < 1
        for caller in callers[1:]:
            await caller.stream.send_all(b"\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await caller.rest()).startswith(b"HTTP/1.1 401 ")
        assert (await idle.ask(LIVEZ)).status == 200


async def test_who_does_not_read():
    """Its answer is held for a while, and goes with it for others who do not read theirs."""
    limits, ask = Limits(held_bytes_max=100_000), request("GET", ASSET) * 8
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(idle_s=60, limits=limits))
        callers = [await stack.enter_async_context(await server.connect()) for _ in range(5)]
        for caller in callers:
            await caller.stream.send_all(ask)
            await trio.sleep(0.1)
        asset = (await callers[-1].hear()).body
        first = await callers[0].rest()
        assert 0 < len(first) < 8 * len(asset)


async def test_requests_sent_ahead():
    """Thousands on many connections are answered one by one, and others in between."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(idle_s=60))
        other, *ahead = [
            await stack.enter_async_context(await server.connect()) for _ in range(1 + AHEAD)
        ]
        assert (await other.ask(LIVEZ)).status == 200
        for peer in ahead:
            await peer.stream.send_all(LIVEZ * 200)
        for peer in ahead:
            await peer.stream.receive_some()
        before = len(server.services.log.told("request.handled"))
        assert (await other.ask(LIVEZ)).status == 200
        assert len(server.services.log.told("request.handled")) < before + AHEAD


def test_guesses_without_a_key(start_smsp, simulators):
    """Thirty callers who try texts in URLs as fast as they can: sending goes on, and no circuit
    opens."""
    smsp = start_smsp()
    stop = Event()
    with ThreadPoolExecutor(GUESSERS) as guessers:
        guessed = [guessers.submit(_guess, smsp.http.base_url, stop) for _ in range(GUESSERS)]
        took = []
        for _ in range(40):
            since = time.monotonic()
            assert smsp.send().outcome == "sent"
            took.append(time.monotonic() - since)
        stop.set()
        megabytes = sum(one.result() for one in guessed) / 1e6 / sum(took)
    print(f"{megabytes:.1f} MB/s of guesses: a send took {median(took):.3f} s, {max(took):.3f}")
    assert median(took) < GUESSED_SEND_S_MAX
    assert all(smsp.openings(name) == [] for name in smsp.states())


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


def _guess(url, stop):
    """Ask for guesses, up to 1 MB of them a second, until told to stop; how many bytes."""
    asked = b"GET %b?%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"/guess" * 600, b"guess&" * 700)
    sent = 0
    with socket.create_connection((url.host, url.port)) as connection:
        while not stop.is_set():
            connection.sendall(asked)
            connection.recv(65_536)
            sent += len(asked)
            stop.wait(len(asked) / 1e6)
    return sent


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
