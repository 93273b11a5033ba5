"""The other server: stock hypercorn has callers' connections (``SMSP_SERVER=hypercorn``).

Theory of operation. The port, its backlog and the order of a stop are those of our own server; each
connection that is taken belongs to hypercorn's ``TCPServer``, with its HTTP/1.1 (h11), its HTTP/2
(by ALPN, by prior knowledge, by upgrade) and its times. It calls the same application. Three
things stand between the two, since hypercorn leaves them to whoever uses it:

- *A connection ends alone.* What hypercorn's protocols raise comes out of the connection's task: a
  path of HTTP/2 that is no ASCII does it, or a piece of a body after its stream was answered. In
  hypercorn's own ``serve`` that ends the nursery of all connections, and so the process. Here each
  has a guard of its own. This is why ``TCPServer`` is called, and not ``serve``.
- *A connection that nobody uses ends.* hypercorn stops its idle timer with the first byte of a
  request, and starts it again with the end of an answer; after a WebSocket handshake that is none
  it never does. So each connection has a scope with a deadline of its own for as long as no request
  of it is handled, a little later than hypercorn's.
- *The application is asked about requests only.* A WebSocket handshake is a GET that offers another
  protocol; the offer is not taken, and it is answered as the GET that it is (RFC 9110, 7.8). What
  HTTP/2 forbids to say would be dropped together with the whole answer: the headers of HTTP/1.1's
  connections are left out there (RFC 9113, section 8.2.2).

States of a connection, and who ends it: idle, by hypercorn after ``keep_alive_timeout`` or when
``terminated`` is set, or else by that deadline; in a request, by its answer, after which it is idle
or, if the node stops, over; in either, by the caller, or by the nursery's deadline. A handler is
not cancelled when its caller leaves: hypercorn waits for it. For a caller who does not read, it
waits in a shield; the bound on unread bytes, which connections inherit from the port, ends that.

Not bounded here, as it is by our own: how many connections there are, and what is held of heads and
unread answers. The pieces of bodies that hypercorn has read ahead are not counted either, until a
handler asks for them: at most ten of 64 KiB for each request.
"""

from __future__ import annotations

import logging
import ssl
from math import inf

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPDisconnectEvent,
    HTTPRequestEvent,
    HTTPResponseStartEvent,
    HTTPScope,
    Scope,
    WebsocketResponseBodyEvent,
    WebsocketResponseStartEvent,
    WebsocketScope,
)

from smsp.server.listener import (
    LAST_WORDS_S,
    Certificate,
    SocketListening,
    until_closed,
    url_of,
)
from smsp.server.request_head import HEAD_BYTES_MAX
from smsp.telemetry.log import Log, described

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

LATER_S = 1.0
"""Seconds that hypercorn has for ending an idle connection by itself, when its time has come."""

_OF_ONE_CONNECTION = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


