"""An httpx transport on trio that costs little and knows exactly how far a request has come.

It keeps no time: whoever calls it does, by cancelling; a call that is cancelled or fails has
closed its connection by the time that shows. It tells its phases to the request's ``ON_PHASE``,
each in the very step in which it begins. It writes no ``Expect``, follows no redirect, and knows
no proxy, cookie or compression.

::

    room ─▶ an idle connection ─▶ the head and the first piece ─▶ other pieces ─▶ the answer
       └──▶ a new connection ──────▲     │
               ▲─────────────────────────┘ closed, and nothing was taken: once

An answer that comes before our last byte ends the writing: it says what it says of a request that
is not whole.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable
from types import MappingProxyType
from typing import Self

import httpx

from smsp.providers.http.connection import Dial, HttpConnection, Origin, dial_tcp
from smsp.providers.http.http1 import head_of
from smsp.providers.http.phases import ON_PHASE, OnPhase, Phase
from smsp.providers.http.pool import Pool

_PORTS = MappingProxyType({"http": 80, "https": 443})


class Transport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over at most ``connections_max`` connections; peers are verified by ``tls``."""

    def __init__(self, connections_max: int, tls: ssl.SSLContext, *, dial: Dial = dial_tcp) -> None:
        def connect(origin: Origin, on_phase: OnPhase) -> Awaitable[HttpConnection]:
            return HttpConnection.open(origin, dial, tls, on_phase)

        self._pool = Pool(connections_max, connect)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer. The response has to be closed.

        Raises an ``httpx.TransportError``.
        """
        call = _Call(self._pool, request)
        await self._pool.enter()
        try:
            return await call.run()
        except BaseException:
            call.end()
            raise

    async def aclose(self) -> None:
        """Close every idle connection; one in use closes when its use is over."""
        self._pool.close()


class _Call(httpx.AsyncByteStream):
    """One request on its way, and then the body of its answer."""

    def __init__(self, pool: Pool, request: httpx.Request) -> None:
        self._pool = pool
        self._origin = _origin(request.url)
        self._head, self._unwritten_bytes = head_of(request)
        self._pieces = _pieces(request)
        self._on_phase: OnPhase = request.extensions.get(ON_PHASE, _untold)
        self._connection: HttpConnection | None = None
        self._spent = False
        self._over = False

    async def run(self) -> httpx.Response:
        """Write all, read the head of the answer."""
        try:
            connection = await self._write()
        except httpx.WriteError as error:
            connection = await self._hear_why(error)
        else:
            self._on_phase(Phase.WRITTEN)
            await _hear(connection)
        self._on_phase(Phase.ANSWERED)
        answers = connection.answers
        assert answers.status is not None
        return httpx.Response(answers.status, headers=answers.headers, stream=self)

    def end(self) -> None:
        """The call is over, whichever way."""
        if self._over:
            return
        self._over = True
        connection = self._connection
        if connection is not None:
            reusable = connection.reusable and not self._spent
            (self._pool.keep if reusable else self._pool.discard)(connection)
        self._pool.leave()

    # -- the request

    async def _write(self) -> HttpConnection:
        connection = await self._begin(self._head + self._counted(await anext(self._pieces, b"")))
        async for piece in self._pieces:
            await connection.go_on(self._counted(piece))
        if self._unwritten_bytes > 0:
            raise httpx.LocalProtocolError("a body shorter than its length")
        return connection

    def _counted(self, piece: bytes) -> bytes:
        self._unwritten_bytes -= len(piece)
        if self._unwritten_bytes < 0:
            raise httpx.LocalProtocolError("a body longer than its length")
        return piece

    async def _begin(self, first: bytes) -> HttpConnection:
        connection = self._connection = self._pool.idle(self._origin)
        if connection is not None:
            self._on_phase(Phase.WRITING)
            taken_before = connection.taken
            try:
                await connection.begin(first)
            except httpx.WriteError:
                if connection.taken > taken_before:
                    raise
                self._connection = None
                self._pool.discard(connection)
            else:
                return connection
        connection = self._connection = await self._pool.open(self._origin, self._on_phase)
        self._on_phase(Phase.WRITING)
        await connection.begin(first)
        return connection

    # -- the answer

    async def _hear_why(self, error: httpx.WriteError) -> HttpConnection:
        """A peer that stops reading, or answers before it has the whole request, has said why."""
        self._spent = True
        connection = self._connection
        assert connection is not None
        try:
            await _hear(connection)
        except httpx.TransportError:
            raise error from None
        return connection

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        if self._over or connection is None:
            raise StopAsyncIteration
        try:
            while not (connection.answers.has_more or connection.answers.complete):
                await connection.receive()
        except BaseException:
            self.end()
            raise
        piece = connection.answers.take()
        if not piece:
            self.end()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Nobody wants more of the body."""
        self.end()


async def _hear(connection: HttpConnection) -> None:
    while connection.answers.status is None:
        await connection.receive()


def _origin(url: httpx.URL) -> Origin:
    port = url.port or _PORTS.get(url.scheme)
    if port is None:
        raise httpx.UnsupportedProtocol(f"{url.scheme} is neither http nor https")
    return Origin(url.raw_host.decode("ascii"), port, secure=url.scheme == "https")


def _pieces(request: httpx.Request) -> AsyncIterator[bytes]:
    if not isinstance(request.stream, httpx.AsyncByteStream):
        raise httpx.LocalProtocolError("a body that has to be waited for")
    return aiter(request.stream)


def _untold(_phase: Phase) -> None:
    """Nobody wants to know."""
