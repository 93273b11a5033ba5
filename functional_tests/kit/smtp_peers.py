"""SMTP servers on loopback: one that follows a test's script to the letter, and a whole one.

Own what they saw. Must not know SMSP's side of a dialogue.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial

import trio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

DROP = b"<drop>"
"""Instead of an answer: close the connection."""
RESET = b"<reset>"
"""Instead of an answer: break it off."""
HOLD = b"<hold>"
"""Instead of an answer: say nothing more, and see what comes when the peer is freed."""
DRIBBLE_S = 0.05
"""Seconds before each byte of an answer that is dribbled."""

USER, PASSWORD = "app", "correct horse"


class _Over(Exception):
    """This connection is."""


@dataclass
class Scripted:
    """A server that takes everything, but for what a test says it answers.

    ``answers`` has the bytes to say, or what to do, by what they answer: a verb, ``GREETING``, or
    ``END`` for the line with the dot.
    """

    answers: Mapping[str, bytes] = field(default_factory=dict)
    offers: tuple[str, ...] = ("SIZE 33554432",)
    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    dribbled: str | None = None
    """What is answered a byte at a time, with :data:`DRIBBLE_S` before each."""
    freed: trio.Event = field(default_factory=trio.Event)
    over: trio.Event = field(default_factory=trio.Event)
    """The (last) connection has ended."""
    commands: list[str] = field(default_factory=list)
    """All lines that are not of a message."""
    body: bytearray = field(default_factory=bytearray)
    """What came after 354, up to the end or the line with the dot, which is included."""
    rest: bytearray = field(default_factory=bytearray)
    """What came while it was held."""

    @property
    def verbs(self) -> list[str]:
        """The first word of each command."""
        return [command.split(" ")[0].upper() for command in self.commands]

    @property
    def ended(self) -> bool:
        """Whether the line that ends a message has ever come."""
        return b"\r\n.\r\n" in bytes(self.body) + bytes(self.rest)

    async def __call__(self, stream: trio.abc.Stream) -> None:
        """Serve one connection."""
        self.over = trio.Event()
        try:
            if self.tls_at_once:
                stream = await self._encrypted(stream)
            await self._serve(_Lines(stream))
        except (_Over, trio.BrokenResourceError):
            pass
        finally:
            self.over.set()

    async def read_to_the_end(self) -> None:
        """Return when nothing more can come."""
        self.freed.set()
        with trio.fail_after(30):
            await self.over.wait()

    async def _serve(self, lines: _Lines) -> None:
        await self._answer(lines, "GREETING", b"220 ready")
        while True:
            command = (await lines.next()).decode().rstrip("\r\n")
            self.commands.append(command)
            match command.split(" ")[0].upper():
                case "EHLO":
                    await self._answer(lines, "EHLO", self._offer())
                case "STARTTLS":
                    await self._answer(lines, "STARTTLS", b"220 go on")
                    if lines.said.startswith(b"220"):
                        lines = _Lines(await self._encrypted(lines.stream))
                case "AUTH":
                    await self._answer(lines, "AUTH", b"235 welcome")
                case "DATA":
                    await self._answer(lines, "DATA", b"354 go on")
                    if lines.said.startswith(b"354"):
                        await self._message(lines)
                case "QUIT":
                    await self._answer(lines, "QUIT", b"221 bye")
                    raise _Over
                case verb:
                    await self._answer(lines, verb, b"250 ok")

    async def _message(self, lines: _Lines) -> None:
        while not self.body.endswith(b"\r\n.\r\n"):
            self.body += await lines.next()
        await self._answer(lines, "END", b"250 2.0.0 Ok: queued as Q1")

    async def _answer(self, lines: _Lines, to: str, usual: bytes) -> None:
        answer = self.answers.get(to, usual)
        if answer == HOLD:
            await self.freed.wait()
            self.rest += await lines.remaining()
            raise _Over
        if answer == RESET:
            reset(lines.stream)
        if answer in (DROP, RESET):
            raise _Over
        await lines.say(answer, each_s=DRIBBLE_S if to == self.dribbled else 0.0)

    def _offer(self) -> bytes:
        lines = ("at your service", *self.offers)
        marked = [f"250{' ' if line == lines[-1] else '-'}{line}" for line in lines]
        return "\r\n".join(marked).encode()

    async def _encrypted(self, stream: trio.abc.Stream) -> trio.SSLStream:
        assert self.tls is not None
        encrypted = trio.SSLStream(stream, self.tls, server_side=True, https_compatible=True)
        await encrypted.do_handshake()
        return encrypted


class _Lines:
    """A stream, line by line."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.said = b""
        self._come = bytearray()

    async def say(self, answer: bytes, *, each_s: float = 0.0) -> None:
        self.said = answer
        for byte in answer if each_s else b"":
            await trio.sleep(each_s)
            await self.stream.send_all(bytes([byte]))
        await self.stream.send_all(b"\r\n" if each_s else answer + b"\r\n")

    async def next(self) -> bytes:
        while b"\n" not in self._come:
            piece = await self.stream.receive_some()
            if not piece:
                raise _Over
            self._come += piece
        end = self._come.index(b"\n") + 1
        line = bytes(self._come[:end])
        del self._come[:end]
        return line

    async def remaining(self) -> bytes:
        while True:
            try:
                piece = await self.stream.receive_some()
            except trio.BrokenResourceError:
                break
            if not piece:
                break
            self._come += piece
        return bytes(self._come)


def reset(stream: trio.abc.Stream) -> None:
    """Close at once, by a reset."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@asynccontextmanager
async def listening(handler: Scripted) -> AsyncIterator[int]:
    """A peer on loopback, and its port."""
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, handler, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@dataclass
class Dispatching:
    """A whole server, aiosmtpd's, in a thread of its own; ``taken`` are the messages it took."""

    taken: list[Envelope] = field(default_factory=list)
    port: int = 0
    pause_s: float = 0.0
    """Before a message is taken."""

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:  # noqa: N802
        """Take what was sent."""
        await asyncio.sleep(self.pause_s)
        self.taken.append(envelope)
        return f"250 2.0.0 Ok: queued as Q{len(self.taken)}"

    def parsed(self) -> EmailMessage:
        """The one message that was taken, as the standard library reads it."""
        (envelope,) = self.taken
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class _Starter(Controller):
    """Listens on any free port; ``tls`` is from the first byte."""

    def __init__(self, room: Dispatching, tls: ssl.SSLContext | None, **options: object) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        super().__init__(room, "127.0.0.1", port, ssl_context=tls, ready_timeout=10, **options)
        room.port = port

    def _create_server(self):
        return self.loop.create_server(
            self._factory_invoker, sock=self._listener, ssl=self.ssl_context
        )

    def _trigger_server(self) -> None:
        """Not needed: the port is listened on already."""
        self._factory_invoker()


@contextmanager
def dispatcher(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
    mechanisms: frozenset[str] = frozenset({"PLAIN", "LOGIN"}),
) -> Iterator[Dispatching]:
    """A running :class:`Dispatching`; with ``login`` it takes nothing without :data:`PASSWORD`."""
    room = Dispatching()
    controller = _Starter(
        room,
        tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=_authenticate,
        auth_required=login,
        auth_require_tls=starttls is not None,
        auth_exclude_mechanism={"PLAIN", "LOGIN"} - mechanisms,
        enable_SMTPUTF8=True,
    )
    controller.start()
    try:
        yield room
    finally:
        controller.stop()


def _authenticate(_server: SMTP, _session: object, _envelope: object, _how: str, data: object):
    right = data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=right)
