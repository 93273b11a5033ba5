"""Takes callers' connections, and speaks HTTP/1.1 on them with hypercorn's protocol code.

The only door to hypercorn's servers. hypercorn's own ``serve`` is not used: its connections
outlive their callers, a malformed request can end it, and it offers protocols that nobody asked
for. Knows nothing of routes, settings or signals.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from functools import partial

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ASGIFramework, ConnectionState, LifespanState
from hypercorn.utils import repr_socket_addr, wrap_app

from smsp.places import Places
from smsp.telemetry import Log, described

UNREAD_MS_MAX = 10_000
"""Milliseconds for which a caller may leave unread what we have written; then its connection is
dropped. hypercorn shields its writes, so no scope of ours could end one, and a caller who stops
reading would hold up the end of the process. The kernel can (Linux: tcp(7))."""
HEAD_BYTES_MAX = 64 * 1024
HANDSHAKE_S = 10.0
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What callers may ask of a listener, beside the time that a connection may be idle.

    ``head_s``: from the first byte of a request's head to its last. ``headers_max``: of one
    request. ``connections_max``: when there are more, the longest idle one goes.
    """

    head_s: float = 10.0
    headers_max: int = 100
    connections_max: int = 4096


def hypercorn_config(host: str, port: int, log: Log, *, idle_s: float, graceful_s: float) -> Config:
    """How hypercorn is to serve: quiet, with our times and bounds."""
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.alpn_protocols = ["http/1.1"]
    config.include_server_header = False
    config.keep_alive_timeout = idle_s
    config.graceful_timeout = graceful_s
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    config.ssl_handshake_timeout = HANDSHAKE_S
    config.backlog = BACKLOG
    config.smsp_log = log  # type: ignore[attr-defined] # hypercorn makes its logger from the config
    config.logger_class = HypercornLog  # type: ignore[assignment] # the same methods, no base class
    return config


