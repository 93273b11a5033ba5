"""What a provider's peer really sees when an exchange is held or broken in each of its phases.

The real transports, exchange and circuit against a peer on loopback that stops wherever a test
says. All but the last tests hold a phase past a deadline, wait for ``not_sent``, free the peer,
and look at what still comes.

Needs the inside: a transport and an exchange are run alone, so that each phase can be held.
"""

from __future__ import annotations

import gc
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
import trustme

from actors import Answered, Circuit, Reply, Unanswered
from smsp.mail import Submission
from smsp.mail.outcome import NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.http.provider import TransportFor, http_provider
from smsp.providers.http.transport import Transport
from smsp.sending.circuit_outcomes import result_of
from tests.kit.circuits import running_circuit
from tests.kit.mails import mailbox, send
from tests.kit.stock_transport import stock_transport

LARGE = send(text="x" * 16_000_000)
"""More than the socket buffers of both ends can hold."""
SMALL = send(text="hello")
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: m-1\r\n\r\n"
HELD_S = 0.3
"""How long a phase is held before time is up."""
PATIENT_S = 30.0
"""A time that is never up."""

# Either the caller's deadline or the phase's own time ends the wait: (timeout_s, deadline_s).
either_clock = pytest.mark.parametrize(
    "times", [(PATIENT_S, HELD_S), (HELD_S, PATIENT_S)], ids=["deadline", "timeout"]
)
Handler = Callable[[trio.abc.Stream], Awaitable[None]]


@pytest.fixture(params=[Transport, stock_transport], ids=["own", "stock"])
def transport_for(request) -> TransportFor:
    """Both transports have to see the same."""
    return request.param


@dataclass
class Held:
    """A peer that does not read until it is freed; then it reads to the end."""

    server_tls: ssl.SSLContext | None = None
    freed: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)
    seen: bytes = b""

    async def __call__(self, stream: trio.abc.Stream) -> None:
        if self.server_tls is not None:
            stream = trio.SSLStream(stream, self.server_tls, server_side=True)
            await stream.do_handshake()
        await self.freed.wait()
        self.seen = b"".join([piece async for piece in pieces(stream)])
        self.ended.set()

    async def read_to_the_end(self) -> bytes:
        """Everything that was written, once the connection is closed."""
        self.freed.set()
        with trio.fail_after(PATIENT_S):
            await self.ended.wait()
        return self.seen


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """What was forgotten open shows as a warning at the latest here, and a warning fails."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for ``localhost``."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority) -> ssl.SSLContext:
    """A provider's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority) -> ssl.SSLContext:
    """Our side of TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@dataclass(frozen=True)
class Way:
    """To a peer on loopback: in the clear, or through TLS when it has a ``server`` side."""

    client: ssl.SSLContext
    server: ssl.SSLContext | None

    def url(self, port: int) -> str:
        """Where the peer is."""
        return f"http://127.0.0.1:{port}" if self.server is None else f"https://localhost:{port}"

    def listening(self, handler: Handler) -> AbstractAsyncContextManager[int]:
        """A peer at the end of this way, and its port."""
        server = self.server
        if server is None:
            return listening(handler)

        async def secured(raw: trio.SocketStream) -> None:
            await handler(trio.SSLStream(raw, server, server_side=True, https_compatible=True))

        return listening(secured)


@pytest.fixture(params=["plain", "TLS"])
def way(request, client_tls, server_tls) -> Way:
    """Through TLS a peer has to see the same, and its faults have to be told alike."""
    return Way(client_tls, server_tls if request.param == "TLS" else None)


@either_clock
async def test_connect(times, transport_for):
    """A connection that the peer has not taken when time is up is not made later."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill_backlog(listener, first, second)
        reply = await ask(
            transport_for, f"http://127.0.0.1:{listener.getsockname()[1]}", SMALL, times
        )
        assert_not_sent(reply, Reason.CONNECT_TIMEOUT)
        assert await bytes_from_backlog(listener, for_s=3 * HELD_S) == b""


@either_clock
async def test_tls_handshake(times, client_tls, transport_for):
    """A handshake that hangs is given up with its connection, and no byte of HTTP is written."""
    held = Held()
    async with listening(held) as port:
        reply = await ask(transport_for, f"https://localhost:{port}", SMALL, times, tls=client_tls)
        assert_not_sent(reply, Reason.CONNECT_TIMEOUT)
        assert b"HTTP" not in await held.read_to_the_end()


