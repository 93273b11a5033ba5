"""One caller's connection: its requests, one after another, all in one task.

hypercorn's own connection, with its HTTP/1.1 and its tasks, is not used: there each request costs
a task for its idle time, one for its handler and three writes. Here nobody listens for a caller
who hangs up while a handler runs, so none can end a send half-way.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import trio
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from smsp.server.connection_limit import HELD_BYTES_MAX, ConnectionLimit
from smsp.server.http1 import BadRequest, RequestParser
from smsp.server.request_cycle import Addresses, RequestCycle, date_field
from smsp.server.request_head import Head
from smsp.server.response_writer import CONTINUE, ResponseWriter
from smsp.tcp_stream import RECEIVE_BYTES, ByteCountingStream
from smsp.telemetry.log import Log, described

LINGER_S = 1.0
"""Seconds for which a caller whose words are no request may go on, so that no reset takes the
answer away."""

HANDSHAKE_BYTES = 48 * 1024
ANSWER_BYTES = 32 * 1024
"""About what is held, beside what has come, for a handshake that has not ended, and for an answer
that is not read."""
RECORD_BYTES = 16 * 1024
"""So much of an answer is encrypted at once: TLS makes a copy of what it is given. It is also the
most that is read at once of what nobody wants any more."""

Stream = ByteCountingStream | trio.SSLStream[ByteCountingStream]


@dataclass(frozen=True, slots=True)
class Limits:
    """What callers may ask of a listener, beside the time that a connection may be idle.

    ``head_s``: from the first byte of a request's head to its last. ``headers_max``: of one
    request. ``connections_max``: when there are more, the longest idle one goes.
    ``held_bytes_max``: for all of them, of what :mod:`smsp.server.connection_limit` counts.
    """

    head_s: float = 10.0
    headers_max: int = 100
    connections_max: int = 4096
    held_bytes_max: int = HELD_BYTES_MAX


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What the connections of one listener share. ``ending`` is set when it takes no more.

    ``turns``: who has sent its next request before it had the last answer gets it for a moment, so
    that one such request is begun in a round of the loop. Of thousands of connections with requests
    sent ahead each would else have one answered, before anybody else goes on by a step.
    """

    app: ASGIFramework
    config: Config
    log: Log
    limits: Limits
    connection_limit: ConnectionLimit
    pipelined: trio.Lock = field(default_factory=trio.Lock)
    ending: trio.Event = field(default_factory=trio.Event)


