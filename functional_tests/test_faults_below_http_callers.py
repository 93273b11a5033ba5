"""What a network can do to a caller's connection, at every byte of it.

A proxy between a caller and SMSP breaks, ends or holds the connection at an exact byte. A message
is sent once if its request came whole, whatever becomes of the caller; otherwise it is not sent.
"""

from __future__ import annotations

import gc
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import orjson
import pytest
import trio

from functional_tests.kit.fault_proxy import FAULTLESS, Act, FaultProxy, Met, Script, Way
from functional_tests.kit.fault_proxy_lane import email, is_whole
from functional_tests.kit.fault_proxy_lanes import PROGRAMS, Lanes, running_lanes
from functional_tests.kit.polling import eventually
from smsp.simulator.loopback import HOST

CALLERS = 16
MESSAGE = {
    "fromaddress": "alice@mail.example.com",
    "toaddress": "bob@example.org",
    "plaintextbody": "Hello.",
}
CASES_MAX = 900
"""The simulators remember the last thousand messages whole."""


def names(acts: Iterable[Act]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("act", acts, ids=lambda act: act.name.lower())


@dataclass(frozen=True)
class Called:
    """One caller's try: the subject of its message, and what its connection met."""

    subject: str
    met: Met
    heard: bytes


@pytest.fixture(scope="module")
def shared_lanes(simulators, register, tmp_path_factory):
    """An SMSP for the whole file, and no lane: it is the callers who are spoilt."""
    simulators.mend()
    folder = tmp_path_factory.mktemp("callers")
    with running_lanes(simulators, PROGRAMS["own"], register, folder, kinds={}) as lanes:
        yield lanes


@pytest.fixture
def lanes(shared_lanes) -> Lanes:
    """It has forgotten no caller when a test is over, is well, and has logged no trouble."""
    shared_lanes.simulators.forget()
    before = shared_lanes.open_files
    yield shared_lanes
    most = before + CALLERS  # as many idle connections to the provider
    eventually(lambda: shared_lanes.open_files <= most, "no connection is forgotten open")
    assert shared_lanes.smsp.send().outcome == "sent"
    events = {event["event"] for event in shared_lanes.smsp.process.events}
    assert "server.connection_failed" not in events
    gc.collect()


@pytest.fixture
def proxies(lanes):
    """The ways to SMSP that are spoilt."""
    proxies = [FaultProxy(lanes.port, tests_near=False) for _ in range(CALLERS)]
    yield proxies
    for proxy in proxies:
        proxy.close()


@names([Act.RESET, Act.END, Act.HALF_CLOSE])
async def test_the_request_is_cut(lanes, proxies, act):
    """After any byte: it is sent if SMSP had the last one, and else it is not."""
    length = await length_of(lanes, proxies[0], "there")
    called = await each(proxies, [Script(there=Way(n, act)) for n in range(length + 1)])
    check(lanes, called)
    assert sum(is_whole(one.met.there) for one in called) == 1


@names([Act.STALL, Act.SILENCE])
async def test_the_request_comes_to_a_halt(lanes, proxies, act):
    """Likewise, and SMSP lets go of a caller who leaves at last."""
    length = await length_of(lanes, proxies[0], "there")
    called = await each(proxies, [Script(there=Way(n, act)) for n in range(0, length + 1, 3)])
    check(lanes, called)


@names([Act.RESET, Act.END, Act.HALF_CLOSE, Act.STALL, Act.SILENCE])
async def test_the_answer_is_cut(lanes, proxies, act):
    """After any byte: the message is sent, once."""
    length = await length_of(lanes, proxies[0], "back")
    called = await each(proxies, [Script(back=Way(n + 1, act)) for n in range(length)])
    check(lanes, called)
    assert all(is_whole(one.met.there) for one in called)


async def test_callers_who_leave_before_they_are_met(lanes):
    """A rush of connections that are reset at once, some with a whole request: no trouble."""
    for number in range(200):
        with socket.create_connection((HOST, lanes.port)) as connected:
            if number % 20 == 0:
                connected.sendall(email(MESSAGE | {"subject": f"message {number:04d}"}))
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    lanes.smsp.wait_until_quiet()
    assert set(taken(lanes).values()) <= {1}


async def test_a_slow_way(lanes, proxies):
    """Byte after byte, or late, each way: the caller hears that its message is sent."""
    dribble, late = Way(piece_bytes=1), Way(delay_s=0.1)
    ways = [Script(dribble, dribble), Script(late, Way()), Script(Way(), late), Script(late, late)]
    called = await each(proxies, ways * 4)
    check(lanes, called)
    for one in called:
        head, _, body = one.heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert orjson.loads(body)["outcome"] == "sent"


def check(lanes: Lanes, called: list[Called]) -> None:
    """What came whole was taken, once each, and nothing else was."""
    assert len(called) <= CASES_MAX
    came = Counter(one.subject for one in called if is_whole(one.met.there))
    # A reset may be quicker than SMSP, which then has never seen that anybody called.
    reset = Counter(one.subject for one in called if one.met.script.there.then is Act.RESET)
    eventually(lambda: came - reset <= taken(lanes), "all that came whole is sent")
    lanes.smsp.wait_until_quiet()
    assert came - reset <= taken(lanes) <= came


def taken(lanes: Lanes) -> Counter[str]:
    """How often each message was taken, by its subject."""
    return Counter(one["subject"] for one in lanes.simulators.outbox()["messages"])


async def each(proxies: list[FaultProxy], scripts: Iterable[Script]) -> list[Called]:
    """One message for each script, as many at a time as there are proxies."""
    numbered, called = enumerate(scripts), []

    async def work(proxy: FaultProxy) -> None:
        for number, script in numbered:
            called.append(await call(proxy, script, f"message {number:04d}"))

    async with trio.open_nursery() as nursery:
        for proxy in proxies:
            await nursery.start(proxy.run)
        async with trio.open_nursery() as workers:
            for proxy in proxies:
                workers.start_soon(work, proxy)
        nursery.cancel_scope.cancel()
    return called


async def call(proxy: FaultProxy, script: Script, subject: str) -> Called:
    """Post one message, hear what comes, and leave when nothing more will."""
    met, heard = proxy.expect(script), bytearray()
    async with await trio.open_tcp_stream(HOST, proxy.port) as stream, trio.open_nursery() as ears:
        ears.start_soon(leave_a_halt, met, ears)
        with suppress(trio.BrokenResourceError):
            await stream.send_all(email(MESSAGE | {"subject": subject}))
            while not is_whole(heard) and (piece := await stream.receive_some()):
                heard += piece
        ears.cancel_scope.cancel()
    await met.finish()
    return Called(subject, met, bytes(heard))


async def leave_a_halt(met: Met, ears: trio.Nursery) -> None:
    """Hear no more when nothing more is passed on."""
    await met.happened.wait()
    if {met.script.there.then, met.script.back.then} <= {Act.STALL, Act.SILENCE}:
        ears.cancel_scope.cancel()


async def length_of(lanes: Lanes, proxy: FaultProxy, way: str) -> int:
    """How many bytes pass this way if nothing happens."""
    (called,) = await each([proxy], [FAULTLESS])
    lanes.simulators.forget()
    return len(getattr(called.met, way))
