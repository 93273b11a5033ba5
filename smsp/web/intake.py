"""Until when callers may go on with what they are saying, once this node stops.

While it runs there is no such moment; each request has times of its own. When it stops, whoever is
in the middle of a body gets a short time for the rest, since nothing of that message was sent and
another node can take it. Then whoever is still writing is heard for a moment longer, or the
refusal could be lost to a reset. Both moments may be set while callers are waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import trio

STOP_BODY_S = 2.0
"""Seconds in which a body must be whole, once no more connections are taken."""
STOP_BODY_SHARE = 0.25
"""It is never more than this part of the time that the stop may take: what comes whole is still to
be sent, and what does not is still to be answered."""
STOP_LINGER_SHARE = 0.5
"""And then so much of the same time again, for callers who are still writing."""


class SharedDeadline:
    """A moment at which everybody who waits here waits no longer. It may only become earlier."""

    def __init__(self) -> None:
        self.at = inf
        self._waits: set[trio.CancelScope] = set()

    @property
    def passed(self) -> bool:
        """Whether that moment has come."""
        return trio.current_time() >= self.at

    def bring_forward(self, at: float) -> None:
        """Nobody waits any longer than until then, whoever waits now included."""
        self.at = min(self.at, at)
        for scope in self._waits:
            scope.deadline = min(scope.deadline, self.at)

    @contextmanager
    def wait_until(self, at: float) -> Iterator[trio.CancelScope]:
        """A block that is cancelled at this moment, or at the shared one if that is earlier."""
        with trio.CancelScope(deadline=min(at, self.at)) as scope:
            self._waits.add(scope)
            try:
                yield scope
            finally:
                self._waits.discard(scope)


class Intake:
    """The two moments of one node: ``bodies`` must be whole, and ``lingering`` is over."""

    def __init__(self) -> None:
        self.bodies = SharedDeadline()
        self.lingering = SharedDeadline()

    def end(self, drain_s: float) -> None:
        """The node stops, which may take so long."""
        body_s = min(STOP_BODY_S, STOP_BODY_SHARE * drain_s)
        now = trio.current_time()
        self.bodies.bring_forward(now + body_s)
        self.lingering.bring_forward(now + (1 + STOP_LINGER_SHARE) * body_s)
