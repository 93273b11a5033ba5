"""How long a connection to a provider is used, and by whom: never by two, never past its end."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.providers.http.phases import ON_PHASE, Phase
from smsp.providers.http.transport import Transport
from smsp.providers.security_layer import client_context
from tests.kit.lines import MemoryNetwork, whole_request
from tests.kit.ways import say, way_of
from tests.smsp.providers.http.test_transport import TAKEN, URL, answering, ask, network, post

PADDING = b"X-Padding: " + b"a" * 400 + b"\r\n"
HEADS = {
    "length 0": b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\n",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    "an interim one before": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n",
}
BODILESS = {
    name: head + PADDING + b"\r\n" + (b"0\r\n\r\n" if name == "no chunk" else b"")
    for name, head in HEADS.items()
}
"""Answers without a byte of a body, each of a good 400 bytes."""
OTHER = "http://other.example.com/send"

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


@pytest.mark.parametrize("kind", BODILESS)
async def test_two_hundred_answers_without_a_body(kind):
    """What may be said around a body is bounded for each answer, not for all on a connection."""
    requests = []
    peer = partial(answering, answer=BODILESS[kind], requests=requests)
    async with network(way_of("plain", None), peer) as (transport, net):
        for number in range(200):
            status, body = await ask(transport, post(b"%d" % number))
            assert (status // 100 in (2, 3), body) == (True, b"")
    assert len(net.lines) == 1
    assert [request.rpartition(b"\r\n\r\n")[2] for request in requests] == [
        b"%d" % number for number in range(200)
    ]


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_a_request_without_a_body(way, method):
    """It is whole with its head, and is told to be written, whether or not anybody listens."""
    requests = []
    async with network(way, partial(answering, requests=requests)) as (transport, net):
        request = post()
        request.method = method
        assert await ask(transport, request) == (202, b"ok")
        del request.extensions[ON_PHASE]
        request.stream = post().stream
        assert await ask(transport, request) == (202, b"ok")
        assert len(net.lines) == 1
    assert requests == [requests[0]] * 2
    assert requests[0].startswith(f"{method} /v3/send HTTP/1.1\r\n".encode())
    assert requests[0].endswith(b"\r\n\r\n")


async def test_a_body_is_read_once():
    """Who asks for more of it when it is over gets nothing, and takes nothing from others."""
    async with network(way_of("plain", None), echoing) as (transport, net):
        response = await transport.handle_async_request(post(b"before"))
        assert [piece async for piece in response.stream] == [b"before"]
        assert [piece async for piece in response.stream] == []
        later = await transport.handle_async_request(post(b"later"))
        assert [piece async for piece in response.stream] == []
        assert [piece async for piece in later.stream] == [b"later"]
        assert len(net.lines) == 1


@pytest.mark.parametrize("pieces", [(b"hello!",), (b"hel", b"lo!"), (b"hello", b"!")])
async def test_a_body_that_is_longer_than_it_says(pieces):
    """It never becomes whole, so the rest of it is no request of its own."""
    requests = []
    async with network(way_of("plain", None), partial(answering, requests=requests)) as (
        transport,
        net,
    ):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(transport, post(*pieces, length=5))
        assert net.open == 0
        assert not any(line.writes and b"!" in b"".join(line.writes) for line in net.lines)


@pytest.mark.parametrize("pieces", [(), (b"hell",), (b"he", b"ll")])
async def test_a_body_that_is_shorter_than_it_says(pieces):
    """It is not told to be written, and its connection is not used again."""
    events = []
    async with network(way_of("plain", None)) as (transport, net):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(transport, post(*pieces, length=5, events=events))
        assert net.open == 0
    assert Phase.WRITTEN not in events


async def echoing(line):
    """A peer that answers each request by its body, when nobody does anything any more."""
    while request := await whole_request(line):
        await wait_all_tasks_blocked()
        body = request.rpartition(b"\r\n\r\n")[2]
        await say(line, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def two_at_once(transport):
    """What two calls at the same time are answered."""
    answers = {}

    async def one(body):
        answers[body] = await ask(transport, post(body))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, b"first")
        nursery.start_soon(one, b"second")
    return answers


@pytest.mark.parametrize("closes", [0, 1, 3])
async def test_two_calls_at_once_after_one(way, closes):
    """One connection is kept once, however often an answer is closed: each call gets its own
    answer, through a connection of its own."""
    async with network(way, echoing) as (transport, net):
        response = await transport.handle_async_request(post(b"before"))
        assert await response.aread() == b"before"
        for _ in range(closes):
            await response.stream.aclose()
        assert await two_at_once(transport) == {
            b"first": (200, b"first"),
            b"second": (200, b"second"),
        }
        assert len(net.lines) == 2


@pytest.mark.parametrize("closes", [1, 3])
async def test_a_place_is_given_back_once(autojump_clock, closes):
    """Closing an answer again does not make room for more than there is."""
    async with network(way_of("plain", None), echoing, connections_max=1) as (transport, net):
        response = await transport.handle_async_request(post(b"before"))
        await response.aread()
        for _ in range(closes):
            await response.stream.aclose()
        await two_at_once(transport)
        assert len(net.lines) == 1


@pytest.mark.parametrize(
    "rubbish",
    [b"\0", b"garbage", b"HTTP/1.1 500 Oops\r\n\r\n", b"a" * 70_000],
    ids=["a byte", "words", "an answer", "a lot"],
)
@pytest.mark.parametrize("answer", [TAKEN, *BODILESS.values()], ids=["a body", *BODILESS])
async def test_rubbish_behind_an_answer(answer, rubbish):
    """The answer stands, and what comes behind it answers no other request."""
    peers = (partial(answering, answer=answer + rubbish), partial(answering, answer=TAKEN))
    async with network(way_of("plain", None), *peers) as (transport, net):
        status, _ = await ask(transport)
        assert status in (200, 202, 204, 304)
        assert await ask(transport) == (202, b"ok")
        assert [line.closed for line in net.lines] == [True, False]


async def test_empty_lines_behind_an_answer():
    """They answer nothing: whether or not the connection stays, each call gets its own answer."""
    answers = iter([TAKEN + b"\r\n\r\n", BODILESS["length 0"] + b"\r\n", TAKEN])

    async def peer(line):
        while await whole_request(line):
            await say(line, next(answers))

    async with network(way_of("plain", None), peer) as (transport, _):
        assert [await ask(transport) for _ in range(3)] == [(202, b"ok"), (202, b""), (202, b"ok")]


async def test_rubbish_behind_an_answer_while_its_body_is_read():
    """It comes when the answer is known already, and its body is not."""

    async def peer(line):
        await whole_request(line)
        await line.send_all(TAKEN[:-1])
        await wait_all_tasks_blocked()
        await line.send_all(TAKEN[-1:] + b"garbage")
        await whole_request(line)

    async with network(way_of("plain", None), peer, answering) as (transport, net):
        assert await ask(transport) == (202, b"ok")
        assert await ask(transport) == (202, b"ok")
        assert [line.closed for line in net.lines] == [True, False]


@pytest.mark.parametrize("glimpses", [1, 2, 3, 6])
async def test_a_line_that_seems_to_have_something(way, glimpses):
    """A look that deceives is no word of the peer's, and no end: the connection is used again."""
    requests = []
    async with network(way, partial(answering, requests=requests)) as (transport, net):
        for _ in range(3):
            for line in net.lines:
                line.glimpses = glimpses
            assert await ask(transport, post(b"aa", b"bb", b"cc")) == (202, b"ok")
        assert len(net.lines) == 1
    assert [request[-6:] for request in requests] == [b"aabbcc"] * 3


