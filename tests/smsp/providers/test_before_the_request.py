"""What came before a request was written never answers it, whichever way it came.

The second of two messages is the one that would be told what the provider said of the first, or of
nothing at all.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.providers.http.phases import Phase
from tests.kit.lines import MemoryNetwork, whole_request
from tests.kit.tls import SecureEnd
from tests.kit.ways import NAMES, say, way_of
from tests.smsp.providers.http.test_transport import TAKEN, answering, ask, post, requests_on

REFUSED = TAKEN.replace(b"202 Accepted", b"400 Bad Request")
THROTTLED = TAKEN.replace(b"202 Accepted", b"429 Too Many Requests")
HALF = len(THROTTLED) // 2

surplus_answers = pytest.mark.parametrize("surplus", [TAKEN, THROTTLED], ids=["202", "429"])

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


@pytest.fixture(scope="module", params=NAMES[1:])
def tls(request, authority):
    """Through each version of TLS."""
    return way_of(request.param, authority)


@asynccontextmanager
async def network(way, *peers):
    """A transport and its network. The last peer refuses whatever it is asked."""
    async with trio.open_nursery() as nursery:
        ends = [way.peer(peer) for peer in (*peers, partial(answering, answer=REFUSED))]
        net = MemoryNetwork(nursery, *ends)
        async with way.transport(4, net.dial) as transport:
            yield transport, net
        nursery.cancel_scope.cancel()


async def peers_have_said_all():
    """A peer may itself wait once until nobody does anything."""
    await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()


async def taken_and_refused(way, peer):
    """Two messages: ``peer`` takes the first, and whatever else it says the second is refused by
    another."""
    async with network(way, peer) as (transport, net):
        assert await ask(transport) == (202, b"ok")
        await peers_have_said_all()
        assert await ask(transport) == (400, b"ok")
        assert [len(requests_on(way, line)) for line in net.lines] == [1, 1]
        assert net.lines[0].closed


def taking(*words, farewell=False):
    """A peer that answers its first request by these words, in one segment."""

    async def peer(end):
        await whole_request(end)
        await say(end, *words, farewell=farewell)
        await whole_request(end)

    return peer


# -- with the answer


@surplus_answers
async def test_a_surplus_answer_in_a_second_record_of_the_same_segment(way, surplus):
    """A refused mail is not told ``sent``, and one that was taken is not tried elsewhere."""
    await taken_and_refused(way, taking(TAKEN, surplus))


async def test_an_answer_and_close_notify_in_one_segment(way):
    """The next mail is not written into a connection that has ended."""
    await taken_and_refused(way, taking(TAKEN, farewell=True))


@pytest.mark.parametrize("length", [1, 5, len(THROTTLED) - 1])
async def test_a_surplus_answer_that_has_only_begun(way, length):
    """Its first byte is enough."""
    await taken_and_refused(way, taking(TAKEN, THROTTLED[:length]))
    await taken_and_refused(way, taking(TAKEN + THROTTLED[:length]))


@pytest.mark.parametrize("cut", [1, len(TAKEN) - 1])
async def test_an_answer_cut_in_two_with_a_surplus_one_behind_it(way, cut):
    """Wherever one segment ends and the next begins."""

    async def peer(end):
        await whole_request(end)
        await say(end, TAKEN[:cut])
        await wait_all_tasks_blocked()
        await say(end, TAKEN[cut:], THROTTLED)
        await whole_request(end)

    await taken_and_refused(way, peer)


# -- while nobody asks


@surplus_answers
@pytest.mark.parametrize("length", [1, None], ids=["a byte", "whole"])
async def test_a_surplus_answer_to_an_idle_connection(way, surplus, length):
    """It comes after the answer, in a segment of its own."""

    async def peer(end):
        await whole_request(end)
        await say(end, TAKEN)
        await wait_all_tasks_blocked()
        await say(end, surplus[:length])
        await whole_request(end)

    await taken_and_refused(way, peer)


async def test_an_end_while_idle(way):
    """It is no answer, and no connection either."""

    async def peer(end):
        await whole_request(end)
        await say(end, TAKEN)
        await wait_all_tasks_blocked()
        await say(end, farewell=True)

    await taken_and_refused(way, peer)


@pytest.mark.parametrize("length", [1, 5, HALF, -1])
@pytest.mark.parametrize("together", [True, False], ids=["with the answer", "while idle"])
async def test_a_record_that_has_only_begun(tls, length, together):
    """Nobody knows what it says, but it was begun before there was a request."""

    async def peer(end):
        await whole_request(end)
        taken, surplus = end.sealed(TAKEN), end.sealed(THROTTLED)
        if not together:
            await end.line.send_all(taken)
            taken = b""
            await wait_all_tasks_blocked()
        await end.line.send_all(taken + surplus[:length])
        await whole_request(end)

    await taken_and_refused(tls, peer)


async def test_no_tls(tls):
    """What is none, behind an answer: the answer stands, and the connection ends."""

    async def peer(end):
        await whole_request(end)
        await end.line.send_all(end.sealed(TAKEN) + THROTTLED)
        await whole_request(end)

    await taken_and_refused(tls, peer)


# -- before the first request


@pytest.mark.parametrize("words", [TAKEN, b"H", b"220 mail.example.com ESMTP\r\n"])
@pytest.mark.parametrize("name", ["plain", "TLS 1.2"])
async def test_a_peer_that_speaks_first(authority, name, words):
    """It is no HTTP server, and nothing is written to it. (In TLS 1.3 we have the first word.)"""
    way = way_of(name, authority)

    async def peer(end):
        await say(end, words)
        await whole_request(end)

    def spoken_first(line):
        if not way.secure:
            line.far.send_now(words)
        return line

    async with network(way, peer) as (_, net):

        async def dial(host, port):
            return spoken_first(await net.dial(host, port))

        async with way.transport(4, dial) as transport:
            with pytest.raises(httpx.ConnectError):
                await ask(transport)
            assert requests_on(way, net.lines[0]) == []
            assert net.open == 0


async def test_a_peer_that_leaves_at_once():
    """A connection that has ended is not written to, so nothing is in doubt."""
    async with network(way_of("plain", None)) as (_, net):

        async def dial(host, port):
            line = await net.dial(host, port)
            line.far.close()
            return line

        async with way_of("plain", None).transport(4, dial) as transport:
            with pytest.raises(httpx.ConnectError):
                await ask(transport)
        assert net.lines[0].writes == []


# -- while the request is being written


async def test_an_answer_before_the_last_piece(way):
    """It ends the writing: the peer never has the whole message, whatever it said."""
    heard = []

    async def early(end):
        heard.append(await end.receive_some())
        await say(end, TAKEN)
        heard.append(await whole_request(end))

    events = []
    async with network(way, early) as (transport, net):
        request = post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        await wait_all_tasks_blocked()
        assert net.lines[0].closed
    assert Phase.WRITTEN not in events
    assert not b"".join(heard).endswith(b"bb")


@pytest.mark.parametrize("window", [0, 1, 100])
async def test_a_surplus_answer_while_the_only_piece_is_being_written(way, window):
    """The kernel takes the request bit by bit, and the old words come in between: if none of it was
    taken, a connection of its own takes it; if some was, it ends there."""

    async def peer(end):
        await whole_request(end)
        await say(end, TAKEN)
        ours = (end.line if isinstance(end, SecureEnd) else end).far
        ours.stall(window=window)
        await wait_all_tasks_blocked()
        await say(end, THROTTLED)
        ours.go_on()
        await whole_request(end)

    events = []
    async with network(way, peer) as (transport, net):
        assert await ask(transport) == (202, b"ok")
        answer = await ask(transport, post(b"x" * 1000, events=events))
        assert answer == ((429, b"ok") if window else (400, b"ok"))
        assert (Phase.WRITTEN in events) == (not window)
        assert net.lines[0].closed
        assert sum(map(len, requests_on(way, net.lines[0])[1:])) == window


@pytest.mark.parametrize(
    "words", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n"]
)
@pytest.mark.parametrize("halves", [False, True])
async def test_an_interim_answer_before_the_last_piece(way, words, halves):
    """It is none, in however many pieces it comes: all is written, and the connection stays."""
    cut = len(words) // 2 if halves else len(words)

    async def peer(end):
        await end.receive_some()
        await say(end, words[:cut])
        if halves:
            await wait_all_tasks_blocked()
            await say(end, words[cut:])
        while not (await end.receive_some()).endswith(b"bb"):
            pass
        await say(end, TAKEN)
        await answering(end)

    async with network(way, peer) as (transport, net):
        request = post(b"aa", b"bb", before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
        assert await ask(transport) == (202, b"ok")
        assert len(net.lines) == 1


async def test_half_a_head_before_the_last_piece(way):
    """It is heard to its end, however late that comes, and ends the writing."""

    async def peer(end):
        await end.receive_some()
        await say(end, TAKEN[:20])
        await wait_all_tasks_blocked()
        await say(end, TAKEN[20:])
        await whole_request(end)

    events = []
    async with network(way, peer) as (transport, _):
        request = post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked})
        assert await ask(transport, request) == (202, b"ok")
    assert Phase.WRITTEN not in events


async def test_nonsense_before_the_last_piece(way):
    """Nothing more is written to whoever speaks no HTTP."""

    async def peer(end):
        await end.receive_some()
        await say(end, b"garbage\r\n\r\n")
        await whole_request(end)

    events = []
    async with network(way, peer) as (transport, net):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(
                transport,
                post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked}),
            )
        assert net.lines[0].closed
    assert Phase.WRITTEN not in events


async def test_an_end_before_the_last_piece(way):
    """Who says no more may still listen: all is written, and then nobody knows."""

    async def peer(end):
        await end.receive_some()
        if isinstance(end, SecureEnd):
            await end.send_all(farewell=True)
        else:
            end.far.arrive(b"")
        await whole_request(end)

    events = []
    async with network(way, peer) as (transport, net):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(
                transport,
                post(b"aa", b"bb", events=events, before={1: wait_all_tasks_blocked}),
            )
        assert net.lines[0].closed
    assert Phase.WRITTEN in events