@either_clock
async def test_write(times, transport_for):
    """A message of which the peer reads nothing is cut, and never becomes whole later."""
    held = Held()
    async with listening(held) as port:
        reply = await ask(transport_for, f"http://127.0.0.1:{port}", LARGE, times)
        assert_not_sent(reply, Reason.WRITE_TIMEOUT)
        head, _, body = (await held.read_to_the_end()).partition(b"\r\n\r\n")
    assert 0 < len(body) < content_length(head)


@either_clock
async def test_write_through_tls(times, client_tls, server_tls, transport_for):
    """The same when every byte is encrypted."""
    held = Held(server_tls)
    async with listening(held) as port:
        reply = await ask(transport_for, f"https://localhost:{port}", LARGE, times, tls=client_tls)
        assert_not_sent(reply, Reason.WRITE_TIMEOUT)
        head, _, body = (await held.read_to_the_end()).partition(b"\r\n\r\n")
    assert len(body) < content_length(head)


async def test_reset_in_mid_body(transport_for, way):
    """A peer that breaks off before it has the whole message cannot have taken it."""

    async def handler(stream):
        await stream.receive_some(1000)
        reset(stream)

    async with way.listening(handler) as port:
        reply = await ask(transport_for, way.url(port), LARGE, tls=way.client)
    assert_not_sent(reply, Reason.WRITE_FAILED)


async def test_early_answer(transport_for, way):
    """A peer that answers before it has the whole message, and breaks off, is heard; but not by
    httpx's own transport through TLS, which reads no more when a write has failed."""

    async def handler(stream):
        await stream.receive_some(1000)
        await stream.send_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await leave(stream)

    async with way.listening(handler) as port:
        reply = await ask(transport_for, way.url(port), LARGE, tls=way.client)
    if transport_for is stock_transport and way.server is not None:
        assert_not_sent(reply, Reason.WRITE_FAILED)
    else:
        assert reply == Answered(Rejected(Reason.TOO_LARGE))


async def test_reset_after_the_last_byte(transport_for, way):
    """A peer that breaks off after it has the whole message may have taken it."""

    async def handler(stream):
        await whole_request(stream)
        reset(stream)

    async with way.listening(handler) as port:
        reply = await ask(transport_for, way.url(port), SMALL, tls=way.client)
    assert reply == Answered(Unknown(Reason.CONNECTION_LOST))


@pytest.mark.parametrize("end", ["cut", "hang"])
async def test_body_of_an_answer(end, transport_for, way):
    """What a status line says stands, though the body that it announced does not come."""

    async def handler(stream):
        await whole_request(stream)
        await stream.send_all(TAKEN.replace(b": 0", b": 9") + b"half")
        if end == "hang":
            await trio.sleep(PATIENT_S)

    async with way.listening(handler) as port:
        reply = await ask(transport_for, way.url(port), SMALL, (1.0, PATIENT_S), tls=way.client)
    assert reply == Answered(Sent("m-1"))


async def test_endless_body_of_an_answer(transport_for, way):
    """An answer that does not end is cut at its bound, and its connection closed."""
    over = trio.Event()

    async def handler(stream):
        await whole_request(stream)
        await stream.send_all(TAKEN.replace(b": 0", b": 99999999"))
        try:
            while True:
                await stream.send_all(bytes(100_000))
        except trio.BrokenResourceError:
            over.set()

    async with way.listening(handler) as port:
        reply = await ask(transport_for, way.url(port), SMALL, tls=way.client)
        assert reply == Answered(Sent("m-1"))
        with trio.fail_after(PATIENT_S):
            await over.wait()


async def test_keep_alive(transport_for, way):
    """Two messages, one after the other, use one connection."""
    connections = []

    async def handler(stream):
        connections.append(stream)
        while await whole_request(stream):
            await stream.send_all(TAKEN)

    async with (
        way.listening(handler) as port,
        circuit_to(transport_for, way.url(port), tls=way.client) as circuit,
    ):
        for _ in range(2):
            reply = await circuit.ask(SMALL, deadline=trio.current_time() + PATIENT_S)
            assert reply == Answered(Sent("m-1"))
    assert len(connections) == 1


