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


class Guest(Protocol):
    """Somebody with a place. ``idle_since`` is on the run's clock."""

    idle_since: float

    def send_away(self) -> None:
        """End soon. Called once at most."""


class Places:
    """At most ``places_max`` guests at once, and ``held_bytes_max`` held for them. A guest arrives
    idle."""

    def __init__(self, places_max: int, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._places_max = places_max
        self._held_bytes_max = held_bytes_max
        self._held_bytes = 0
        self._over = False
        self._busy: set[Guest] = set()
        self._idle: dict[Guest, None] = {}  # in the order in which they have become idle
        self._held: dict[Guest, int] = {}  # in the order in which we have begun to hold something

    @property
    def taken(self) -> int:
        """How many have a place."""
        return len(self._busy) + len(self._idle)

    @property
    def held_bytes(self) -> int:
        """How much is held for all."""
        return self._held_bytes

    @property
    def longest_idle(self) -> Guest | None:
        """Who has been idle for longest."""
        return next(iter(self._idle), None)

    def arrive(self, guest: Guest) -> bool:
        """Take a place; false if all are taken by guests who are busy. Who does not read its
        answer is not."""
        if self._over:
            return False
        if self.taken >= self._places_max:
            longest = self.longest_idle or next(iter(self._held), None)
            if longest is None:
                return False
            self._send_away(longest)
        self._idle[guest] = None
        return True

    def busy(self, guest: Guest) -> None:
        """This guest waits for an answer from now on."""
        if guest in self._idle:
            del self._idle[guest]
            self._busy.add(guest)
            self.let_go(guest)

    def idle(self, guest: Guest) -> None:
        """This guest has its answer."""
        if guest in self._busy:
            self._busy.remove(guest)
            self._idle[guest] = None
            if self._over:
                guest.send_away()

    def hold(self, guest: Guest, held_bytes: int) -> None:
        """So much is held for this guest from now on. For that others may have to go, or it."""
        if guest not in self._idle and guest not in self._busy:
            return
        self._held_bytes += held_bytes - self._held.get(guest, 0)
        self._held[guest] = held_bytes
        while self._held_bytes > self._held_bytes_max:
            self._send_away(next(iter(self._held)))

    def let_go(self, guest: Guest) -> None:
        """Nothing is held for this guest any more."""
        self._held_bytes -= self._held.pop(guest, 0)

    def end(self) -> None:
        """Send away all who are idle, and from now on everyone who becomes so."""
        self._over = True
        for guest in self._idle:
            guest.send_away()

    def leave(self, guest: Guest) -> None:
        """Give up the place, if it still has one."""
        self._busy.discard(guest)
        self._idle.pop(guest, None)
        self.let_go(guest)

    def _send_away(self, guest: Guest) -> None:
        self.leave(guest)
        guest.send_away()
