"""Runs SMSP: hypercorn, signals, and the order of start and stop.

Start: actors, then the listener. Stop, on SIGTERM or SIGINT: tell load balancers and callers,
close the listener, let every caller who waits be answered, then the actors leave. A second
signal stops at once.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial

import h11
import trio
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from hypercorn.utils import repr_socket_addr, wrap_app

from actors import AllQuarantined
from smsp.settings import Settings
from smsp.telemetry import Log, Telemetry, described
from smsp.web.app import create_app
from smsp.web.events import tell
from smsp.wiring import House, house

EXIT_DRAINED, EXIT_CUT, EXIT_QUARANTINED = 0, 1, 70
IDLE_S = 75.0
"""Seconds an idle connection of a caller is kept; more than load balancers keep theirs, so that
it is they who close, and no request meets a connection that is just being closed."""
LAST_ANSWERS_S = 2.0
"""Seconds in which the answers of calls that were cut must have been written."""
UNREAD_MS_MAX = 10_000
"""Milliseconds for which a caller may leave unread what we have written; then its connection is
dropped. hypercorn shields its writes, so no scope of ours could end one, and a caller who stops
reading would hold up the end of the process. The kernel can (Linux: tcp(7))."""
HEAD_BYTES_MAX = 64 * 1024
BACKLOG = 1024


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


def _bound_writes(listening: socket.socket) -> None:
    """Connections inherit this from the socket that they are accepted from."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listening.setsockopt(socket.IPPROTO_TCP, option, UNREAD_MS_MAX)


async def serve(
    settings: Settings,
    log: Log,
    *,
    idle_s: float = IDLE_S,
    on_listening: Callable[[str], None] = lambda _url: None,
) -> int:
    """Run until told to stop; the process's exit status.

    ``on_listening`` is told the URL, which matters when the port was chosen by the system. Raises
    ``OSError`` when the port cannot be had.
    """
    for warning in settings.warnings:
        log.warning("settings.doubtful", message=warning)
    telemetry = Telemetry(log, whole_addresses=settings.log_addresses)
    status = EXIT_QUARANTINED
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with house(settings, telemetry) as running:
            try:
                status = await _run(running, settings, signals, idle_s, on_listening)
            except* AllQuarantined:
                log.error("server.given_up", message="every actor is quarantined")
    log.info("server.stopped", status=status)
    return status


async def _run(
    running: House,
    settings: Settings,
    signals: AsyncIterator[int],
    idle_s: float,
    on_listening: Callable[[str], None],
) -> int:
    services, log = running.services, running.services.log
    graceful_s = settings.drain_timeout_s + LAST_ANSWERS_S
    config = hypercorn_config(
        settings.host, settings.port, log, idle_s=idle_s, graceful_s=graceful_s
    )
    close_listener, served = trio.Event(), trio.Event()

    async def answer_callers(task_status: trio.TaskStatus[str]) -> None:
        try:
            await listen(create_app(services), config, close_listener, task_status=task_status)
        finally:
            served.set()

    status = EXIT_CUT  # also when stopped at once, by a second signal
    async with trio.open_nursery() as nursery:
        await nursery.start(running.supervisor.run)
        services.readiness.started = True
        nursery.start_soon(tell, services)
        url = await nursery.start(answer_callers)
        log.info("server.started", url=url, version=services.version)
        on_listening(url)
        await anext(signals)
        nursery.start_soon(_stop_at_once_on_another, signals, nursery.cancel_scope)
        status = await _stop(running, settings, close_listener, served)
        nursery.cancel_scope.cancel()
    return status


async def _stop(
    running: House, settings: Settings, close_listener: trio.Event, served: trio.Event
) -> int:
    services = running.services
    services.log.info("server.draining")
    services.readiness.draining = True
    await trio.sleep(settings.drain_delay_s)
    close_listener.set()
    services.watching.feed.end()
    status = EXIT_CUT
    with trio.move_on_after(settings.drain_timeout_s):
        await served.wait()
        status = EXIT_DRAINED
    if status == EXIT_CUT:
        running.supervisor.cut()
        with trio.move_on_after(LAST_ANSWERS_S):
            await served.wait()
    await running.supervisor.drain(LAST_ANSWERS_S)
    return status


async def _stop_at_once_on_another(
    signals: AsyncIterator[int], everything: trio.CancelScope
) -> None:
    await anext(signals)
    everything.cancel()
