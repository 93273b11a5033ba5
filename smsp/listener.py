"""Takes callers' connections, and speaks HTTP/1.1 on them with hypercorn's protocol code.

The only door to hypercorn's servers. hypercorn's own ``serve`` is not used: its connections
outlive their callers, a malformed request can end it, and it offers protocols that nobody asked
for. Knows nothing of routes, settings or signals.
"""

from __future__ import annotations

import socket
from functools import partial

import h11
import trio
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from hypercorn.utils import repr_socket_addr, wrap_app

from smsp.telemetry import Log, described

UNREAD_MS_MAX = 10_000
"""Milliseconds for which a caller may leave unread what we have written; then its connection is
dropped. hypercorn shields its writes, so no scope of ours could end one, and a caller who stops
reading would hold up the end of the process. The kernel can (Linux: tcp(7))."""
HEAD_BYTES_MAX = 64 * 1024
BACKLOG = 1024


def hypercorn_config(host: str, port: int, log: Log, *, idle_s: float, graceful_s: float) -> Config:
    """How hypercorn is to serve: quiet, with our times and bounds."""
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.alpn_protocols = ["http/1.1"]
    config.include_server_header = False
    config.keep_alive_timeout = idle_s
    config.graceful_timeout = graceful_s
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    config.backlog = BACKLOG
    config.smsp_log = log  # type: ignore[attr-defined] # hypercorn makes its logger from the config
    config.logger_class = HypercornLog  # type: ignore[assignment] # the same methods, no base class
    return config


async def listen(
    app: ASGIFramework,
    config: Config,
    close: trio.Event,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take connections until ``close`` is set, then wait for those that are not idle, for
    ``config.graceful_timeout`` at most.

    Reports the URL when it is started. Raises ``OSError`` when the port cannot be had.
    """
    (sock,) = config.create_sockets().insecure_sockets
    _bound_writes(sock)
    sock.listen(config.backlog)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    context = WorkerContext(None)
    handler = partial(Connection, wrap_app(app, 0, "asgi"), config, context, ConnectionState({}))
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as listening:
            listening.start_soon(
                partial(trio.serve_listeners, handler, [listener], handler_nursery=connections)
            )
            task_status.started(f"http://{repr_socket_addr(sock.family, sock.getsockname())}")
            await close.wait()
            listening.cancel_scope.cancel()
        await context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


class Connection(TCPServer):
    """A caller's connection, which ends when the caller has left, and alone when it fails.

    hypercorn 0.18 keeps one that its caller has closed, and its file descriptor, for the rest of
    its idle time; and errors that malformed requests provoke in it would end the whole server.
    """

    async def run(self) -> None:
        """Serve the caller until the connection ends."""
        try:
            await super().run()
        except* Exception as group:  # noqa: BLE001 - the HTTP edge: it costs this connection
            self.config.log.connection_failed(group)

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
        await super()._read_data()
        await self.idle_task.stop()


class Http1(H11Protocol):
    """HTTP/1.1 and nothing else. Who asks to go on in HTTP/2 or as a WebSocket is answered as if it
    had not (RFC 9110, section 7.8); hypercorn has no setting for that."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Never HTTP/2."""

    async def _create_stream(self, request: h11.Request) -> None:
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


def _bound_writes(listening: socket.socket) -> None:
    """Connections inherit this from the socket that they are accepted from."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listening.setsockopt(socket.IPPROTO_TCP, option, UNREAD_MS_MAX)
