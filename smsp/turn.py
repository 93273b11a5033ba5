"""One request's turn on a connection: the application is called, the body read when it is asked
for, and head, body and end of the answer written together.

hypercorn's ``HTTPStream`` makes the ASGI call and checks what the application says; this is what
it speaks to instead of its own HTTP/1.1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio
from hypercorn.config import Config
from hypercorn.protocol import events
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveEvent,
    ASGISendEvent,
    ConnectionState,
    HTTPDisconnectEvent,
    HTTPRequestEvent,
    Scope,
)

from smsp.http1 import CONTINUE, Answer, End, Fault, Head, Requests

STREAM_ID = 1
"""HTTP/1.1 has one stream."""

_DISCONNECT = HTTPDisconnectEvent(type="http.disconnect")


class Wire(Protocol):
    """The connection that a turn is on."""

    async def read(self) -> bool:
        """Feed what comes to the requests; false at the end."""
        ...

    async def write(self, data: bytes) -> None: ...


class Turn:
    """One request and its answer. ``last``: the connection ends with it."""

    def __init__(
        self, wire: Wire, requests: Requests, head: Head, config: Config, *, last: bool
    ) -> None:
        self._wire = wire
        self._requests = requests
        self._head = head
        self._config = config
        self._answer = Answer(head)
        self._answer.closes = self._answer.closes or last
        self._held = b""
        self._asked = not head.waits
        self._whole = False
        self._call: Callable[[], Awaitable[None]] | None = None

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this answer."""
        return self._answer.closes

    async def run(self, stream: HTTPStream, state: ConnectionState) -> None:
        """Let the application answer."""
        head = self._head
        request = events.Request(
            stream_id=STREAM_ID,
            headers=head.headers,
            http_version=head.version,
            method=head.method,
            raw_path=head.target,
            state=state,
        )
        await stream.handle(request)
        call, self._call = self._call, None  # else a cycle, for the garbage collector to find
        if call is not None:
            await call()
        await stream.app_send(None)
        self._whole = self._whole or self._requests.take_end()
        if not self._whole:
            self._answer.closes = True

    async def spawn_app(
        self,
        app: AppWrapper,
        _config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """What hypercorn asks of a task group. The call is made in this task, and soon."""

        async def call() -> None:
            await app(scope, self._receive, send, trio.to_thread.run_sync, trio.from_thread.run)

        self._call = call
        return _ignore

    # -- what the application hears

    async def _receive(self) -> ASGIReceiveEvent:
        if self._whole:
            await self._hang_up()
            return _DISCONNECT
        while (event := self._requests.next()) is None:
            if not self._asked:
                self._asked = True
                await self._wire.write(CONTINUE)
            if not await self._wire.read():
                return _DISCONNECT
        match event:
            case bytes():
                self._whole = self._requests.take_end()
                return HTTPRequestEvent(type="http.request", body=event, more_body=not self._whole)
            case End():
                self._whole = True
                return HTTPRequestEvent(type="http.request", body=b"", more_body=False)
            case Fault() | Head():
                return _DISCONNECT

    async def _hang_up(self) -> None:
        """Wait until the caller leaves. Once the next request has begun to come, nobody reads on
        before this one is answered."""
        while not self._requests.waiting:
            if not await self._wire.read():
                return
        await trio.sleep_forever()

    # -- what it says

    async def say(self, event: events.Event) -> None:
        """Write what the application says; its head goes with what follows."""
        match event:
            case events.Response():
                self._asked = True  # Too late to ask for the body.
                fields = [*event.headers, *self._config.response_headers("h11")]
                self._held = self._answer.head(event.status_code, fields)
            case events.Body():
                await self._write(self._answer.piece(event.data))
            case events.EndBody():
                await self._write(self._answer.end())
            case _:
                pass

    async def _write(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        if data:
            await self._wire.write(data)


async def _ignore(_event: ASGIReceiveEvent) -> None:
    """What hypercorn would tell the application, which asks here instead."""
