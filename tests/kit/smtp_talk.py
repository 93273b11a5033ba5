"""SMTP servers in memory: what they say is known beforehand, and how long they take for it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from smsp.tcp_stream import ByteCountingStream
from tests.kit.lines import MemoryLine


class ScriptedServer(ByteCountingStream):
    """The line to a server that says its next answer whatever it is asked. It speaks first, and
    then after each line; the message, up to the dot, is one line. When it has nothing more to say,
    it has gone."""

    def __init__(self, *says: bytes) -> None:
        self._says = iter(says)
        self._come = next(self._says, b"")
        self.heard: list[bytes] = []
        self.said_after: dict[bytes, bytes] = {}
        """What was said to the last line that was so."""

    async def dial(self, _host: str, _port: int) -> ScriptedServer:
        """This is the line."""
        return self

    def send_now(self, data: bytes | bytearray | memoryview) -> int:
        """Hear something."""
        line = bytes(data)
        self.heard.append(line)
        if line.endswith(b"\r\n") and not (self._in_a_message and line != b".\r\n"):
            words = next(self._says, b"")
            self.said_after[line] = words
            self._come += words
        return len(line)

    @property
    def _in_a_message(self) -> bool:
        return b"DATA\r\n" in self.heard[:-1]

    async def wait_send_all_might_not_block(self) -> None:
        """Never waits."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, or the end."""
        return self.receive_now(max_bytes or len(self._come))

    def receive_now(self, max_bytes: int) -> bytes:
        """Likewise."""
        come, self._come = self._come[:max_bytes], self._come[max_bytes:]
        return come

    @property
    def readable(self) -> bool:
        """Whether something has come; its end is not noticed before it is met."""
        return bool(self._come)

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class TimedServer:
    """A server at the far end of a :class:`MemoryLine`, which takes everything.

    ``answers`` has what it says instead, by what that answers: a verb, ``EHLO2`` for the second
    one, ``GREETING``, ``CHALLENGE`` for what follows a 334, or ``END`` for the line with the dot.
    Before each byte of ``dribbled`` it waits ``each_s``, before every other answer ``pause_s``.
    """

    dribbled: str = ""
    each_s: float = 1.0
    pause_s: float = 0.0
    answers: Mapping[str, bytes] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    deaf_after: str = ""
    """Having answered this it takes nothing more."""
    heard: list[str] = field(default_factory=list)
    """What was said to it, by the names of ``answers``."""

    async def __call__(self, line: MemoryLine) -> None:
        """Serve one connection, until it is closed."""
        self._line, self._stream, self._come = line, line, bytearray()
        try:
            if self.tls_at_once:
                await self._encrypt()
            await self._serve()
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            pass

    async def _serve(self) -> None:
        await self._answer("GREETING", b"220 ready")
        while (line := await self._hear()) is not None:
            said = self._name(line)
            self.heard.append(said)
            await self._answer(said, self._usual(said))
            if said == "STARTTLS" and self.answers.get(said, b"220").startswith(b"220"):
                await self._encrypt()

    def _name(self, line: bytes) -> str:
        if self._is_told_a_message:
            return "END"
        if self.heard and self.answers.get(self.heard[-1], b"").startswith(b"334"):
            return "CHALLENGE"
        verb = line.split()[0].decode().upper()
        return "EHLO2" if verb == "EHLO" and "EHLO" in self.heard else verb

    def _usual(self, said: str) -> bytes:
        match said:
            case "EHLO" | "EHLO2":
                return (
                    b"\r\n250-".join([b"250-mail", *map(str.encode, self.offers)]) + b"\r\n250 OK"
                )
            case "STARTTLS":
                return b"220 go on"
            case "AUTH" | "CHALLENGE":
                return b"235 welcome"
            case "DATA":
                return b"354 go on"
            case "END":
                return b"250 2.0.0 Ok: queued as Q1"
            case _:
                return b"250 ok"

    async def _answer(self, to: str, usual: bytes) -> None:
        answer = self.answers.get(to, usual) + b"\r\n"
        if to == self.deaf_after:
            self._line.far.stall()
        if to == self.dribbled:
            for byte in answer:
                await trio.sleep(self.each_s)
                await self._stream.send_all(bytes([byte]))
        else:
            await trio.sleep(self.pause_s)
            await self._stream.send_all(answer)

    @property
    def _is_told_a_message(self) -> bool:
        refused = self.answers.get("DATA", b"3")[:1] in (b"4", b"5")
        return self.heard[-1:] == ["DATA"] and not refused

    async def _hear(self) -> bytes | None:
        """A line, or a message up to its end; ``None`` at the end of the connection."""
        end = b"\r\n.\r\n" if self._is_told_a_message else b"\r\n"
        while end not in self._come:
            piece = await self._stream.receive_some()
            if not piece:
                return None
            self._come += piece
        line, _, rest = bytes(self._come).partition(end)
        self._come = bytearray(rest)
        return line

    async def _encrypt(self) -> None:
        if self.tls is not None:
            self._stream = trio.SSLStream(self._line, self.tls, server_side=True)
            await self._stream.do_handshake()
