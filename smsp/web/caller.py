"""What a handler needs of its server beside the request's head: the rest of what the caller says.

Both servers speak ASGI, which answers all of it: a body comes in ``http.request`` events, and
``http.disconnect`` says that the caller has left. Ours tells one thing more, by an extension of the
scope: a body that has come whole already, for which no event and no other task is waited for.
Knows nothing of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable

BODY = "smsp.body"
"""The extension: called, it gives the body if all of it has come, and else None."""


class Piece(NamedTuple):
    """Some of a body. ``last``: there is no more of it."""

    data: bytes
    last: bool


class Caller:
    """Whoever has sent one request, until it is answered. One task at a time listens."""

    take_body: Callable[[], bytes | None]
    """Gives the whole body once, if it has come. A server that cannot say so gives nothing yet."""

    def __init__(self, extensions: Mapping[str, object], receive: ASGIReceiveCallable) -> None:
        take_body = extensions.get(BODY)
        self.take_body = take_body if callable(take_body) else _nothing_yet
        self._receive = receive

    async def more(self) -> Piece | None:
        """The next piece of the body; None if the caller has left."""
        event = await self._receive()
        if event["type"] != "http.request":
            return None
        return Piece(event.get("body", b""), not event.get("more_body", False))

    async def gone(self) -> None:
        """Return when the caller has left, or its exchange is over. What is still unread of its
        body is read for that, and thrown away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _nothing_yet() -> None:
    """A server that cannot say whether a body has come."""
