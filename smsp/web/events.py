"""``/providers/events``: every circuit, live, as Server-Sent Events.

The whole state in every event, so nothing is lost by missing one; :mod:`smsp.telemetry.feed` says
how often. What a circuit went through meanwhile stands in its ``transitions``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType, TracebackType

import trio
from quart import Blueprint, Response
from quart.wrappers.response import ResponseBody

from smsp.keys import Scope
from smsp.telemetry.feed import Feed, View, Watch
from smsp.web.authorization import needs
from smsp.web.replies import busy_reply, latency_of, snapshot_json, stopping_reply
from smsp.web.request import current_request
from smsp.web.services import Services

EVENT_STREAM = "text/event-stream"

_HEADERS = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would keep events back until it has enough of them
    }
)


def events(services: Services) -> Blueprint:
    """The route, over these services."""
    blueprint = Blueprint("events", __name__)

    @blueprint.get("/providers/events")
    @needs(services, Scope.OBSERVE)
    async def watch_providers() -> Response:
        feed = services.watching.feed
        if feed.ended:
            return stopping_reply()
        if feed.full:
            return busy_reply("busy", "Too many are watching already.")
        response = Response(content_type=EVENT_STREAM, headers=dict(_HEADERS))
        # The key may be taken away while its holder watches.
        response.response = _Watching(feed, partial(services.keyring.has, current_request().key))
        return response

    return blueprint


async def tell(services: Services) -> None:
    """Keep the feed up to date. Runs for as long as the routes do."""
    await services.watching.feed.run(lambda: _view(services))


class _Watching(ResponseBody):
    """A place among the watchers, from the answer's first piece to its last."""

    def __init__(self, feed: Feed, welcome: Callable[[], bool]) -> None:
        self._feed = feed
        self._welcome = welcome

    async def __aenter__(self) -> Watch:
        self._feed.arrive()
        return Watch(self._feed, self._welcome)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._feed.leave()


def _view(services: Services) -> View:
    """What there is to see now, with what changes with time alone: the latency, and a limit that
    grows."""
    snapshots, now = services.dispatcher.snapshots(), trio.current_time()
    version = tuple(
        (one.version, one.limit_at(now), latency_of(one, services)) for one in snapshots
    )
    return View(version, lambda: [snapshot_json(one, services) for one in snapshots])
