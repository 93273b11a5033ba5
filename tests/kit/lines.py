"""A network in memory: lines to peers whom a test plays, without sockets and without time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import trio

from smsp.tcp_stream import ByteCountingStream

Peer = Callable[["MemoryLine"], Awaitable[None]]


class MemoryLine(ByteCountingStream):
    """One end of a line. ``blind``: it does not notice by looking that something has come.

    ``room`` is how many bytes more the other end takes; what does not fit is never taken, and the
    line is lost.
    """

    def __init__(self, *, blind: bool = False) -> None:
        self.far: MemoryLine
        self.blind = blind
        self.glimpses = 0
        """How often it seems that something has come, when nothing has."""
        self.address = ("127.0.0.1", 0)
        self.room: int | None = None
        self.closed = False
        self.writes: list[bytes] = []
        self._come = bytearray()
        self._window = inf
        self._writes_before_stall = 0
        self._goes_on = trio.Event()
        self._ended = False
        self._reset = False
        self._arrival = trio.Event()

    @property
    def name(self) -> tuple[str, int]:
        """The address of this end."""
        return self.address

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over what fits, after others have had their turn."""
        await trio.lowlevel.checkpoint()
        await super().send_all(data)

    def send_now(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over what fits."""
        if self.closed:
            raise trio.ClosedResourceError
        fits = 0 if self.far.closed else len(data) if self.room is None else self.room
        self.lost = self.lost or fits < len(data)
        if len(self.writes) >= self._writes_before_stall:
            fits = min(fits, int(min(self._window, len(data))))
            self._window -= fits
        taken = bytes(data[:fits])
        if taken:
            self.taken += len(taken)
            self.writes.append(taken)
            self.far.arrive(taken)
        return len(taken)

    def stall(self, *, window: int = 0, after_writes: int = 0) -> None:
        """Take no more than so many bytes, until we may ``go_on``. The first writes, as many as
        ``after_writes`` says, do not count."""
        self._window, self._writes_before_stall = window, after_writes

    def go_on(self) -> None:
        """Take whatever comes."""
        self._window = inf
        self._goes_on.set()
        self._goes_on = trio.Event()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until writers are not held."""
        if self.when_full is not None:
            self.when_full()
        await trio.lowlevel.checkpoint()
        if not self._window:
            await self._goes_on.wait()
        if self.closed:
            raise trio.ClosedResourceError

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, or will."""
        await trio.lowlevel.checkpoint()
        while not (self._come or self._ended or self.closed):
            await self._arrival.wait()
        if self.closed:
            raise trio.ClosedResourceError
        return self._taken_in(max_bytes)

    def receive_now(self, max_bytes: int) -> bytes | None:
        """What has come."""
        assert max_bytes > 0
        return self._taken_in(max_bytes) if self._come or self._ended else None

    @property
    def readable(self) -> bool:
        """Whether something has come, or seems to."""
        if self.glimpses:
            self.glimpses -= 1
            return True
        return bool(self._come or self._ended) and not self.blind

    async def send_eof(self) -> None:
        """The other end sees the end, and may go on."""
        self.far.arrive(b"")
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close at once; the other end sees the end."""
        self.closed = True
        self._wake()
        self._goes_on.set()
        self.far.arrive(b"")

    def reset(self) -> None:
        """Close at once, and let the other end know by an error."""
        self.far._reset = True
        self.close()

    def arrive(self, data: bytes) -> None:
        """Something comes from the other end; empty for its end."""
        self._come += data
        self._ended = self._ended or not data
        self._wake()

    def _taken_in(self, max_bytes: int | None) -> bytes:
        if self._reset and not self._come:
            raise trio.BrokenResourceError
        come = bytes(self._come[:max_bytes])
        del self._come[: len(come)]
        return come

    def _wake(self) -> None:
        self._arrival.set()
        self._arrival = trio.Event()


def memory_line(*, blind: bool = False) -> tuple[MemoryLine, MemoryLine]:
    """Our end of a line, and the peer's."""
    ours, theirs = MemoryLine(blind=blind), MemoryLine()
    ours.far, theirs.far = theirs, ours
    return ours, theirs


class MemoryNetwork:
    """Dials lead to peers, each played by the next of ``peers``, the last by all that follow."""

    def __init__(self, nursery: trio.Nursery, *peers: Peer, blind: bool = False) -> None:
        self.lines: list[MemoryLine] = []
        """Our end of each line, in the order in which they were dialled."""
        self.dialled: list[tuple[str, int]] = []
        self._nursery = nursery
        self._peers = list(peers)
        self._blind = blind

    async def dial(self, host: str, port: int) -> MemoryLine:
        """Make a line."""
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_line(blind=self._blind)
        self.dialled.append((host, port))
        self.lines.append(ours)
        peer = self._peers.pop(0) if len(self._peers) > 1 else self._peers[0]
        self._nursery.start_soon(peer, theirs)
        return ours

    @property
    def open(self) -> int:
        """How many lines are not closed by us."""
        return sum(not line.closed for line in self.lines)


async def whole_request(line: MemoryLine) -> bytes:
    """One request to its last byte; empty when the line ends instead."""
    request = b""
    while True:
        head, separator, body = request.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            return request
        try:
            come = await line.receive_some()
        except trio.ClosedResourceError:
            return b""
        if not come:
            return b""
        request += come


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
