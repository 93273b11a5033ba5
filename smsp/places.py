"""PURE. Room for callers' connections: how many there are, and who has to go for a new one.

Whoever waits for an answer keeps its place. Of the others, that one goes which has been idle for
longest: connections cost a peer next to nothing, so those that nobody uses must not keep out one
that somebody wants to use. Knows nothing of sockets.
"""

from __future__ import annotations

from typing import Protocol


class Guest(Protocol):
    """Somebody with a place. ``idle_since`` is on the run's clock."""

    idle_since: float

    def send_away(self) -> None:
        """End soon. Called once at most."""


class Places:
    """At most ``places_max`` guests at once. A guest arrives idle."""

    def __init__(self, places_max: int) -> None:
        self._places_max = places_max
        self._over = False
        self._busy: set[Guest] = set()
        self._idle: dict[Guest, None] = {}  # in the order in which they have become idle

    @property
    def taken(self) -> int:
        """How many have a place."""
        return len(self._busy) + len(self._idle)

    @property
    def longest_idle(self) -> Guest | None:
        """Who has been idle for longest."""
        return next(iter(self._idle), None)

    def arrive(self, guest: Guest) -> bool:
        """Take a place; false if all are taken by guests who are busy."""
        if self._over:
            return False
        if self.taken >= self._places_max:
            longest = self.longest_idle
            if longest is None:
                return False
            del self._idle[longest]
            longest.send_away()
        self._idle[guest] = None
        return True

    def busy(self, guest: Guest) -> None:
        """This guest waits for an answer from now on."""
        if guest in self._idle:
            del self._idle[guest]
            self._busy.add(guest)

    def idle(self, guest: Guest) -> None:
        """This guest has its answer."""
        if guest in self._busy:
            self._busy.remove(guest)
            self._idle[guest] = None
            if self._over:
                guest.send_away()

    def end(self) -> None:
        """Send away all who are idle, and from now on everyone who becomes so."""
        self._over = True
        for guest in self._idle:
            guest.send_away()

    def leave(self, guest: Guest) -> None:
        """Give up the place, if it still has one."""
        self._busy.discard(guest)
        self._idle.pop(guest, None)
