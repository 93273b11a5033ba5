"""Callers of SMSP of all three kinds, on clocks that only waiting moves, and what answers them."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import trio
from trio.testing import MockClock

from smsp.client import AsyncClient, Client, TrioClient

URL, KEY = "http://smsp.example", "a-key-of-some-length"
MESSAGE = {"fromaddress": "a@example.com", "toaddress": "b@example.org"}


def says(
    status: int, headers: dict[str, str] | None = None, *, ours: bool = True, **body: object
) -> httpx.Response:
    """An answer of SMSP's, or one that has its words but not its ``RequestKey``."""
    own = {"RequestKey": "of-the-request"} if ours else {}
    return httpx.Response(status, json=body, headers=own | (headers or {}))


class Node:
    """An SMSP that gives these answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Told:
    """What a caller was told, and how long it had to wait for that."""

    result: object
    waited_s: float


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class _Jumping(selectors.SelectSelector):
    """Waits for nothing but time, and at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None):
        ready = super().select(0)
        assert ready or timeout is not None, "this waits for ever"
        if not ready:
            self.now += timeout
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Jumping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


Answering = Callable[[httpx.Request], httpx.Response]
Call = Callable[..., Told]


def in_a_thread(node: Answering, method: str, *arguments: object, **options: object) -> Told:
    """Call a method of the client for threads."""
    clock = Clock()
    if method == "send":
        options = {"sleep": clock.sleep, "clock": clock} | options
    with Client(URL, KEY, transport=httpx.MockTransport(node)) as client:
        return Told(getattr(client, method)(*arguments, **options), clock.now)


def under_asyncio(node: Answering, method: str, *arguments: object, **options: object) -> Told:
    """Call a method of the other one, under asyncio."""

    async def main() -> Told:
        loop = asyncio.get_running_loop()
        result = await _called(AsyncClient, node, method, arguments, options)
        return Told(result, loop.time())

    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(main())


def under_trio(node: Answering, method: str, *arguments: object, **options: object) -> Told:
    """The same under trio, by its other name."""

    async def main() -> Told:
        result = await _called(TrioClient, node, method, arguments, options)
        return Told(result, trio.current_time())

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def _called(kind, node, method, arguments, options) -> Awaitable[object]:
    async def call() -> object:
        async with kind(URL, KEY, transport=httpx.MockTransport(node)) as client:
            return await getattr(client, method)(*arguments, **options)

    return call()


CALLERS = (in_a_thread, under_asyncio, under_trio)
