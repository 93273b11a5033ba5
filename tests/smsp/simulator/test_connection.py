"""One connection to a simulated provider, byte by byte: good answers, and each way to spoil one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from smsp.simulator import FAULTS, Outbox, Position
from smsp.simulator.connection import serve_connection
from smsp.simulator.conversation import IDLE_S, Conversation
from smsp.simulator.switch import Switch
from tests.kit.peer import Peer
from tests.kit.provider_requests import MAILGUN, SENDGRID, mailgun_request, on_the_wire
from tests.kit.provider_requests import sendgrid_request as sendgrid

NOW = 1_750_000_000.0
HELLO = on_the_wire(mailgun_request())


def to(local_part):
    """A message to one recipient, as bytes."""
    return on_the_wire(mailgun_request(f"{local_part}@example.org"))


class Provider:
    """A connection to one provider, its outbox and its switch."""

    def __init__(self, wire=MAILGUN):
        self.wire = wire
        self.outbox = Outbox()
        self.switch = Switch()
        self.luck = []
        ours, self._theirs = memory_stream_pair()
        self.peer = Peer(ours)

    @property
    def taken(self):
        """How many messages the provider has taken."""
        return self.outbox.tally.accepted.get(self.wire.name, 0)

    async def serve(self):
        """Be the provider."""
        await serve_connection(
            self._theirs, self.wire, self.outbox, self.switch, draw=self._draw, now=lambda: NOW
        )

    def _draw(self):
        """The next fault by chance."""
        return FAULTS[self.luck.pop(0)] if self.luck else None


@asynccontextmanager
async def connected(wire=MAILGUN):
    """A provider that serves, whose peer hangs up in the end."""
    provider = Provider(wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(provider.serve)
        yield provider
        await provider.peer.stream.aclose()


async def test_messages_follow_each_other():
    """A connection is kept: each message is taken and answered before the next."""
    async with connected() as provider:
        for count in (1, 2, 3):
            reply = await provider.peer.ask(HELLO)
            assert reply.status == 200
            assert orjson.loads(reply.body)["message"] == "Queued. Thank you."
            assert provider.taken == count


async def test_an_empty_success_is_whole():
    """SendGrid's 202 has a body of length 0, a date, and its id."""
    async with connected(SENDGRID) as provider:
        reply = await provider.peer.ask(on_the_wire(sendgrid()))
        assert (reply.status, reply.body, reply.complete) == (202, b"", True)
        assert reply.headers["content-length"] == "0"
        assert reply.headers["date"] == "Sun, 15 Jun 2025 15:06:40 GMT"
        assert reply.headers["x-message-id"]


async def test_a_test_message_is_answered_and_not_mail():
    """A probe passes, and the outbox stays as it was."""
    async with connected() as provider:
        request = on_the_wire(mailgun_request(o__testmode="yes"))
        assert (await provider.peer.ask(request)).status == 200
        assert (provider.taken, provider.outbox.tally.tested) == (0, {"mailgun": 1})


async def test_a_probe_meets_the_fault_of_its_own_recipient():
    """And of no other: a probe to an ordinary address passes while messages fail."""
    async with connected() as provider:
        assert (await provider.peer.ask(to("error"))).status == 500
        probe = mailgun_request(o__testmode="yes")
        assert (await provider.peer.ask(on_the_wire(probe))).status == 200
        faulty = mailgun_request("busy@example.org", o__testmode="yes")
        assert (await provider.peer.ask(on_the_wire(faulty))).status == 503


@pytest.mark.parametrize(
    ("name", "status", "taken"),
    [
        ("reject", 400, 0),
        ("sender", 403, 0),
        ("throttle", 429, 0),
        ("throttle-mute", 429, 0),
        ("unauthorised", 401, 0),
        ("credits", 402, 0),
        ("busy", 503, 0),
        ("error", 500, 0),
        ("accept-then-error", 500, 1),
        ("redirect", 307, 0),
        ("html", 200, 0),
    ],
)
async def test_faults_that_answer(name, status, taken):
    """The status of each, whether the message was taken, and that the connection goes on."""
    async with connected() as provider:
        reply = await provider.peer.ask(to(name))
        assert (reply.status, reply.complete, provider.taken) == (status, True, taken)
        assert (await provider.peer.ask(HELLO)).status == 200


async def test_a_fault_by_chance_goes_before_the_recipients():
    """It meets the next message, whoever it is for, probes included; and then no other."""
    async with connected() as provider:
        provider.luck = ["busy", "accept-then-error"]
        probe = mailgun_request(o__testmode="yes")
        assert (await provider.peer.ask(on_the_wire(probe))).status == 503
        assert (await provider.peer.ask(to("reject"))).status == 500
        assert provider.taken == 1
        assert (await provider.peer.ask(to("reject"))).status == 400


async def test_an_edge_page_and_a_redirect():
    """A success that no provider gave is HTML; a redirect leads nowhere."""
    async with connected() as provider:
        page = await provider.peer.ask(to("html"))
        assert page.headers["content-type"].startswith("text/html")
        moved = await provider.peer.ask(to("redirect"))
        assert moved.headers["location"] == "https://elsewhere.invalid/"


@pytest.mark.parametrize(("name", "delay_s"), [("slow", 1.0), ("slow-2500ms", 2.5)])
async def test_a_slow_answer(name, delay_s, autojump_clock):
    """The message is taken at once, and answered correctly when the delay is over."""
    async with connected() as provider:
        began_at = trio.current_time()
        await provider.peer.say(to(name))
        await trio.sleep(delay_s / 2)
        assert provider.taken == 1
        assert (await provider.peer.hear()).status == 200
        assert trio.current_time() - began_at == pytest.approx(delay_s)


