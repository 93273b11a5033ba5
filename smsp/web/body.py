"""A request's body, read from the connection when somebody asks for it.

Reading on demand is what lets a key be checked before a byte of the body is read. Owns how long a
body may take, how large it may be, and that room is made for each piece before it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf

import trio
from quart_trio.wrappers.request import TrioBody
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from smsp.web.caller import Caller
from smsp.web.intake import Intake

BODY_S_MAX = 60.0
"""Seconds in which a whole body must have come."""
BODY_GRACE_S, BODY_BYTES_PER_S_MIN = 10.0, 4096


Grow = Callable[[int], bool]
"""Makes room for so many bytes more; false if there is none."""


class NoRoom(Exception):
    """There is no room for the rest of a body."""


class Stopping(Exception):
    """This node stops, and a body was not whole in the time that was left for it."""


class PulledBody(TrioBody):
    """A request body that is pulled from the connection.

    It is Quart's body by type only and keeps its own state: what is inside of Quart's differs
    between the versions of Quart that the supported Pythons get.
    """

    caller: Caller
    """Whose body it is."""
    intake: Intake
    """Says when no body is read on, however patient we would be with this one."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self.left = False
        """Whether the caller has hung up."""
        self.complete = False
        """Whether the whole body has been read."""
        self._bytes_max = inf if max_content_length is None else max_content_length
        self._expected_bytes = expected_content_length or 0
        self._pieces = bytearray()
        self._grow: Grow = _unbudgeted

    def __await__(self) -> Generator[object, None, bytes]:
        return self._whole().__await__()

    async def read(
        self, grow: Grow | None = None, *, bytes_max: int | None = None
    ) -> bytes | bytearray:
        """The whole body, for whose pieces ``grow`` makes room as they come; with ``bytes_max``
        it may be no longer than that. It is handed out, without a copy, and forgotten here.

        Raises :class:`NoRoom`; ``RequestEntityTooLarge``; ``RequestTimeout`` when it does not come
        in time, or :class:`Stopping`; ``ClientDisconnected``.
        """
        if grow is not None:
            self._grow = grow
        if bytes_max is not None:
            self._bytes_max = min(self._bytes_max, bytes_max)
        await self._pulled()
        whole, self._pieces = self._pieces, bytearray()
        return whole

    def clear(self) -> None:
        """Forget what has been read."""
        self._pieces.clear()

    async def pull(self) -> None:
        """Read the next piece."""
        piece = await self.caller.more()
        if piece is None:
            self.left = True
            return
        self._keep(piece.data)
        self.complete = piece.last

    async def _whole(self) -> bytes:
        await self._pulled()
        return bytes(self._pieces)

    async def _pulled(self) -> None:
        began_at = trio.current_time()
        whole = None if self._pieces or self.complete else self.caller.take_body()
        if whole is not None:
            self.complete = True
            self._keep(whole)
        while True:
            if self._expected_bytes > self._bytes_max:
                raise RequestEntityTooLarge
            if self.complete:
                return
            if self.left:
                raise ClientDisconnected
            until = patience_until(began_at, len(self._pieces))
            with self.intake.bodies.wait_until(until) as patience:
                await self.pull()
            if patience.cancelled_caught:
                raise Stopping if self.intake.bodies.passed else RequestTimeout

    def _keep(self, piece: bytes) -> None:
        if len(self._pieces) + len(piece) > self._bytes_max:
            self.clear()
            raise RequestEntityTooLarge
        if not self._grow(len(piece)):
            self.clear()
            raise NoRoom
        self._pieces += piece


def _unbudgeted(_amount: int) -> bool:
    """For bodies that nobody counts: they are small, or of no account."""
    return True


def patience_until(began_at: float, received_bytes: int) -> float:
    """Until when a caller may go on with its body: it must come at some speed on average. Who lets
    it trickle would hold its place, and the room for a whole message, for next to nothing."""
    return began_at + min(BODY_S_MAX, BODY_GRACE_S + received_bytes / BODY_BYTES_PER_S_MIN)
