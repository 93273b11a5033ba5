"""``smsp status``: the circuits of a running SMSP in the terminal, once or live.

Speaks HTTP only, as any other watcher does. Owns the connection and the reconnecting; how it
looks is the table's.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType, TracebackType
from typing import Self

import httpx
import orjson
import trio
from pydantic import ValidationError
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from smsp.cli.status_table import span, table_of
from smsp.sending.circuits_status import CircuitsStatus, NodeStatus, status_of
from smsp.web.openapi.schemas import Health, Providers, Snapshot

TIMEOUT_S = 10.0
SILENCE_S_MAX = 20.0
"""The stream says something every 15 s; a longer silence is a broken connection."""
WAIT_S_FIRST, WAIT_S_MAX = 0.5, 15.0
"""Before connecting anew: doubled each time in vain, up to the maximum."""
TICK_S = 0.5

_STYLES: Mapping[NodeStatus, str] = MappingProxyType(
    {"ok": "green", "degraded": "yellow", "down": "bold red", "draining": "yellow"}
)
_EVENT = "data: "


class NodeUnreachable(Exception):
    """Nobody answered, or it was no SMSP that did. Trying again may help."""


class KeyRefused(Exception):
    """SMSP does not let this key watch. Trying again is of no use."""


@dataclass(frozen=True)
class StatusView:
    """The circuits of a node. ``at`` is its time of day when they were so, ``heard_at`` the same
    moment on the run's clock."""

    providers: list[Snapshot]
    at: datetime
    heard_at: float

    @property
    def status(self) -> CircuitsStatus:
        """One word for all circuits."""
        return status_of(one.state for one in self.providers)

    @property
    def age_s(self) -> float:
        """Seconds since they were so."""
        return trio.current_time() - self.heard_at

    def now(self) -> datetime:
        """The node's time of day."""
        return self.at + timedelta(seconds=self.age_s)


class Node:
    """A running SMSP, to look at."""

    def __init__(
        self, url: str, key: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"X-API-KEY": key},
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def look(self) -> tuple[NodeStatus, StatusView, bytes]:
        """How it is in one word, its circuits, and these as they came in JSON."""
        with _answering():
            health = _checked(await self._http.get("/healthcheck"))
            listed = _checked(await self._http.get("/providers"))
            status = Health.model_validate_json(health.content).status
            return status, _view(listed.content, _time_of_day(listed)), listed.content

    async def listen(self, see: Callable[[StatusView], None]) -> None:
        """Pass on what the stream tells, until it ends."""
        patience = httpx.Timeout(TIMEOUT_S, read=SILENCE_S_MAX)
        with _answering():
            async with self._http.stream("GET", "/providers/events", timeout=patience) as answer:
                _checked(answer)
                at, since = _time_of_day(answer), trio.current_time()
                async for line in answer.aiter_lines():
                    if line.startswith(_EVENT) and line != f"{_EVENT}{{}}":
                        now = at + timedelta(seconds=trio.current_time() - since)
                        see(_view(line.removeprefix(_EVENT), now))


class Screen:
    """What a terminal shows of a node that is watched: the last view, and what became of it."""

    def __init__(self) -> None:
        self.view: StatusView | None = None
        self.trouble = "connecting"

    @property
    def takes_mail(self) -> bool:
        """Whether some circuit took mail when last heard of."""
        return self.view is not None and self.view.status != "down"

    def see(self, view: StatusView) -> None:
        """There is news."""
        self.view, self.trouble = view, ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rendered by rich whenever it paints."""
        if self.view is None:
            yield Text(self.trouble, style="yellow")
            return
        head = Text(self.view.status, style=_STYLES[self.view.status])
        if self.trouble:
            head.append(f"  stale: {span(self.view.age_s)} old, {self.trouble}", style="yellow")
        yield head
        yield table_of(self.view.providers, self.view.now(), width=options.max_width)


async def show(node: Node, console: Console, *, as_json: bool) -> bool:
    """Print how it is now; whether it takes mail. Raises ``NodeUnreachable`` and ``KeyRefused``."""
    status, view, content = await node.look()
    if as_json:
        whole = {"status": status, **orjson.loads(content)}
        console.file.write(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        console.print(Text(status, style=_STYLES[status]))
        console.print(table_of(view.providers, view.now(), width=console.width))
    return status != "down"


async def watch(node: Node, console: Console) -> bool:
    """Show how it is until interrupted; whether it took mail at the end. Raises ``KeyRefused``."""
    screen = Screen()
    refused: KeyRefused | None = None
    with (
        trio.open_signal_receiver(signal.SIGINT) as signals,
        Live(screen, console=console, auto_refresh=False) as live,
    ):
        async with trio.open_nursery() as nursery:

            async def end_when_interrupted() -> None:
                await anext(signals)
                nursery.cancel_scope.cancel()

            nursery.start_soon(end_when_interrupted)
            nursery.start_soon(_paint, live)
            try:
                await follow(node, screen)
            except KeyRefused as error:
                refused = error
            nursery.cancel_scope.cancel()
    if refused is not None:
        raise refused
    return screen.takes_mail


async def follow(node: Node, screen: Screen) -> None:
    """Keep the screen up to date, connecting anew for as long as it takes."""
    wait_s = WAIT_S_FIRST
    while True:
        before = screen.view
        try:
            await node.listen(screen.see)
            why = "the stream ended"
        except NodeUnreachable as error:
            why = str(error)
        wait_s = WAIT_S_FIRST if screen.view is not before else min(2 * wait_s, WAIT_S_MAX)
        screen.trouble = f"{why}; connecting again"
        await trio.sleep(wait_s)


async def _paint(live: Live) -> None:
    while True:
        live.refresh()
        await trio.sleep(TICK_S)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise NodeUnreachable(f"no answer from SMSP: {error}") from error
    except ValidationError as error:
        raise NodeUnreachable("this is no SMSP, or one of another version") from error


def _checked(answer: httpx.Response) -> httpx.Response:
    match answer.status_code:
        case httpx.codes.OK:
            return answer
        case httpx.codes.UNAUTHORIZED:
            raise KeyRefused("SMSP does not know this key")
        case httpx.codes.FORBIDDEN:
            raise KeyRefused("this key does not have the scope observe")
        case status:
            raise NodeUnreachable(f"SMSP answered {status}")


def _time_of_day(answer: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError) as error:
        raise NodeUnreachable("this is no SMSP: the answer has no date") from error


def _view(told: str | bytes, at: datetime) -> StatusView:
    return StatusView(Providers.model_validate_json(told).providers, at, trio.current_time())