async def listen(
    app: ASGIFramework,
    config: Config,
    log: Log,
    close: trio.Event,
    *,
    tls: Certificate | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until ``close`` is set, as :func:`smsp.server.listener.listen` does."""
    _configure(config, log)
    context = WorkerContext(max_requests=None)
    listening = SocketListening(config)
    living: set[_Connection] = set()

    async def serve(stream: Stream) -> None:
        connection = _Connection(app, config.keep_alive_timeout + LATER_S)
        living.add(connection)
        try:
            await _serve(connection, stream, config, context, log)
        finally:
            living.discard(connection)

    def take_one(connections: trio.Nursery) -> None:
        plain = trio.SocketStream(trio.socket.from_stdlib_socket(listening.take()))
        stream = plain if tls is None else _secured(plain, tls(), config)
        connections.start_soon(serve, stream, name="caller")

    task_status.started(url_of(listening, tls))
    async with until_closed(listening, take_one, config, log, close):
        await trio.sleep(LAST_WORDS_S)
        await context.terminated.set()
        for connection in living:
            connection.end_when_idle_for(LATER_S)


async def _serve(
    connection: _Connection, stream: Stream, config: Config, context: WorkerContext, log: Log
) -> None:
    """Serve one caller until the connection ends, which it does alone."""
    # hypercorn's annotation knows of TLS only, its code of both.
    server = TCPServer(ASGIWrapper(connection), config, context, {}, stream)  # type: ignore[arg-type]
    try:
        with connection.scope:
            await server.run()
    except* Exception as group:  # noqa: BLE001 - the HTTP edge: it costs this connection
        log.warning("server.connection_failed", **described(group))
    finally:
        await trio.aclose_forcefully(stream)


def _configure(config: Config, log: Log) -> None:
    """What hypercorn would do otherwise: say its name, and write a log of its own."""
    config.include_server_header = False
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    config.accesslog = None
    config.errorlog = _ToOurLog(log)


class _ToOurLog(logging.Logger):
    """hypercorn's log, which nobody else has: of errors it becomes ours; the rest is silence."""

    def __init__(self, log: Log) -> None:
        super().__init__("hypercorn", logging.WARNING)
        self.addHandler(_Errors(log))
        self.propagate = False


class _Errors(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """An application that raises ends its request, as the connection does with our server."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._log.warning("server.connection_failed", **described(error))


def _secured(
    plain: trio.SocketStream, context: ssl.SSLContext, config: Config
) -> trio.SSLStream[trio.SocketStream]:
    """TLS by the certificate there is now, which also offers HTTP/2."""
    context.set_alpn_protocols(config.alpn_protocols)
    return trio.SSLStream(plain, context, server_side=True, https_compatible=True)


# -- the application, as hypercorn sees it


class _Connection:
    """The application for one connection: it is asked about requests only, and while it is not
    asked about any, ``scope`` has a deadline."""

    def __init__(self, app: ASGIFramework, idle_s: float) -> None:
        self._app = app
        self._requests = 0
        self.scope = trio.CancelScope()
        self.end_when_idle_for(idle_s)

    def end_when_idle_for(self, idle_s: float) -> None:
        """From now on so many seconds without a request end the connection."""
        self._idle_s = idle_s
        self._set_deadline()

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request; with HTTP/2 there may be several at a time."""
        self._requests += 1
        self._set_deadline()
        try:
            if scope["type"] == "websocket":
                await self._app(_as_request(scope), _hearing(receive), _declining(send))
            elif scope["type"] == "http" and scope["http_version"] == "2":
                await self._app(scope, receive, _over_http2(send))
            else:
                await self._app(scope, receive, send)
        finally:
            self._requests -= 1
            self._set_deadline()

    def _set_deadline(self) -> None:
        self.scope.deadline = inf if self._requests else trio.current_time() + self._idle_s


def _as_request(scope: WebsocketScope) -> HTTPScope:
    return HTTPScope(
        type="http",
        asgi=scope["asgi"],
        http_version=scope["http_version"],
        method="GET",
        scheme="https" if scope["scheme"] == "wss" else "http",
        path=scope["path"],
        raw_path=scope["raw_path"],
        query_string=scope["query_string"],
        root_path=scope["root_path"],
        headers=scope["headers"],
        client=scope["client"],
        server=scope["server"],
        state=scope["state"],
        extensions={},
    )


def _hearing(receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """A handshake has no body: it is whole with its first event, and the next is its end."""

    async def heard() -> ASGIReceiveEvent:
        event = await receive()
        if event["type"] == "websocket.connect":
            return HTTPRequestEvent(type="http.request", body=b"", more_body=False)
        return HTTPDisconnectEvent(type="http.disconnect")

    return heard


def _declining(send: ASGISendCallable) -> ASGISendCallable:
    """An answer to a handshake that is not taken up."""

    async def said(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            await send(
                WebsocketResponseStartEvent(
                    type="websocket.http.response.start",
                    status=event["status"],
                    headers=event["headers"],
                )
            )
        elif event["type"] == "http.response.body":
            await send(
                WebsocketResponseBodyEvent(
                    type="websocket.http.response.body",
                    body=event["body"],
                    more_body=event["more_body"],
                )
            )

    return said


def _over_http2(send: ASGISendCallable) -> ASGISendCallable:
    async def said(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            headers = [one for one in event["headers"] if one[0] not in _OF_ONE_CONNECTION]
            event = HTTPResponseStartEvent(
                type="http.response.start", status=event["status"], headers=headers
            )
        await send(event)

    return said
