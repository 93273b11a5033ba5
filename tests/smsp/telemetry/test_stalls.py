"""A node that stood still while its providers did not: answers that had come are read, and nobody
is blamed for silence. The whole way from circuit to line, with and without TLS."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trustme

from actors import Answered, Cause, Circuit, Unanswered
from smsp.mail.outcome import Outcome, Reason, Sent, reason_of
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.http.provider import HttpProvider
from smsp.providers.http.transport import Transport
from tests.kit.circuits import running_circuit
from tests.kit.lines import MemoryLine, memory_line, whole_request
from tests.kit.mails import mailbox, send
from tests.kit.world import World, live, until

CALL_S = 2.0
STOP_S = 5.0
POLL_S = 5.0
LARGE_TEXT = "x" * 300_000
HOST = "api.sendgrid.com"
TAKEN = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m-1\r\nContent-Length: 4\r\n\r\n"
FAILED = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
# When each phase ends if nobody stands still: each time is nearly up by then.
CONNECTED = 1.5
SECURED = WRITTEN = 1.875  # connecting and TLS share one time; without TLS the write takes so long
ANSWERED = WRITTEN + 1.8
WHOLE = ANSWERED + 0.15
CONNECTING, SECURING, WAITING, READING = 1.45, 1.85, 3.65, 3.8
"""Moments in each phase."""

Say = Callable[[trio.abc.Stream, MemoryLine], Awaitable[None]]


class Provider:
    """SendGrid on a line in memory, in a world; what it does takes as long as it takes there."""

    def __init__(self, world: World, say: Say, authority: trustme.CA | None = None) -> None:
        self.world = world
        self.say = say
        self.authority = authority
        self.reachable = True
        self.nursery: trio.Nursery | None = None

    async def dial(self, _host: str, _port: int) -> MemoryLine:
        if not self.reachable:
            await trio.sleep_forever()
        await until(self.world, CONNECTED)
        ours, theirs = memory_line()
        if self.authority is None:
            ours.stall()
            self.world.at(WRITTEN, ours.go_on)
        self.nursery.start_soon(self._play, theirs)
        return ours

    async def _play(self, line: MemoryLine) -> None:
        if self.authority is None:
            await self.say(line, line)
            return
        await until(self.world, SECURED)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(HOST).configure_cert(context)
        stream = trio.SSLStream(line, context, server_side=True)
        await stream.do_handshake()
        await self.say(stream, line)


def answering(world: World, head: bytes = TAKEN, body: bytes = b"done") -> Say:
    """It says this when it has the request, in two pieces at moments of its own."""

    async def say(stream: trio.abc.Stream, _line: MemoryLine) -> None:
        await whole_request(stream)
        await until(world, ANSWERED)
        await stream.send_all(head)
        await until(world, WHOLE)
        if body:
            await stream.send_all(body)
        await trio.sleep_forever()

    return say


def breaking(world: World) -> Say:
    """It breaks the connection when it should answer."""

    async def say(stream: trio.abc.Stream, line: MemoryLine) -> None:
        await whole_request(stream)
        await until(world, ANSWERED)
        line.reset()

    return say


async def silent(_stream: trio.abc.Stream, _line: MemoryLine) -> None:
    """It says nothing at all."""
    await trio.sleep_forever()


Doing = Callable[[Circuit], Awaitable[Outcome]]


def with_circuit(provider: Provider, do: Doing, seed: int | None) -> Outcome:
    """Do this with a circuit in front of that provider."""
    tls = ssl.create_default_context()
    if provider.authority is not None:
        provider.authority.configure_trust(tls)
    scheme = "http" if provider.authority is None else "https"

    async def program() -> Outcome:
        async with trio.open_nursery() as nursery:
            provider.nursery = nursery
            transport = Transport(4, tls, dial=provider.dial)
            behind = HttpProvider(
                SendGrid("a-key"),
                transport,
                transport,
                mailbox("a@b.example"),
                CALL_S,
                base_url=f"{scheme}://{HOST}",
                probe_mode="message",
            )
            async with running_circuit(behind, timeout_s=CALL_S, base_s=POLL_S) as circuit:
                outcome = await do(circuit)
            nursery.cancel_scope.cancel()
        return outcome

    return live(program, provider.world, seed)


async def mail(circuit: Circuit) -> Outcome:
    """One large message; what became of it, for whoever waits for long."""
    reply = await circuit.ask(send(text=LARGE_TEXT), deadline=trio.current_time() + 60)
    assert circuit.snapshot.state == "closed"
    if isinstance(reply, Unanswered):
        return reply.cause
    assert isinstance(reply, Answered)
    return reply.answer


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("stops_at", [60.0, CONNECTING, SECURING, WAITING, READING])
@pytest.mark.parametrize("seed", [None, *range(5)])
def test_a_message_is_sent_whatever_was_going_on(stops_at, secure, seed):
    """What the provider has done meanwhile counts, though each time would have been up."""
    world = World((stops_at, STOP_S))
    provider = Provider(world, answering(world), trustme.CA() if secure else None)
    assert with_circuit(provider, mail, seed) == Sent("m-1")


@pytest.mark.parametrize("seed", range(5))
def test_many_messages(seed):
    """All of them, whoever goes first."""
    world = World((WAITING, STOP_S))

    async def mails(circuit: Circuit) -> list[Outcome]:
        outcomes = []

        async def one() -> None:
            outcomes.append(await mail(circuit))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one)
        return outcomes

    provider = Provider(world, answering(world))
    assert with_circuit(provider, mails, seed) == [Sent("m-1")] * 4


def test_silence_blames_nobody():
    """A call that comes to nothing is told as ever, but the circuit learns nothing of it. Of the
    next one it does."""
    world = World((WAITING, STOP_S))

    async def two(circuit: Circuit) -> Outcome:
        first = await mail(circuit)
        await circuit.ask(send(), deadline=trio.current_time() + 60)
        assert circuit.snapshot.state == "open"
        return first

    assert with_circuit(Provider(world, silent), two, None) == Cause.TIMEOUT


def test_who_cannot_be_reached_is_not_blamed():
    """Nor is a message lost that was on its way to a connection."""
    world = World((CONNECTING, STOP_S))
    provider = Provider(world, silent)
    provider.reachable = False
    assert reason_of(with_circuit(provider, mail, None)) is Reason.CONNECT_TIMEOUT


def test_a_connection_that_broke_meanwhile_blames_nobody():
    """Perhaps it was our silence that broke it."""
    world = World((WAITING, STOP_S))
    outcome = with_circuit(Provider(world, breaking(world)), mail, None)
    assert reason_of(outcome) is Reason.CONNECTION_LOST


def test_what_a_provider_says_itself_counts():
    """A fault that it tells of is its own, whenever it is read."""
    world = World((WAITING, STOP_S))

    async def one(circuit: Circuit) -> str:
        await circuit.ask(send(), deadline=trio.current_time() + 60)
        return circuit.snapshot.state

    assert with_circuit(Provider(world, answering(world, FAILED, b"")), one, None) == "open"
