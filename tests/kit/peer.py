"""The other end of a stream: an HTTP/1.1 client that sees every byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import h11
import trio


@dataclass(frozen=True)
class Reply:
    """What came back. ``complete`` is false when the connection ended inside it."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True


class Peer:
    """A client with one connection, on which requests follow each other."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stream.aclose()

    async def ask(self, request: bytes) -> Reply | None:
        """Send these bytes, read one answer; ``None`` if the connection ends without one."""
        await self.say(request)
        return await self.hear()

    async def say(self, request: bytes) -> None:
        """Send these bytes. They are a request, or the first part of one."""
        method, path, _ = request.partition(b"\r\n")[0].split(b" ")
        self._http.send(h11.Request(method=method, target=path, headers=[("Host", "x")]))
        self._http.send(h11.EndOfMessage())
        await self.stream.send_all(request)

    async def hear(self) -> Reply | None:
        """Read one answer, interim ones aside."""
        head: h11.Response | None = None
        body = b""
        while True:
            try:
                event = await self._next_event()
            except h11.RemoteProtocolError:
                return _reply(head, body, complete=False) if head else None
            match event:
                case h11.Response():
                    head = event
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    if self._http.our_state is h11.DONE is self._http.their_state:
                        self._http.start_next_cycle()
                    return _reply(head, body)

    async def rest(self) -> bytes:
        """All bytes until the connection ends, uninterpreted."""
        return b"".join([chunk async for chunk in self.stream])

    async def _next_event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self.stream.receive_some())
        return event


def _reply(head: h11.Response, body: bytes, *, complete: bool = True) -> Reply:
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Reply(head.status_code, headers, body, complete)