async def listen(
    app: ASGIFramework,
    config: Config,
    close: trio.Event,
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits = Limits(),
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take connections until ``close`` is set, then wait for those that are not idle, for
    ``config.graceful_timeout`` at most. With ``tls`` they speak HTTPS.

    Reports the URL when it is started. Raises ``OSError`` when the port cannot be had.
    """
    (sock,) = config.create_sockets().insecure_sockets
    _bound_writes(sock)
    sock.listen(config.backlog)
    listener = _listener(sock, tls)
    context = WorkerContext(None)
    house = House(limits, Places(limits.connections_max))
    wrapped, state = wrap_app(app, 0, "asgi"), ConnectionState({})
    handler = partial(Connection, house, wrapped, config, context, state)
    scheme = "http" if tls is None else "https"
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as listening:
            listening.start_soon(
                partial(trio.serve_listeners, handler, [listener], handler_nursery=connections)
            )
            task_status.started(f"{scheme}://{repr_socket_addr(sock.family, sock.getsockname())}")
            await close.wait()
            listening.cancel_scope.cancel()
        await context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


@dataclass(frozen=True, slots=True)
class House:
    """What the connections of one listener share."""

    limits: Limits
    places: Places


class Connection(TCPServer):
    """A caller's connection, which ends when the caller has left, and alone when it fails.

    hypercorn 0.18 keeps one that its caller has closed, and its file descriptor, for the rest of
    its idle time; and errors that malformed requests provoke in it would end the whole server.
    """

    def __init__(
        self,
        house: House,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        state: LifespanState,
        stream: trio.SSLStream[trio.SocketStream],
    ) -> None:
        super().__init__(app, config, context, state, stream)
        self._house = house
        self._life = trio.CancelScope()
        self._in_a_head = False

    async def run(self) -> None:
        """Serve the caller until the connection ends."""
        if not self._house.places.arrive(self):
            return
        try:
            with self._life:
                await super().run()
        except* Exception as group:  # noqa: BLE001 - the HTTP edge: it costs this connection
            self.config.log.connection_failed(group)
        finally:
            self._house.places.leave(self)

    def send_away(self) -> None:
        """End for somebody else's sake. Nobody waits for an answer here."""
        self._life.cancel()

    async def protocol_send(self, event: Event) -> None:
        """What the protocol has to say to the caller, or to us."""
        if isinstance(event, Updated):
            self._in_a_head = isinstance(event, HeadBegun)
            note = self._house.places.idle if event.idle else self._house.places.busy
            note(self)
        await super().protocol_send(event)

    async def _idle_timeout(self) -> None:
        head_s, idle_s = self._house.limits.head_s, self.config.keep_alive_timeout
        with trio.move_on_after(min(head_s, idle_s) if self._in_a_head else idle_s):
            await self.context.terminated.wait()
        with trio.CancelScope(shield=True):
            await self._initiate_server_close()

    async def _read_data(self) -> None:
        given = self.protocol
        given.protocol = Http1(
            given.app,
            given.config,
            given.context,
            given.task_group,
            given.state,
            given.ssl,
            given.client,
            given.server,
            given.send,
        )
        given.protocol.headers_max = self._house.limits.headers_max
        await super()._read_data()
        await self.idle_task.stop()


class HeadBegun(Updated):
    """Nobody waits for an answer, but a request's head has begun to come."""


class TooManyHeaders(Exception):
    """More than a caller has any use for."""


class Http1(H11Protocol):
    """HTTP/1.1 and nothing else. Who asks to go on in HTTP/2 or as a WebSocket is answered as if it
    had not (RFC 9110, section 7.8); hypercorn has no setting for that."""

    headers_max = Limits().headers_max
    _in_a_head = False

    async def handle(self, event: Event) -> None:
        """What has come from the caller."""
        await super().handle(event)
        if isinstance(event, RawData) and isinstance(self.connection, h11.Connection):
            unread, _ = self.connection.trailing_data
            was, self._in_a_head = (
                self._in_a_head,
                bool(unread) and self.connection.their_state is h11.IDLE,
            )
            if self._in_a_head and not was:
                await self.send(HeadBegun(idle=True))

    async def _handle_events(self) -> None:
        try:
            await super()._handle_events()
        except TooManyHeaders:
            await self._send_error_response(431)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Never HTTP/2."""

    async def _create_stream(self, request: h11.Request) -> None:
        if len(request.headers) > self.headers_max:
            raise TooManyHeaders
        headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
        plain = h11.Request(
            method=request.method,
            target=request.target,
            headers=headers,
            http_version=request.http_version,
        )
        await super()._create_stream(plain)


class HypercornLog:
    """hypercorn's own messages as events of ours; its access log is not used."""

    log: Log

    def __init__(self, config: Config) -> None:
        self._log: Log = config.smsp_log  # type: ignore[attr-defined] # put there by hypercorn_config

    async def access(self, *_arguments: object) -> None:
        """Requests are logged by the application."""

    async def debug(self, message: str, *_arguments: object, **_more: object) -> None:
        self._log.debug("server.said", message=message)

    async def info(self, message: str, *_arguments: object, **_more: object) -> None:
        self._log.debug("server.said", message=message)

    async def warning(self, message: str, *_arguments: object, **_more: object) -> None:
        self._log.warning("server.said", message=message)

    async def error(self, message: str, *_arguments: object, **_more: object) -> None:
        self._log.error("server.said", message=message)

    exception = error
    critical = error

    def connection_failed(self, error: BaseException) -> None:
        """A caller made hypercorn fail."""
        self._log.warning("server.connection_failed", **described(error))


def _listener(
    sock: socket.socket, tls: ssl.SSLContext | None
) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    # HTTP tells itself where a message ends, so TLS's own goodbye need not be waited for.
    return listener if tls is None else trio.SSLListener(listener, tls, https_compatible=True)


def _bound_writes(listening: socket.socket) -> None:
    """Connections inherit this from the socket that they are accepted from."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listening.setsockopt(socket.IPPROTO_TCP, option, UNREAD_MS_MAX)
