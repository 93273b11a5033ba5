"""The live state of all circuits, encoded once for everybody who watches.

A feed keeps the latest event and nothing else. A watcher takes the latest when it is ready for
one, so a slow reader misses intermediate states and never the last, and nothing queues up. The
actors never wait here: one task reads what they have published. While nobody watches it sleeps.

Knows nothing of circuits or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import orjson
import trio

WATCHERS_MAX = 200
COUNTERS_EVERY_S = 0.25
"""What only counts is told at most so often; a change of state at once."""
COMMENT_EVERY_S = 15.0
"""Something is written so often even if nothing happens, so that nobody takes a quiet stream for a
broken one."""
COMMENT = b": nothing new\n\n"
END = b"event: end\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class View:
    """All circuits at one moment: ``providers`` makes their JSON, which is worth doing when
    ``version`` is not the last one."""

    version: Hashable
    providers: Callable[[], list[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event as it goes over the wire."""

    seq: int
    text: bytes


class Feed:
    """One writer, ``run``; many :class:`Watch`."""

    def __init__(self) -> None:
        self.latest: FeedEvent | None = None
        self.ended = False
        self._seq = 0
        self._watchers = 0
        self._arrived = trio.Event()
        self._stirred = trio.Event()
        self._published = trio.Event()

    @property
    def full(self) -> bool:
        """Whether nobody more may watch."""
        return self._watchers >= WATCHERS_MAX

    def stir(self) -> None:
        """A circuit has changed its state: tell of it at once."""
        self._stirred.set()

    def end(self) -> None:
        """Every watcher is told that this was all."""
        self.ended = True
        self._published.set()

    async def run(self, look: Callable[[], View]) -> None:
        """Publish what ``look`` shows whenever it has changed, for as long as somebody watches."""
        shown: Hashable = None
        while True:
            if not self._watchers:
                self.latest = shown = None
                self._arrived = trio.Event()
                await self._arrived.wait()
            self._stirred = trio.Event()
            view = look()
            if view.version != shown:
                shown = view.version
                self._publish(view.providers())
            with trio.move_on_after(COUNTERS_EVERY_S):
                await self._stirred.wait()

    def _publish(self, providers: list[dict[str, object]]) -> None:
        self._seq += 1
        data = orjson.dumps({"seq": self._seq, "providers": providers})
        text = b"event: snapshot\nid: %d\ndata: %s\n\n" % (self._seq, data)
        self.latest = FeedEvent(self._seq, text)
        self._published.set()
        self._published = trio.Event()

    def arrive(self) -> None:
        """One watcher more."""
        self._watchers += 1
        self._arrived.set()

    def leave(self) -> None:
        """One watcher less."""
        self._watchers -= 1

    async def later_than(self, seq: int) -> None:
        """Wait for an event after this one, or the end."""
        while not self.ended and (self.latest is None or self.latest.seq == seq):
            await self._published.wait()


class Watch:
    """One watcher, between ``arrive`` and ``leave``, for as long as it is ``welcome``."""

    def __init__(self, feed: Feed, welcome: Callable[[], bool]) -> None:
        self._feed = feed
        self._welcome = welcome
        self._seen = 0
        self._over = False

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> bytes:
        """The latest event if it is news, a comment after a while without, once the end."""
        if self._over:
            raise StopAsyncIteration
        with trio.move_on_after(COMMENT_EVERY_S):
            await self._feed.later_than(self._seen)
        if not self._welcome():
            raise StopAsyncIteration
        if self._feed.ended:
            self._over = True
            return END
        latest = self._feed.latest
        if latest is None or latest.seq == self._seen:
            return COMMENT
        self._seen = latest.seq
        return latest.text
