"""The connections of one client, and which of them is used next.

Theory of operation. A connection is opening, in use, idle, or gone. Two numbers bound them, and
they count different things: ``_room`` whoever has one in use or is about to, ``_open`` all that are
not gone, idle ones included. A call has room first and a connection only then, and one at a time::

    enter ─▶ idle ─────────▶ in use ─▶ keep ─▶ idle … expired, not quiet, or made room for: gone
       │      └ none ▶ open ──▲ │
     leave ◀────────────────────┴───▶ discard: gone

So when a call with room finds as many open as there may be, some are idle: it closes one of them,
and need never wait twice. A look and what follows from it are in one step without an await, and a
connection counts from before it is dialled, so no two calls take the same room or the same
connection. Nobody else changes either number.

The last one used is the first one used again, so that those in surplus grow old and go. What can go
wrong is that a peer has closed what we keep: hence ``IDLE_S``, and a look at each just before its
use. That a close is still on its way can be seen by nobody; whoever writes finds out.

Every step takes the same time however many calls are in flight. Knows nothing of requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import trio

from smsp.providers.http.connection import HttpConnection, Origin
from smsp.providers.http.phases import OnPhase

IDLE_S = 10.0
"""Seconds an idle connection is kept. Well below the minute after which providers close theirs:
a connection that closes as we write to it makes an outcome unknown."""


class Pool:
    """At most ``connections_max`` connections, in use and idle together.

    There is no task that looks for old ones: they go when the pool is used next.
    """

    def __init__(
        self, connections_max: int, connect: Callable[[Origin, OnPhase], Awaitable[HttpConnection]]
    ) -> None:
        self._connections_max = connections_max
        self._connect = connect
        self._room = trio.Semaphore(connections_max)
        self._idle: dict[Origin, deque[HttpConnection]] = {}
        self._open = 0
        self._closed = False

    async def enter(self) -> None:
        """Wait until there is room for one more in use. To be given back with ``leave``."""
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()

    def leave(self) -> None:
        """Give the room to the next."""
        self._room.release()

    def idle(self, origin: Origin) -> HttpConnection | None:
        """The connection that was used last, if it still stands."""
        idle = self._idle.get(origin)
        if idle is None:
            return None
        self._expire(idle)
        while idle:
            connection = idle.pop()
            if connection.is_quiet():
                return connection
            self.discard(connection)
        return None

    async def open(self, origin: Origin, on_phase: OnPhase) -> HttpConnection:
        """A new connection. Raises ``httpx.ConnectError``."""
        if self._open >= self._connections_max:
            self._make_room()
        self._open += 1  # Before it is waited for: it counts for all who look meanwhile.
        try:
            return await self._connect(origin, on_phase)
        except BaseException:  # Also when cancelled, or a place would be lost with each time-out.
            self._open -= 1
            raise

    def keep(self, connection: HttpConnection) -> None:
        """Its use is over, and it can be used again."""
        if self._closed:
            self.discard(connection)
            return
        connection.idle_since = trio.current_time()
        idle = self._idle.setdefault(connection.origin, deque())
        idle.append(connection)
        self._expire(idle)

    def discard(self, connection: HttpConnection) -> None:
        """It cannot be used again."""
        self._open -= 1
        connection.close()

    def close(self) -> None:
        """Close what is idle. What is in use closes when its use is over."""
        self._closed = True
        for idle in self._idle.values():
            while idle:
                self.discard(idle.pop())

    def _expire(self, idle: deque[HttpConnection]) -> None:
        since = trio.current_time() - IDLE_S
        while idle and idle[0].idle_since < since:
            self.discard(idle.popleft())

    def _make_room(self) -> None:
        # In use are fewer than may be, so some are idle; for other origins, or one would be used.
        for idle in self._idle.values():
            if idle:
                self.discard(idle.popleft())
                return
