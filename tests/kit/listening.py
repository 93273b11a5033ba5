"""A server that listens in memory: callers come on lines without sockets, and time is the test's.

The whole of what stands before an application, from taking a connection to letting go of it. A test
knows it by what callers see, by its log and by the places that are free again.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from smsp.server.listener import Limits, hypercorn_config, listen
from smsp.tcp_stream import ByteCountingStream
from tests.kit.lines import MemoryLine
from tests.kit.peer import Peer
from tests.kit.web import FakeLog

IDLE_S = 75.0
GRACEFUL_S = 12.0
LIMITS = Limits()

App = Callable[..., Awaitable[None]]


class CallerLine(MemoryLine):
    """A line that writes as a socket does: others have their turn only when it is full. Remembers
    how much it was asked to read at once. ``unknown``: the caller broke off before it was met."""

    unknown = False

    def __init__(self) -> None:
        super().__init__()
        self.asked_for: list[int | None] = []

    @property
    def peer(self) -> tuple[str, int]:
        """Where the caller is."""
        if self.unknown:
            raise OSError("not connected")
        return "192.0.2.1", 50000

    @property
    def name(self) -> tuple[str, int]:
        """Where it was met."""
        return "192.0.2.2", 8080

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over what fits."""
        await ByteCountingStream.send_all(self, data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come."""
        self.asked_for.append(max_bytes)
        return await super().receive_some(max_bytes)


def caller_line() -> tuple[CallerLine, CallerLine]:
    """The server's end of a line, and the caller's."""
    ours, theirs = CallerLine(), CallerLine()
    ours.far, theirs.far = theirs, ours
    return ours, theirs


class MemoryListening:
    """Connections come when a test says so, and errors that the system would raise instead."""

    address = "memory:0"

    def __init__(self, *_config: object) -> None:
        self.closed = False
        self.taken = 0
        """How many connections have been taken."""
        self.taken_before_waits: list[int] = []
        """The same each time that somebody waits for the next, which lets others run."""
        self._backlog: deque[ByteCountingStream | OSError] = deque()
        self._come = trio.Event()

    def come(self, one: ByteCountingStream | OSError) -> None:
        """A connection, or an error at the attempt to take one."""
        assert not self.closed, "connection refused"
        self._backlog.append(one)
        self._come.set()

    def call(self) -> tuple[CallerLine, Peer]:
        """A caller connects: the server's end of its line, and the caller, who is at the other."""
        ours, theirs = caller_line()
        self.come(ours)
        return ours, Peer(theirs)

    async def wait(self) -> None:
        """Return when something has come."""
        self.taken_before_waits.append(self.taken)
        await trio.lowlevel.checkpoint()
        if not self._backlog:
            self._come = trio.Event()
            await self._come.wait()

    def accept(self) -> ByteCountingStream:
        """Take the first."""
        if not self._backlog:
            raise BlockingIOError
        one = self._backlog.popleft()
        if isinstance(one, OSError):
            raise one
        self.taken += 1
        return one

    def close(self) -> None:
        """No more come."""
        self.closed = True


@dataclass
class Server:
    """A server that runs until ``close`` is set; ``ended`` then tells when it has let go of all."""

    url: str
    port: MemoryListening
    log: FakeLog
    close: trio.Event
    ended: trio.Event = field(default_factory=trio.Event)
    lines: list[CallerLine] = field(default_factory=list)
    """The server's end of every connection."""

    def call(self) -> Peer:
        """A caller connects. Its line is ``peer.stream``."""
        ours, peer = self.port.call()
        self.lines.append(ours)
        return peer

    async def end(self) -> None:
        """Close as on SIGTERM, and wait until it has ended."""
        self.close.set()
        await self.ended.wait()


@asynccontextmanager
async def listening(
    app: App,
    *,
    idle_s: float = IDLE_S,
    graceful_s: float = GRACEFUL_S,
    requests_max: int | None = None,
    limits: Limits = LIMITS,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """A server of this application; cancelled at the end of the block if it has not ended."""
    config = hypercorn_config("127.0.0.1", 8080, idle_s=idle_s, graceful_s=graceful_s)
    if requests_max is not None:
        config.keep_alive_max_requests = requests_max
    port, log, close = MemoryListening(), FakeLog(), trio.Event()
    ended = trio.Event()

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        await listen(
            app,
            config,
            log,
            close,
            tls=None if tls is None else lambda: tls,
            limits=limits,
            open_listening=lambda _config: port,
            task_status=task_status,
        )
        ended.set()

    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        yield Server(url, port, log, close, ended)
        nursery.cancel_scope.cancel()


# -- applications


async def say(send: App, body: bytes = b"hello", *headers: tuple[bytes, bytes]) -> None:
    """A whole answer, of a length that is said."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def whole_body(receive: App) -> bytes | None:
    """All of a request's body; None if the caller leaves before its end."""
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event["body"]
        if not event["more_body"]:
            return body


async def hello(_scope: object, _receive: object, send: App) -> None:
    """Answers at once."""
    await say(send)


async def echo(_scope: object, receive: App, send: App) -> None:
    """Answers with what it has heard."""
    body = await whole_body(receive)
    if body is not None:
        await say(send, body)


class Held:
    """Answers when it is told to. ``asked`` is how many wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.finish = trio.Event()

    async def __call__(self, _scope: object, _receive: object, send: App) -> None:
        self.asked += 1
        await self.finish.wait()
        self.asked -= 1
        await say(send)
