"""How one HTTP request runs: in the connection's own task, its body read when somebody asks.

Stock quart-trio starts a nursery with two tasks for each request and cancels it at the end, and
hypercorn's code for closing and idle connections runs inside: ``Connection: close`` is ignored,
idle connections are never closed, and every one of them holds up a shutdown. Here there is no
nursery, so there is nothing to cancel; and since nobody listens for a hang-up while a handler
runs, a caller who hangs up cannot end a send half-way.

Reading the body on demand is what lets a key be checked before a byte of the body is read.
"""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from typing import TYPE_CHECKING

import trio
from quart.wrappers import Response
from quart.wrappers.response import DataBody, ResponseBody
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody, TrioRequest
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from smsp.web.streaming import stream

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
    from werkzeug.wrappers import Response as WerkzeugResponse

BODY_S_MAX = 60.0
"""Seconds in which a whole body must have come."""
BODY_GRACE_S, BODY_BYTES_PER_S_MIN = 10.0, 4096
LINGER_S = 2.0
LINGER_BYTES_MAX = 64 * 1024 * 1024
"""A caller who is refused while still writing is read on for so long, or so much: closing at once
would reset the connection, and the refusal might be lost with it."""


class PulledBody(TrioBody):
    """A request body that is pulled from the connection.

    It is Quart's body by type only and keeps its own state: what is inside of Quart's differs
    between the versions of Quart that the supported Pythons get.
    """

    receive: ASGIReceiveCallable

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self.left = False
        """Whether the caller has hung up."""
        self.complete = False
        """Whether the whole body has been read."""
        self._bytes_max = inf if max_content_length is None else max_content_length
        self._expected_bytes = expected_content_length or 0
        self._pieces = bytearray()

    def __await__(self) -> Generator[object, None, bytes]:
        return self._pulled().__await__()

    def clear(self) -> None:
        """Forget what has been read."""
        self._pieces.clear()

    async def pull(self) -> None:
        """Read the next piece."""
        message = await self.receive()
        if message["type"] != "http.request":
            self.left = True
            return
        self._pieces += message.get("body", b"")
        self.complete = not message.get("more_body", False)

    async def _pulled(self) -> bytes:
        began_at = trio.current_time()
        while True:
            if max(len(self._pieces), self._expected_bytes) > self._bytes_max:
                self.clear()
                raise RequestEntityTooLarge
            if self.complete:
                return bytes(self._pieces)
            if self.left:
                raise ClientDisconnected
            with trio.move_on_at(patience_until(began_at, len(self._pieces))) as patience:
                await self.pull()
            if patience.cancelled_caught:
                raise RequestTimeout


def patience_until(began_at: float, received_bytes: int) -> float:
    """Until when a caller may go on with its body: it must come at some speed on average. Who lets
    it trickle would hold its place, and the room for a whole message, for next to nothing."""
    return began_at + min(BODY_S_MAX, BODY_GRACE_S + received_bytes / BODY_BYTES_PER_S_MIN)


class PulledRequest(TrioRequest):
    """A request whose body is pulled."""

    body_class = PulledBody


class LeanConnection(TrioASGIHTTPConnection):
    """One request, handled in the task that hypercorn gave it."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if not self.scope["path"]:  # "GET ?": nothing is there, but Quart needs a path to say so
            self.scope["path"] = "*"
        request = self._create_request_from_scope(send)
        assert isinstance(request.body, PulledBody)
        request.body.receive = receive
        response = await self.app.handle_request(request)
        await self._answer(send, response, request.body)

    async def _answer(
        self, send: ASGISendCallable, response: Response | WerkzeugResponse, body: PulledBody
    ) -> None:
        headers = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in response.headers]
        await send(
            {"type": "http.response.start", "status": response.status_code, "headers": headers}
        )
        pieces = _pieces(response)
        if pieces is not None and self.scope["method"] != "HEAD":
            await stream(body.receive, send, pieces)
            return
        content = b"" if pieces is not None else await _content(response)
        unread = not (body.complete or body.left)
        await send({"type": "http.response.body", "body": content, "more_body": unread})
        if unread:
            await _end(send, body, still_writing=await _linger(body))


def _pieces(response: Response | WerkzeugResponse) -> ResponseBody | None:
    """The body of an answer that is not whole from the start."""
    if isinstance(response, Response) and not isinstance(response.response, DataBody):
        return response.response
    return None


async def _content(response: Response | WerkzeugResponse) -> bytes:
    if isinstance(response, Response):
        body = response.response
        return body.data if isinstance(body, DataBody) else await response.get_data(as_text=False)
    return response.get_data(as_text=False)


async def _linger(body: PulledBody) -> bool:
    """Read on for a while; whether the caller is still writing then."""
    left = LINGER_BYTES_MAX
    with trio.move_on_after(LINGER_S):
        while left > 0:
            message = await body.receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                return False
            left -= len(message.get("body", b""))
    return True


async def _end(send: ASGISendCallable, body: PulledBody, *, still_writing: bool) -> None:
    """Send the last piece of an answer. hypercorn then says that it is over through the queue in
    which the body comes: while a caller still writes, somebody must read on to make room."""
    async with trio.open_nursery() as nursery:
        if still_writing:
            nursery.start_soon(_read_to_the_end, body)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()


async def _read_to_the_end(body: PulledBody) -> None:
    while (await body.receive())["type"] == "http.request":
        pass