async def test_closed_while_idle(transport_for, way):
    """A peer that leaves after an answer costs the next message nothing but a new connection."""
    connections = []

    async def handler(stream):
        connections.append(stream)
        await whole_request(stream)
        await stream.send_all(TAKEN)

    async with (
        way.listening(handler) as port,
        circuit_to(transport_for, way.url(port), tls=way.client) as circuit,
    ):
        for _ in range(3):
            reply = await circuit.ask(SMALL, deadline=trio.current_time() + PATIENT_S)
            assert reply == Answered(Sent("m-1"))
            await trio.sleep(0.05)
    assert len(connections) == 3


def assert_not_sent(reply: Reply[Outcome], reason: Reason) -> None:
    """The proof, whether the phase ended by itself or by the caller's deadline."""
    result = result_of(reply)
    assert isinstance(result, NotSent)
    if isinstance(reply, Unanswered):  # the caller's patience ended first
        writing = reason is Reason.WRITE_TIMEOUT
        reason = Reason.SLOW_UPLOAD if writing else Reason.DEADLINE
    assert result.reason is reason


async def ask(
    transport_for: TransportFor,
    base_url: str,
    message: Submission,
    times: tuple[float, float] = (PATIENT_S, PATIENT_S),
    tls: ssl.SSLContext | None = None,
) -> Reply[Outcome]:
    """Put one message to a circuit of its own. ``times`` are the phase's and the caller's."""
    timeout_s, deadline_s = times
    async with circuit_to(transport_for, base_url, timeout_s, tls) as circuit:
        return await circuit.ask(message, deadline=trio.current_time() + deadline_s)


@asynccontextmanager
async def circuit_to(
    transport_for: TransportFor,
    base_url: str,
    timeout_s: float = PATIENT_S,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[Circuit[Submission, Outcome]]:
    """A running circuit in front of a SendGrid that lives at ``base_url``."""
    async with (
        http_provider(
            SendGrid("a-key"),  # type: ignore[arg-type]
            poll_address=mailbox("poll@example.com"),
            timeout_s=timeout_s,
            max_in_flight=4,
            tls=tls or ssl.create_default_context(),
            base_url=base_url,
            transport_for=transport_for,
        ) as provider,
        running_circuit(provider, timeout_s=timeout_s) as circuit,
    ):
        yield circuit


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A peer on loopback, and its port."""
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, handler, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def fill_backlog(listener: socket.socket, *fillers: socket.socket) -> None:
    """Let the kernel take as many connections as the listener's backlog allows, and one more."""
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())


async def bytes_from_backlog(listener: socket.socket, *, for_s: float) -> bytes:
    """Take every connection that waits or still comes, and return what is written to any."""
    seen = bytearray()
    listening = trio.socket.from_stdlib_socket(listener.dup())

    async def read(stream: trio.abc.Stream) -> None:
        async with stream:
            async for piece in pieces(stream):
                seen.extend(piece)

    with listening, trio.move_on_after(for_s):
        async with trio.open_nursery() as nursery:
            while True:
                connection, _ = await listening.accept()
                nursery.start_soon(read, trio.SocketStream(connection))
    return bytes(seen)


async def pieces(stream: trio.abc.Stream) -> AsyncGenerator[bytes]:
    """What comes until the connection ends, however it ends."""
    try:
        while piece := await stream.receive_some():
            yield piece
    except trio.BrokenResourceError:
        return


async def whole_request(stream: trio.abc.Stream) -> bytes:
    """One request to its last byte; empty when the connection ends instead."""
    request = b""
    while not is_whole(request):
        try:
            piece = await stream.receive_some()
        except trio.BrokenResourceError:
            return b""
        if not piece:
            return b""
        request += piece
    return request


def is_whole(request: bytes) -> bool:
    """Whether the body is as long as the head says."""
    head, separator, body = request.partition(b"\r\n\r\n")
    return bool(separator) and len(body) == content_length(head)


def content_length(head: bytes) -> int:
    """What a request's head says of its body."""
    (length,) = [
        line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    return int(length.partition(b":")[2])


def reset(stream: trio.abc.Stream) -> None:
    """Close at once, by a reset."""
    socket_stream = below(stream)
    socket_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket_stream.socket.close()


async def leave(stream: trio.abc.Stream) -> None:
    """Say that there is no more."""
    await below(stream).send_eof()


def below(stream: trio.abc.Stream) -> trio.SocketStream:
    """The connection that a peer's words go through."""
    below = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    assert isinstance(below, trio.SocketStream)
    return below
