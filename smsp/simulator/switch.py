"""Whether a simulated provider is reachable, and the means to wait for that.

Owns one position that changes at any moment. Must not know sockets: the server and the
connections ask the switch what they may do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from typing import TypeVar

import trio

T = TypeVar("T")


class Position(StrEnum):
    """How a provider stands to the network."""

    UP = "up"
    DOWN = "down"
    """The port refuses connections, and the open ones have been closed."""
    HANG = "hang"
    """Nobody accepts: connections wait in the backlog. What is asked on an open one waits too."""
    STALL = "stall"
    """Connections are accepted and nothing is read: the peer's large write stops half-way."""


ACCEPTING = frozenset({Position.UP, Position.STALL})
READING = frozenset({Position.UP, Position.HANG})


class Switch:
    """A position that anybody may set and many tasks may wait on."""

    def __init__(self, position: Position = Position.UP) -> None:
        self._position = position
        self._changed = trio.Event()
        self._bound_to: dict[trio.CancelScope, Collection[Position]] = {}

    @property
    def position(self) -> Position:
        """The present one."""
        return self._position

    def set(self, position: Position) -> None:
        """Turn it. Everybody who waits finds out at once."""
        self._position = position
        self._changed.set()
        self._changed = trio.Event()
        for scope, positions in self._bound_to.items():
            if position not in positions:
                scope.cancel()

    async def wait_in(self, positions: Collection[Position]) -> None:
        """Return when the position is one of these."""
        while self._position not in positions:
            await self._changed.wait()

    async def only_in(
        self, positions: Collection[Position], action: Callable[[], Awaitable[T]]
    ) -> T:
        """Do ``action``, which must lose nothing when cancelled, in one of these positions only.

        When they are left first, the action is cancelled, and begun anew when they return.
        """
        while True:
            await self.wait_in(positions)
            with trio.CancelScope() as scope:
                self._bound_to[scope] = positions
                try:
                    return await action()
                finally:
                    del self._bound_to[scope]
