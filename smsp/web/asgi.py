"""How one HTTP request runs: in the task that the server gave it, and to its end.

Stock quart-trio starts a nursery with two tasks for each request and cancels it at the end. With
hypercorn, whose code for closing and idle connections then runs inside, ``Connection: close`` is
ignored, idle connections are never closed, and every one of them holds up a shutdown. Here there is
no nursery, so there is nothing to cancel; and since nobody listens for a hang-up while a handler
runs, a caller who hangs up cannot end a send half-way, whichever server it came to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from quart.wrappers import Response
from quart.wrappers.response import DataBody, ResponseBody
from quart_trio.asgi import TrioASGIHTTPConnection

from smsp.web.body import PulledBody
from smsp.web.request import ApiRequest
from smsp.web.streaming import stream

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
    from werkzeug.wrappers import Response as WerkzeugResponse

LINGER_S = 2.0
LINGER_BYTES_MAX = 64 * 1024 * 1024
"""A caller who is refused while still writing is read on for so long, or so much: closing at once
would reset the connection, and the refusal might be lost with it."""


class AsgiConnection(TrioASGIHTTPConnection):
    """One request, handled in the task that the server gave it."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        body_bytes_max = self.app.config["MAX_CONTENT_LENGTH"]
        arrived_at = trio.current_time()
        asked = ApiRequest(
            self.scope, receive, body_bytes_max=body_bytes_max, arrived_at=arrived_at
        )
        response = await self.app.handle_request(asked)
        await self._answer(send, response, asked.body)

    async def _answer(
        self, send: ASGISendCallable, response: Response | WerkzeugResponse, body: PulledBody
    ) -> None:
        headers = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in response.headers]
        await send(
            {"type": "http.response.start", "status": response.status_code, "headers": headers}
        )
        pieces = _pieces(response)
        if pieces is not None and self.scope["method"] != "HEAD":
            await stream(body.caller, send, pieces)
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
    with body.intake.lingering.wait_until(trio.current_time() + LINGER_S):
        while left > 0:
            piece = await body.caller.more()
            if piece is None or piece.last:
                return False
            left -= len(piece.data)
    return True


async def _end(send: ASGISendCallable, body: PulledBody, *, still_writing: bool) -> None:
    """Send the last piece of an answer. hypercorn then says that it is over through the queue in
    which the body comes: while a caller still writes, somebody must read on to make room."""
    async with trio.open_nursery() as nursery:
        if still_writing:
            nursery.start_soon(body.caller.gone)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()
