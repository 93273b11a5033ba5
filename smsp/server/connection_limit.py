"""PURE. Room for callers' connections: how many there are, what is held for them, and who has to go
for another.

Whoever waits for an answer keeps its place. Of the others, that one goes which has been idle for
longest: connections cost a peer next to nothing, so those that nobody uses must not keep out one
that somebody wants to use.

Much is held for a connection in the middle of its handshake or of a head, whose next request has
come before it had the last answer, or that does not read its answer. This is counted, over all
connections together; when it is too much, the one for which something has been held for longest
goes. A caller in good faith is done with each of these in a few round trips, so it is seldom that
one. Were newcomers refused instead, it would mostly be callers in good faith: those who came to
fill the room are there already. Knows nothing of sockets.
"""

from __future__ import annotations

from typing import Protocol

HELD_BYTES_MAX = 32 * 1024 * 1024


class LimitedConnection(Protocol):
    """Somebody with a place. ``idle_since`` is on the run's clock."""

    idle_since: float

    def send_away(self) -> None:
        """End soon. Called once at most."""


class ConnectionLimit:
    """At most ``connections_max`` at once, and ``held_bytes_max`` held for them. Each arrives
    idle."""

    def __init__(self, connections_max: int, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._connections_max = connections_max
        self._held_bytes_max = held_bytes_max
        self._held_bytes = 0
        self._over = False
        self._busy: set[LimitedConnection] = set()
        self._idle: dict[
            LimitedConnection, None
        ] = {}  # in the order in which they have become idle
        self._held: dict[
            LimitedConnection, int
        ] = {}  # in the order in which we have begun to hold something

    @property
    def taken(self) -> int:
        """How many have a place."""
        return len(self._busy) + len(self._idle)

    @property
    def held_bytes(self) -> int:
        """How much is held for all."""
        return self._held_bytes

    @property
    def longest_idle(self) -> LimitedConnection | None:
        """Who has been idle for longest."""
        return next(iter(self._idle), None)

    def arrive(self, connection: LimitedConnection) -> bool:
        """Take a place; false if all are taken by connections that are busy. One that does not read
        its answer is not."""
        if self._over:
            return False
        if self.taken >= self._connections_max:
            longest = self.longest_idle or next(iter(self._held), None)
            if longest is None:
                return False
            self._send_away(longest)
        self._idle[connection] = None
        return True

    def busy(self, connection: LimitedConnection) -> None:
        """This connection waits for an answer from now on."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy.add(connection)
            self.let_go(connection)

    def idle(self, connection: LimitedConnection) -> None:
        """This connection has its answer."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None
            if self._over:
                connection.send_away()

    def hold(self, connection: LimitedConnection, held_bytes: int) -> None:
        """So much is held for this one from now on. For that others may have to go, or it."""
        if connection not in self._idle and connection not in self._busy:
            return
        self._held_bytes += held_bytes - self._held.get(connection, 0)
        self._held[connection] = held_bytes
        while self._held_bytes > self._held_bytes_max:
            self._send_away(next(iter(self._held)))

    def let_go(self, connection: LimitedConnection) -> None:
        """Nothing is held for this connection any more."""
        self._held_bytes -= self._held.pop(connection, 0)

    def end(self) -> None:
        """Send away all who are idle, and from now on everyone who becomes so."""
        self._over = True
        for connection in self._idle:
            connection.send_away()

    def leave(self, connection: LimitedConnection) -> None:
        """Give up the place, if it still has one."""
        self._busy.discard(connection)
        self._idle.pop(connection, None)
        self.let_go(connection)

    def _send_away(self, connection: LimitedConnection) -> None:
        self.leave(connection)
        connection.send_away()
