"""One connection to a provider: made, secured, written to, read from, closed at once.

Drives a channel (:mod:`smsp.providers.security_layer`) over a line, in the same way whether it is
TLS. Nothing that came before a request's last byte was taken is its answer: what has come is looked
at just before the first byte, and again before each call of ``send`` that follows; and what has
been heard by then ends the writing, so that the peer never has the whole request. Knows nothing of
HTTP but that answers come one after another.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import httpx
import trio

from smsp.providers.http.http1 import ResponseParser
from smsp.providers.http.phases import OnPhase, Phase
from smsp.providers.security_layer import Plain, SecurityLayer, Tls, TlsState
from smsp.tcp_stream import RECEIVE_BYTES, ByteCountingStream, TcpStream


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


Dial = Callable[[str, int], Awaitable[ByteCountingStream]]
"""Makes a line to a host's port. Raises ``OSError``."""


async def dial_tcp(host: str, port: int) -> ByteCountingStream:
    """Connect to the address that answers first (RFC 8305)."""
    stream = await trio.open_tcp_stream(host, port)
    return TcpStream(socket.socket(fileno=stream.socket.detach()))


class HttpConnection:
    """A line, the channel through it, and the answers that come that way."""

    def __init__(self, origin: Origin, line: ByteCountingStream, channel: SecurityLayer) -> None:
        self.origin = origin
        self.answers = ResponseParser()
        self.idle_since = 0.0
        """On the run's clock; set by the pool."""
        self._line = line
        self._channel = channel

    @classmethod
    async def open(
        cls, origin: Origin, dial: Dial, tls: ssl.SSLContext, on_phase: OnPhase
    ) -> HttpConnection:
        """Connect, and verify who answers. Raises ``httpx.ConnectError``."""
        on_phase(Phase.CONNECTING)
        try:
            line = await dial(origin.host, origin.port)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        try:
            if origin.secure:
                on_phase(Phase.SECURING)
            channel = await _secured(line, tls, origin.host) if origin.secure else Plain()
            connection = cls(origin, line, channel)
            if not connection.is_quiet():
                raise httpx.ConnectError("the peer has left, or spoken first")
        except BaseException:
            line.close()
            raise
        return connection

    def is_quiet(self) -> bool:
        """Whether a request can be written that nothing which has come so far would answer.

        What has come is read: any of it that says something, an end, or a record that has only
        begun makes this false, and the connection is of no more use.
        """
        while self._channel.state is TlsState.OPEN and self._line.readable:
            try:
                data = self._line.receive_now(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                return False
            if data is None:
                break
            if self._channel.receive(data):
                return False
        return self._channel.at_rest

    @property
    def reusable(self) -> bool:
        """Whether the answer has come to its end, and nothing after it, so far."""
        return self.answers.reusable and self._channel.at_rest

    @property
    def taken(self) -> int:
        """How many bytes the kernel has taken from us so far, those of TLS included."""
        return self._line.taken

    async def begin(self, data: bytes) -> None:
        """Hand over all of a request's beginning, on a connection that is quiet.

        Raises ``httpx.WriteError`` when the connection breaks, or when the peer has answered before
        the last byte was taken; ``httpx.RemoteProtocolError`` when that was no answer. What was
        taken by then is no whole request, and must not be followed by more.
        """
        self.answers.begin()
        await self._send(data)

    async def go_on(self, data: bytes) -> None:
        """Hand over all of some more of the request. Raises as ``begin`` does."""
        await self._check_unanswered()
        await self._send(data)

    async def receive(self) -> None:
        """Read on in the answer. Raises ``httpx.ReadError``, ``httpx.RemoteProtocolError``."""
        while self._channel.state is TlsState.OPEN:
            try:
                if self._hear(await self._line.receive_some(RECEIVE_BYTES)):
                    return
            except trio.BrokenResourceError as error:
                raise httpx.ReadError("the connection broke") from error
        if self._channel.state is not TlsState.CLOSED:
            # RFC 9112, section 9.8: such an end does not end an answer.
            raise httpx.ReadError(self._channel.error)
        self.answers.feed(b"")

    def close(self) -> None:
        """Close at once, without a farewell: nothing is written afterwards."""
        self._line.close()

    async def _send(self, data: bytes) -> None:
        rest: bytes | memoryview = self._channel.send(data)
        if self._channel.state is TlsState.FAILED:
            raise httpx.WriteError(self._channel.error)
        while (taken := self._line.send_now(rest)) < len(rest):
            if self._line.lost:
                raise httpx.WriteError("the connection broke")
            rest = memoryview(rest)[taken:]
            await self._line.wait_send_all_might_not_block()
            await self._check_unanswered()

    async def _check_unanswered(self) -> None:
        """Whoever answers before our last byte does not answer the whole request.

        An answer that has begun is heard until it can be told from an interim one.
        """
        try:
            while self._expects_an_answer and self._line.readable:
                self._hear(self._line.receive_now(RECEIVE_BYTES))
            while self._expects_an_answer and self._is_being_spoken_to:
                self._hear(await self._line.receive_some(RECEIVE_BYTES))
        except trio.BrokenResourceError as error:
            raise httpx.WriteError("the connection broke") from error
        if self.answers.status is not None:
            raise httpx.WriteError("an answer before the request was whole")

    @property
    def _expects_an_answer(self) -> bool:
        return self._channel.state is TlsState.OPEN and self.answers.status is None

    @property
    def _is_being_spoken_to(self) -> bool:
        return self.answers.in_head or self._channel.is_in_record

    def _hear(self, data: bytes | None) -> bool:
        """Read what has come. Returns whether it says anything; an end is kept for later."""
        said = self._channel.receive(data) if data is not None else b""
        if said:
            self.answers.feed(said)
        return bool(said)


async def _secured(line: ByteCountingStream, tls: ssl.SSLContext, host: str) -> Tls:
    """TLS through this line, whose handshake is over. Raises ``httpx.ConnectError``."""
    try:
        channel = Tls(tls, host)
    except ValueError as error:
        raise httpx.ConnectError(str(error)) from error
    await line.send_all(channel.replies())
    while channel.state is TlsState.HANDSHAKE or channel.is_in_record:
        try:
            said = channel.receive(await line.receive_some(RECEIVE_BYTES))
        except trio.BrokenResourceError as error:
            raise httpx.ConnectError(str(error)) from error
        await line.send_all(channel.replies())  # The reasons of a refusal, too.
        if said:
            raise httpx.ConnectError("the peer has spoken first")
    if channel.state is TlsState.FAILED:
        raise httpx.ConnectError(channel.error)
    return channel
