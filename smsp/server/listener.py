"""Takes callers' connections, for our own server and for :mod:`smsp.server.hypercorn`.

hypercorn's own ``serve`` is used by neither: it takes one connection a round, its connections
outlive their callers, and a malformed request can end it. Knows nothing of routes, settings or
signals.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol

import trio
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from hypercorn.utils import repr_socket_addr

from smsp.providers.shortage import NO_ROOM
from smsp.server.connection import CallerConnection, Limits, ServerContext, Stream
from smsp.server.connection_limit import ConnectionLimit
from smsp.tcp_stream import ByteCountingStream, TcpStream
from smsp.telemetry.log import Log, described

UNREAD_MS_MAX = 10_000
"""Milliseconds for which a caller may leave unread what we have written; then its connection is
dropped, or it would keep its place for ever (Linux: tcp(7))."""
HANDSHAKE_S = 10.0
BACKLOG = 1024
ACCEPTS_MAX = 64
"""Connections taken at once, before others have their turn. One by one a rush of a thousand would
wait for two seconds."""
LAST_WORDS_S = 0.25
"""Seconds after the last connection was taken, in which a request that is on its way is still
answered: a balancer counts one that it has handed over as sent, and does not try another node."""
NO_ROOM_S = 0.1
"""Seconds until connections are taken again when the system has no room for more."""

TakeOne = Callable[[trio.Nursery], None]
"""Takes one connection, and begins to serve it there. Raises as :meth:`Listening.accept`."""
Certificate = Callable[[], ssl.SSLContext]
"""What a new connection is met with now. Those that there are keep what they have."""

_OUR_FAULT = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})


class Listening(Protocol):
    """Where connections come from: a port, or what stands for one."""

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        ...

    async def wait(self) -> None:
        """Return when a connection may have come."""
        ...

    def accept(self) -> ByteCountingStream:
        """Take one. Raises ``OSError``: ``BlockingIOError`` if there is none."""
        ...

    def close(self) -> None:
        """Take no more; those in the backlog are reset."""
        ...


Open = Callable[[Config], Listening]
"""Begin to listen. Raises ``OSError`` when the port cannot be had."""


class Listen(Protocol):
    """A server: :func:`listen`, or that of :mod:`smsp.server.hypercorn`."""

    async def __call__(
        self,
        app: ASGIFramework,
        config: Config,
        log: Log,
        close: trio.Event,
        *,
        tls: Certificate | None = None,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None: ...


class SocketListening:
    """A TCP port."""

    def __init__(self, config: Config) -> None:
        (self._socket,) = config.create_sockets().insecure_sockets
        try:
            _bound_writes(self._socket)
            self._socket.listen(config.backlog)
            self.address = repr_socket_addr(self._socket.family, self._socket.getsockname())
        except OSError:
            self._socket.close()
            raise

    async def wait(self) -> None:
        """Return when a connection may have come."""
        await trio.lowlevel.wait_readable(self._socket)

    def accept(self) -> ByteCountingStream:
        """Take one."""
        return TcpStream(self.take())

    def take(self) -> socket.socket:
        """Take one as the system gives it. Raises as :meth:`accept`."""
        taken, _address = self._socket.accept()
        return taken

    def close(self) -> None:
        """Take no more."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


def hypercorn_config(host: str, port: int, *, idle_s: float, graceful_s: float) -> Config:
    """Where to listen, with our times and bounds."""
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.keep_alive_timeout = idle_s
    config.graceful_timeout = graceful_s
    config.ssl_handshake_timeout = HANDSHAKE_S
    config.backlog = BACKLOG
    return config


async def listen(
    app: ASGIFramework,
    config: Config,
    log: Log,
    close: trio.Event,
    *,
    tls: Certificate | None = None,
    limits: Limits = Limits(),
    open_listening: Open = SocketListening,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take connections until ``close`` is set, and those that the system has taken by then. Wait
    for those that are not idle, for ``config.graceful_timeout`` at most. With ``tls`` they speak
    HTTPS.

    Reports the URL when it is started. Raises ``OSError`` when the port cannot be had.
    """
    connection_limit = ConnectionLimit(limits.connections_max, limits.held_bytes_max)
    context = ServerContext(app, config, log, limits, connection_limit)
    listening = open_listening(config)

    async def serve(line: ByteCountingStream) -> None:
        await CallerConnection(context, _stream(line, tls)).run()

    def take_one(connections: trio.Nursery) -> None:
        connections.start_soon(serve, listening.accept(), name="caller")

    async def send_idle_away() -> None:
        await _send_idle_away(connection_limit, config.keep_alive_timeout)

    task_status.started(url_of(listening, tls))
    async with until_closed(listening, take_one, config, log, close, beside=send_idle_away):
        context.ending.set()
        await trio.sleep(LAST_WORDS_S)
        connection_limit.end()


def url_of(listening: Listening, tls: Certificate | None) -> str:
    """What callers reach it by."""
    return f"{'http' if tls is None else 'https'}://{listening.address}"


@asynccontextmanager
async def until_closed(
    listening: Listening,
    take_one: TakeOne,
    config: Config,
    log: Log,
    close: trio.Event,
    *,
    beside: Callable[[], Awaitable[None]] = trio.sleep_forever,
) -> AsyncIterator[None]:
    """Take connections until ``close`` is set, and those that the system has taken by then; the
    block has them end. ``beside`` runs for as long as they are taken.

    From the closing on, connections have ``config.graceful_timeout`` seconds, the block's included.
    """
    try:
        async with trio.open_nursery() as connections:
            take = partial(take_one, connections)
            async with trio.open_nursery() as taking:
                taking.start_soon(_take_connections, listening, take, log)
                taking.start_soon(beside)
                await close.wait()
                taking.cancel_scope.cancel()
            # In the step in which the port is closed: who is left in the backlog would be reset.
            with suppress(OSError):
                _take(take, BACKLOG)
            listening.close()
            connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout
            yield
    finally:
        listening.close()


async def _take_connections(listening: Listening, take: Callable[[], None], log: Log) -> None:
    while True:
        await listening.wait()
        try:
            _take(take, ACCEPTS_MAX)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno in _OUR_FAULT:
                raise
            if error.errno in NO_ROOM:
                log.error("server.no_room", **described(error))
                await trio.sleep(NO_ROOM_S)
            # Else it is the connection's: its caller has left before it was taken.


def _take(take: Callable[[], None], at_most: int) -> None:
    """Take connections that have come. Raises ``OSError`` when there are no more, or no room."""
    for _ in range(at_most):
        take()


async def _send_idle_away(connection_limit: ConnectionLimit, idle_s: float) -> None:
    """One task for all: they stand in the order in which their time is up."""
    while True:
        longest = connection_limit.longest_idle
        if longest is None:
            await trio.sleep(idle_s)
        elif trio.current_time() < longest.idle_since + idle_s:
            await trio.sleep_until(longest.idle_since + idle_s)
        else:
            connection_limit.leave(longest)
            longest.send_away()


def _stream(line: ByteCountingStream, tls: Certificate | None) -> Stream:
    if tls is None:
        return line
    # HTTP tells itself where a message ends, so TLS's own goodbye need not be waited for.
    return trio.SSLStream(line, tls(), server_side=True, https_compatible=True)


def _bound_writes(listening: socket.socket) -> None:
    """Connections inherit this from the socket that they are accepted from."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listening.setsockopt(socket.IPPROTO_TCP, option, UNREAD_MS_MAX)