# -- how long one is kept, and how many there are


@pytest.mark.parametrize(("idle_s", "connections"), [(9.9, 1), (10.1, 2)])
async def test_a_connection_is_kept_for_ten_seconds(autojump_clock, idle_s, connections):
    """Providers close theirs after a minute: what is written into a closing one is in doubt."""
    async with network(way_of("plain", None)) as (transport, net):
        await ask(transport)
        await trio.sleep(idle_s)
        await ask(transport)
        assert len(net.lines) == connections


async def test_the_old_ones_go_when_another_is_kept(autojump_clock):
    """They do not wait for the next call."""
    async with network(way_of("plain", None)) as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(2)]
        await rush[0].aclose()
        await trio.sleep(10.1)
        await rush[1].aclose()
        assert [line.closed for line in net.lines] == [True, False]


async def test_what_has_gone_does_not_count():
    """Connections that a peer has ended make room, so those to others can stay."""
    leaving = partial(
        answering, answer=TAKEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    peers = (leaving, leaving, leaving, answering)
    async with network(way_of("plain", None), *peers, connections_max=2) as (transport, net):
        for _ in range(3):
            await ask(transport)
        await ask(transport)
        await ask(transport, post(b"x", url=OTHER))
        assert net.open == 2
        await ask(transport)
        assert len(net.lines) == 5


async def test_what_was_never_made_does_not_count():
    """Nor do connections that could not be made."""
    async with network(way_of("plain", None)) as (_, net):
        failures = iter(range(3))

        async def dial(host, port):
            if next(failures, None) is not None:
                raise OSError("nobody there")
            return await net.dial(host, port)

        async with Transport(2, client_context(), dial=dial) as transport:
            for _ in range(3):
                with pytest.raises(httpx.ConnectError):
                    await ask(transport)
            await ask(transport)
            await ask(transport, post(b"x", url=OTHER))
            assert net.open == 2


async def test_the_oldest_makes_room():
    """For another origin one idle connection goes, and no more than one."""
    async with network(way_of("plain", None), connections_max=3) as (transport, net):
        rush = [await transport.handle_async_request(post(b"x")) for _ in range(3)]
        for response in rush:
            await response.aclose()
        await ask(transport, post(b"x", url=OTHER))
        assert [line.closed for line in net.lines] == [True, False, False, False]


async def test_nothing_is_kept_after_the_end():
    """A connection whose use is over when the transport has been closed is closed once, and not
    used by whoever comes too late."""
    async with network(way_of("plain", None)) as (transport, net):
        late = await transport.handle_async_request(post(b"x"))
        await transport.aclose()
        await late.aread()
        assert net.open == 0
        assert await ask(transport) == (202, b"ok")
        assert [line.closed for line in net.lines] == [True, True]


async def test_each_origin_has_connections_of_its_own():
    """Both stay, and each is used again for its own."""
    async with network(way_of("plain", None)) as (transport, net):
        for url in (URL, OTHER) * 3:
            await ask(transport, post(b"x", url=url))
        assert len(net.lines) == 2


async def test_a_network_of_none(autojump_clock):
    """Who waits for room and is given up leaves what there is to the others."""
    async with trio.open_nursery() as nursery:
        net = MemoryNetwork(nursery, answering)
        async with Transport(1, client_context(), dial=net.dial) as transport:
            held = await transport.handle_async_request(post(b"x"))
            for _ in range(3):
                with trio.move_on_after(1.0) as scope:
                    await ask(transport)
                assert scope.cancelled_caught
            await held.aclose()
            with trio.fail_after(1.0):
                assert await ask(transport) == (202, b"ok")
        nursery.cancel_scope.cancel()
