"""The cycle of one request on a connection: the application is called, the body read when it is
asked for, and head, body and end of the answer written together.

Theory of operation. hypercorn's ``HTTPStream`` does this for any protocol and any application, with
an event for each step and a task for the call; this is what is left of it for HTTP/1.1 and ours. It
all happens in the connection's own task: the application calls ``receive`` and ``send``, and those
read and write there and then. Nobody reads while a handler runs and does not ask, so a body costs
nothing before a key was checked, and a caller who hangs up is found out by the next read or write;
it cannot end a send half-way. The interface is ASGI 3.0, with the extension of
:mod:`smsp.web.caller`. Two machines go on side by side, each forwards only::

    of the body    (waits for 100) ─▶ asked ─▶ pieces ─▶ whole ─▶ the caller may hang up
    of the answer  nothing ─▶ begun (the head is held) ─▶ pieces ─▶ ended

The application moves both, the parser tells when the first is whole, and nobody else touches them.

What can go wrong, and why it is in this order:

- The head is not written before what follows it: a small answer is one write and one segment, and
  an application that fails right after its head has said nothing.
- ``100 Continue`` is said when the body is first asked for, and never after an answer has begun: it
  would be taken for a part of that.
- The connection goes on only if the body is whole and the answer ended. The rest of a body would be
  read as the next request, which is how requests are smuggled.
- Bytes behind a whole body are the next request, already sent. To wait for a hang-up would be to
  read them: no more is read, and who waits waits until it is cancelled.
- What the application raises ends the connection, with what it has said so far. For one that
  returns and has said nothing, 500 is said.
"""

from __future__ import annotations

from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote
from wsgiref.handlers import format_date_time

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveEvent,
    ASGISendEvent,
    HTTPDisconnectEvent,
    HTTPRequestEvent,
    HTTPScope,
)

from smsp.server.http1 import BadRequest, End, RequestParser
from smsp.server.request_head import Head
from smsp.server.response_writer import CONTINUE, ResponseWriter
from smsp.web.caller import BODY
from smsp.web.request_target import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable

COPIED_BYTES_MAX = 16 * 1024

_DISCONNECT = HTTPDisconnectEvent(type="http.disconnect")
_INTERNAL = 500


class ByteStream(Protocol):
    """The connection that a request came on."""

    async def read(self) -> bool:
        """Feed what comes to the requests; false at the end."""
        ...

    async def write(self, data: bytes) -> None: ...


class Addresses(NamedTuple):
    """What a connection runs between: ``http`` or ``https``, the caller's address and ours."""

    scheme: str
    client: tuple[str, int] | None
    server: tuple[str, int] | None


class RequestCycle:
    """One request and its answer. ``last``: the connection ends with it."""

    def __init__(
        self, stream: ByteStream, parser: RequestParser, head: Head, *, last: bool
    ) -> None:
        self._stream = stream
        self._parser = parser
        self._head = head
        self._writer = ResponseWriter(head)
        self._writer.closes = self._writer.closes or last
        self._held = b""
        self._begun = False
        self._ended = False
        self._asked = not head.waits
        self._whole = False

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this answer."""
        return self._writer.closes

    async def run(self, app: ASGIFramework, addresses: Addresses) -> None:
        """Let the application answer. What it raises comes out of here."""
        await app(self._scope(addresses), self._receive, self._send)
        if not self._begun:
            self._begin(_INTERNAL, [(b"content-length", b"0")])
            await self._write(b"")
        # A body that nobody asked for may be whole none the less: then the connection goes on.
        self._whole = self._whole or self._parser.take_end()
        if not (self._whole and self._ended):
            self._writer.closes = True

    def _scope(self, addresses: Addresses) -> HTTPScope:
        head = self._head
        path, query = path_of(head.target), head.target.partition(b"?")[2]
        return {
            "type": "http",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "http_version": head.version,
            "method": head.method,
            "scheme": addresses.scheme,
            "path": unquote(path.decode("ascii")),
            "raw_path": head.target.partition(b"?")[0],
            "query_string": query,
            "root_path": "",
            "headers": head.headers,
            "client": addresses.client,
            "server": addresses.server,
            "state": {},  # type: ignore[typeddict-item] # a lifespan's, of which there is none
            "extensions": {BODY: self._take_body},  # type: ignore[dict-item] # ours
        }

    # -- what the application hears

    def _take_body(self) -> bytes | None:
        body = None if self._whole else self._parser.take_body()
        self._whole = self._whole or body is not None
        return body

    async def _receive(self) -> ASGIReceiveEvent:
        if self._whole:
            await self._hang_up()
            return _DISCONNECT
        if self._parser.waiting:
            # What has come at once may be much work, and others have waited meanwhile.
            await trio.lowlevel.checkpoint()
        while (event := self._parser.next()) is None:
            if not self._asked:
                self._asked = True
                await self._stream.write(CONTINUE)
            if not await self._stream.read():
                return _DISCONNECT
        match event:
            case bytes():
                self._whole = self._parser.take_end()
                return HTTPRequestEvent(type="http.request", body=event, more_body=not self._whole)
            case End():
                self._whole = True
                return HTTPRequestEvent(type="http.request", body=b"", more_body=False)
            case BadRequest() | Head():
                return _DISCONNECT

    async def _hang_up(self) -> None:
        """Wait until the caller leaves. Once the next request has begun to come, nobody reads on
        before this one is answered."""
        while not self._parser.waiting:
            if not await self._stream.read():
                return
        await trio.sleep_forever()

    # -- what it says

    async def _send(self, message: ASGISendEvent) -> None:
        """Write what the application says; its head goes with what follows."""
        if message["type"] == "http.response.start" and not self._begun:
            self._asked = True  # Too late to ask for the body.
            self._begin(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and self._begun and not self._ended:
            piece = self._writer.piece(message.get("body", b""))
            if not message.get("more_body", False):
                self._ended = True
                piece += self._writer.end()
            await self._write(piece)
        else:
            raise RuntimeError(f"an application that says {message['type']} out of turn")

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._begun = True
        self._held = self._writer.head(status, [*headers, date_field()])

    async def _write(self, data: bytes) -> None:
        """Together with what is held, unless it is large: thousands may be sent the same file, of
        which each would then have a copy."""
        if self._held and len(data) > COPIED_BYTES_MAX:
            held, self._held = self._held, b""
            await self._stream.write(held)
        data, self._held = self._held + data, b""
        if data:
            await self._stream.write(data)


def date_field() -> tuple[bytes, bytes]:
    """The header that every answer has (RFC 9110, section 6.6.1)."""
    return b"date", _date(int(time()))


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """The time of day as HTTP writes it (RFC 9110, section 5.6.7)."""
    return format_date_time(second).encode("ascii")