@pytest.mark.parametrize(("name", "taken"), [("hang", 0), ("accept-then-hang", 1)])
async def test_no_answer_ever(name, taken, autojump_clock):
    """The request has been read; after an hour there is still no byte, and no end."""
    async with connected() as provider:
        await provider.peer.say(to(name))
        with trio.move_on_after(3600) as scope:
            await provider.peer.hear()
        assert scope.cancelled_caught
        assert provider.taken == taken


@pytest.mark.parametrize(("name", "taken"), [("drop", 0), ("accept-then-drop", 1)])
async def test_the_connection_ends_without_a_byte(name, taken):
    """The request has been read whole, and no byte of an answer comes."""
    async with connected() as provider:
        await provider.peer.say(to(name))
        assert await provider.peer.rest() == b""
        assert provider.taken == taken


@pytest.mark.parametrize(
    ("wire", "request_", "status"),
    [
        (MAILGUN, mailgun_request("cut@x.example"), 200),
        (SENDGRID, sendgrid("cut@x.example"), 202),
    ],
)
async def test_a_success_whose_body_is_cut(wire, request_, status):
    """Status and headers arrive whole, the body does not: the message was taken."""
    async with connected(wire) as provider:
        reply = await provider.peer.ask(on_the_wire(request_))
        assert (reply.status, reply.complete, provider.taken) == (status, False, 1)
        assert len(reply.body) < int(reply.headers["content-length"])


async def test_garbage_is_no_http():
    """The bytes are no status line, then the connection ends; nothing was taken."""
    async with connected() as provider:
        await provider.peer.say(to("garbage"))
        garbage = await provider.peer.rest()
        assert garbage
        assert not garbage.startswith(b"HTTP/")
        assert provider.taken == 0


async def test_a_provider_that_hangs_answers_later():
    """What is asked while the switch is on ``hang`` waits, and is taken when it is up again."""
    async with connected() as provider:
        provider.switch.set(Position.HANG)
        await provider.peer.say(HELLO)
        await wait_all_tasks_blocked()
        assert provider.taken == 0
        provider.switch.set(Position.UP)
        assert (await provider.peer.hear()).status == 200
        assert provider.taken == 1


async def test_a_provider_that_stalls_reads_nothing():
    """Not a byte is read from the moment of the switch, in the middle of a request or before."""
    async with connected() as provider:
        await provider.peer.say(HELLO[:60])
        await wait_all_tasks_blocked()
        provider.switch.set(Position.STALL)
        await wait_all_tasks_blocked()
        await provider.peer.stream.send_all(HELLO[60:])
        await wait_all_tasks_blocked()
        assert provider.taken == 0
        provider.switch.set(Position.UP)
        assert (await provider.peer.hear()).status == 200


async def test_an_idle_connection_is_closed(autojump_clock):
    """Nobody keeps a connection for ever."""
    async with connected() as provider:
        began_at = trio.current_time()
        assert await provider.peer.rest() == b""
        assert trio.current_time() - began_at == pytest.approx(IDLE_S)


async def test_a_peer_may_ask_for_the_end():
    """``Connection: close`` is honoured after the answer."""
    async with connected() as provider:
        request = mailgun_request()
        closing = replace(request, headers={**request.headers, "connection": "close"})
        reply = await provider.peer.ask(on_the_wire(closing))
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await provider.peer.rest() == b""


async def test_a_peer_may_wait_to_be_let_in():
    """``Expect: 100-continue`` is answered before the body is sent (RFC 9110 §10.1.1)."""
    async with connected() as provider:
        request = mailgun_request()
        expecting = replace(request, headers={**request.headers, "expect": "100-continue"})
        head, blank, body = on_the_wire(expecting).partition(b"\r\n\r\n")
        await provider.peer.stream.send_all(head + blank)
        assert (await provider.peer.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await provider.peer.stream.send_all(body)
        assert (await provider.peer.stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_head_is_answered_without_a_body():
    """The length is told, the body is not sent (RFC 9110 §9.3.2)."""
    async with connected() as provider:
        await provider.peer.stream.send_all(
            b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        head, _, body = (await provider.peer.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405 ")
        assert body == b""


async def test_a_peer_that_leaves_early_is_no_failure(autojump_clock):
    """In the middle of a request, or before its answer: the connection just ends."""
    async with connected() as provider:
        await provider.peer.say(HELLO[:-3])
    assert provider.taken == 0
    async with connected() as provider:
        await provider.peer.say(to("slow"))
        await wait_all_tasks_blocked()
    assert provider.taken == 1


async def test_too_large_a_body_is_refused():
    """What is held in memory is bounded, whatever the peer goes on to send."""
    ours, theirs = memory_stream_pair()
    conversation = Conversation(theirs, body_bytes_max=9)
    await ours.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n0123456789")
    assert await conversation.next_request() is None
    assert await conversation.next_request() is None
    await theirs.aclose()
    assert (await Peer(ours).rest()).startswith(b"HTTP/1.1 413 ")


async def converse(said):
    """Say these bytes, hang up, and return what came back."""
    async with connected() as provider:
        await provider.peer.stream.send_all(said)
        await provider.peer.stream.send_eof()
        return await provider.peer.rest(), provider.taken


async def test_bytes_that_are_no_http():
    """An empty 400, and the end."""
    back, taken = await converse(b"\x16\x03\x01\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert taken == 0


@settings(max_examples=50)
@given(st.binary(max_size=200) | st.integers(0, len(HELLO) - 1).map(lambda end: HELLO[:end]))
def test_nothing_is_taken_before_a_request_is_whole(said):
    """Any bytes, and a request cut short anywhere, end without harm and without mail."""
    _, taken = trio.run(converse, said)
    assert taken == 0