class CallerConnection:
    """A caller's connection. It ends when the caller has left, and alone when it fails."""

    def __init__(self, context: ServerContext, stream: Stream) -> None:
        self._context = context
        self._stream = stream
        self._parser = RequestParser(context.limits.headers_max)
        self._served = 0
        self._line = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._line.when_full = self._hold_the_answer
        self._over = False
        """Whether nothing more is to be read or written here."""
        self._answering = False
        """Whether an answer has begun: what comes now is read for politeness."""
        self._held_bytes = 0
        self.idle_since = trio.current_time()

    async def run(self) -> None:
        """Serve the caller until the connection ends."""
        try:
            if self._context.connection_limit.arrive(self) and await self._secured():
                await self._serve()
        except* Exception as group:  # noqa: BLE001 - the HTTP edge: it costs this connection
            self._context.log.warning("server.connection_failed", **described(group))
        finally:
            self._context.connection_limit.leave(self)
            try:
                await self._close()
            finally:
                self._forget()

    def send_away(self) -> None:
        """End for somebody else's sake. Nobody waits for an answer here."""
        self._over = True
        self._line.close()
        self._parser.close()

    async def read(self) -> bool:
        """Wait for more of what the caller says; false when there will be none."""
        data = await self._receive(RECORD_BYTES if self._answering else RECEIVE_BYTES)
        self._parser.feed(data)
        return bool(data)

    async def write(self, data: bytes) -> None:
        """Say something, unless the caller has left."""
        if self._over:
            return
        self._answering = data is not CONTINUE
        try:
            await self._hand_over(data)
            self._over = self._line.lost
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._over = True
        except BaseException:
            self._over = True  # Half of it may have been written.
            raise
        finally:
            self._context.connection_limit.let_go(self)

    def _hold_the_answer(self) -> None:
        self._context.connection_limit.hold(self, self._held_bytes)

    async def _hand_over(self, data: bytes) -> None:
        if self._stream is self._line or len(data) <= RECORD_BYTES:
            await self._stream.send_all(data)
            return
        for start in range(0, len(data), RECORD_BYTES):
            await self._stream.send_all(data[start : start + RECORD_BYTES])

    # -- one request after another

    async def _serve(self) -> None:
        addresses = self._ends()
        if addresses is None:
            return
        while (head := await self._next()) is not None:
            if isinstance(head, BadRequest):
                await self._refuse(head.status)
                return
            self._context.connection_limit.busy(self)
            self._held_bytes = ANSWER_BYTES + self._parser.held_bytes
            cycle = RequestCycle(self, self._parser, head, last=self._is_last())
            await cycle.run(self._context.app, addresses)
            if cycle.closes:
                return
            self._answering = False
            self.idle_since = trio.current_time()
            self._context.connection_limit.idle(self)
            if self._parser.waiting:
                self._context.connection_limit.hold(self, self._parser.held_bytes)
                async with self._context.pipelined:
                    pass

    def _ends(self) -> Addresses | None:
        """None if the caller broke off before it was met."""
        scheme = "https" if isinstance(self._stream, trio.SSLStream) else "http"
        try:
            return Addresses(scheme, self._line.peer, self._line.name)
        except OSError:
            return None

    async def _next(self) -> Head | BadRequest | None:
        """The next request, or what is said instead; None if it does not come.

        Who is idle for too long is sent away by the listener, for all connections at once. A head
        that has begun to come has a time of its own.
        """
        head_until = trio.current_time() + self._context.limits.head_s
        while not self._over and (event := self._parser.next()) is None:
            if self._parser.in_a_head:
                self._context.connection_limit.hold(self, self._parser.held_bytes)
                heard = False
                with trio.move_on_at(head_until):
                    heard = await self.read()
            else:
                heard = await self.read()
                head_until = trio.current_time() + self._context.limits.head_s
            if not heard:
                return None
        if self._over:
            return None
        assert isinstance(event, Head | BadRequest), "the request before has been read to its end"
        return event

    async def _receive(self, at_most: int = RECEIVE_BYTES) -> bytes:
        try:
            return bytes(await self._stream.receive_some(at_most))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def _is_last(self) -> bool:
        self._served += 1
        return (
            self._context.ending.is_set()
            or self._served > self._context.config.keep_alive_max_requests
        )

    # -- the beginning and the end

    async def _secured(self) -> bool:
        if not isinstance(self._stream, trio.SSLStream):
            return True
        self._context.connection_limit.hold(self, HANDSHAKE_BYTES)
        try:
            with trio.fail_after(self._context.config.ssl_handshake_timeout):
                await self._stream.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            return False
        self._context.connection_limit.let_go(self)
        return True

    async def _refuse(self, status: HTTPStatus) -> None:
        self._context.connection_limit.let_go(self)
        fields = [(b"content-length", b"0"), date_field()]
        await self.write(ResponseWriter(None).head(status, fields))
        await self._end_writing()
        with trio.move_on_after(LINGER_S):
            while await self._receive(RECORD_BYTES):
                pass

    async def _end_writing(self) -> None:
        if self._stream is self._line:
            await self._line.send_eof()

    async def _close(self) -> None:
        try:
            await self._end_writing()
        finally:
            with trio.move_on_after(LINGER_S) as scope, suppress(trio.ClosedResourceError):
                scope.shield = True
                await self._stream.aclose()

    def _forget(self) -> None:
        """Let go of what knows itself, and would stay until the garbage collector comes by: of
        thousands of connections that were sent away that is more than of those that are left."""
        self._parser.close()
        self._line.when_full = None
        if isinstance(self._stream, trio.SSLStream):
            vars(self._stream).clear()
