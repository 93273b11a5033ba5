"""One connection to a provider: made, secured, written to, read from, closed at once.

Knows whether a write has failed and whether the kernel had taken anything of it, which no stream
of trio's tells. Knows nothing of HTTP but that answers come one after another.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import httpx
import trio

from smsp.lines import RECEIVE_BYTES, Line, SocketLine
from smsp.providers.wire import Answers

NOTHING: Mapping[str, object] = MappingProxyType({})

Trace = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Told what a call is about to do, or has done, by httpcore's names for it; of ours with
``NOTHING`` besides."""


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


Dial = Callable[[str, int], Awaitable[Line]]
"""Makes a line to a host's port. Raises ``OSError``."""


async def dial_tcp(host: str, port: int) -> Line:
    """Connect to the address that answers first (RFC 8305)."""
    stream = await trio.open_tcp_stream(host, port)
    return SocketLine(socket.socket(fileno=stream.socket.detach()))


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
