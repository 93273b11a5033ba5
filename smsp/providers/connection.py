"""One connection to a provider: made, secured, written to, read from, closed at once.

Knows whether a write has failed and whether the kernel had taken anything of it, which no stream
of trio's tells. Knows nothing of HTTP but that answers come one after another.
"""

from __future__ import annotations

import select
import socket
import ssl
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import httpx
import trio

from smsp.providers.wire import Answers

RECEIVE_BYTES = 64 * 1024

NOTHING: Mapping[str, object] = MappingProxyType({})

Trace = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Told what a call is about to do, or has done, by httpcore's names for it; of ours with
``NOTHING`` besides."""


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


class Line(trio.abc.Stream):
    """A stream of bytes that counts what is taken from us, and closes without waiting.

    A write that fails raises nothing: it makes the line ``lost``. What the peer said before it
    left can still be read then, through TLS too, whose stream would refuse it after an error.
    """

    taken = 0
    """How many bytes have been handed over so far."""
    lost = False

    @property
    @abstractmethod
    def readable(self) -> bool:
        """Whether something has come, be it the end. A look, no wait."""

    @abstractmethod
    def close(self) -> None:
        """Close at once. Whoever waits here gets ``trio.ClosedResourceError``."""

    async def aclose(self) -> None:
        """Close at once, as a stream of trio's."""
        self.close()
        await trio.lowlevel.checkpoint()


class SocketLine(Line):
    """A TCP connection: a socket that does not block, and trio to wait for it.

    trio's own streams let others run after each write. Here whoever writes goes on in the very
    step in which the kernel has taken the last byte, and can say so before anything else happens.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._arrival = select.poll()
        self._arrival.register(connected, select.POLLIN)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over all of it, unless the line is lost meanwhile."""
        with memoryview(data) as whole:
            sent = 0
            while sent < len(whole) and not self.lost:
                try:
                    taken = self._socket.send(whole[sent:] if sent else whole)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._socket)
                except OSError:
                    self.lost = True
                else:
                    sent += taken
                    self.taken += taken

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel has room again."""
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, or will; empty at the end. Raises ``trio.BrokenResourceError``."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(max_bytes or RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    @property
    def readable(self) -> bool:
        """Whether something has come, be it the end."""
        return bool(self._arrival.poll(0))

    def close(self) -> None:
        """Close at once."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


Dial = Callable[[str, int], Awaitable[Line]]
"""Makes a line to a host's port. Raises ``OSError``."""


async def dial_tcp(host: str, port: int) -> Line:
    """Connect to the address that answers first (RFC 8305)."""
    stream = await trio.open_tcp_stream(host, port)
    connected = socket.socket(fileno=stream.socket.detach())
    connected.setblocking(False)
    return SocketLine(connected)


class Connection:
    """A line, plain or with TLS around it, and the answers that come through it."""

    def __init__(self, origin: Origin, line: Line, stream: trio.abc.Stream) -> None:
        self.origin = origin
        self.answers = Answers()
        self.idle_since = 0.0
        """On the run's clock; set by the pool."""
        self._line = line
        self._stream = stream

    @classmethod
    async def open(
        cls, origin: Origin, dial: Dial, tls: ssl.SSLContext, trace: Trace
    ) -> Connection:
        """Connect, and verify who answers. Raises ``httpx.ConnectError``."""
        await trace("connection.connect_tcp.started", NOTHING)
        try:
            line = await dial(origin.host, origin.port)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        if not origin.secure:
            return cls(origin, line, line)
        try:
            await trace("connection.start_tls.started", NOTHING)
            stream = trio.SSLStream(line, tls, server_hostname=origin.host, https_compatible=True)
            await stream.do_handshake()
        except BaseException as error:
            line.close()
            if isinstance(error, trio.BrokenResourceError):
                raise httpx.ConnectError(str(error.__cause__ or error)) from error
            raise
        return cls(origin, line, stream)

    @property
    def quiet(self) -> bool:
        """Whether nothing has come since the last answer: no end, and nothing unasked for."""
        return not self._line.readable

    @property
    def taken(self) -> int:
        """How many bytes the kernel has taken from us so far."""
        return self._line.taken

    async def send(self, data: bytes) -> None:
        """Hand over all of it. Raises ``httpx.WriteError``."""
        await self._stream.send_all(data)
        if self._line.lost:
            raise httpx.WriteError("the connection broke")

    async def receive(self) -> None:
        """Read on in the answer. Raises ``httpx.ReadError``, ``httpx.RemoteProtocolError``."""
        try:
            data = await self._stream.receive_some(RECEIVE_BYTES)
        except trio.BrokenResourceError as error:
            raise httpx.ReadError("the connection broke") from error
        self.answers.feed(bytes(data))

    def close(self) -> None:
        """Close at once, without a farewell: nothing is written afterwards."""
        self._line.close()
