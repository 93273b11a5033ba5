"""The log's way out of the process: who logs is never kept waiting, and never hears of a fault.

Owns the lines that are not written yet, the thread that writes them, and how many were dropped.
Knows nothing of events and formats.

Theory of operation. ``LogWriter.write`` puts a line into a bounded buffer and returns. A thread
takes the lines out, in their order, and may wait in write(2) for as long as nobody reads: only
``close`` ever waits for it, and that for a bounded time. (``O_NONBLOCK`` would be no way out: it
belongs to the open file, which stderr, a terminal and other processes share.)

Lines that are dropped leave a *gap*, which one line tells of, in its place, when writing goes on:

=========  ===========================================  ==========================================
buffer     a line comes                                 the thread writes
=========  ===========================================  ==========================================
no gap     held; without room for it, dropped: a gap    lines in pieces; a fault drops all that
           begins                                       is held: a gap begins
gap        dropped                                      what came before it, then the line that
                                                        tells of it, and the gap is over; a fault:
                                                        it is not, and the next try is later
=========  ===========================================  ==========================================

So the newest lines are those that are dropped, what is written is in order, and while nothing can
be written nothing is held but the count. A line of which a part was written is kept until the
rest is, so that none runs into the next.
"""

from __future__ import annotations

import errno
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from io import UnsupportedOperation
from threading import Event, Lock, Thread
from typing import Self

LINES_MAX = 8192
BYTES_MAX = 1024 * 1024
"""What is held at most, beside the piece that is being written: about a second of a busy node."""
PIECE_BYTES = 4096
"""Lines that are written at once; a longer one by itself. A pipe takes so much whole or not at all
(pipe(7), PIPE_BUF), so that neither other writers nor the end of the process cut a line."""
REST_S, REST_S_MAX = 0.002, 0.05
"""Seconds for each line just written, and at most, in which the next ones wait for each other. In a
busy process a turn of the thread costs more than to write a line: beyond 500 lines a second the
rests grow to the longest, below that a line hardly waits."""
ROOM_S = 0.02
"""Seconds until a file that has no room now is tried again; somebody has made it non-blocking."""
FAULT_S = 1.0
"""Seconds until a file that could not be written is tried again."""
FLUSH_S = 0.5
"""Seconds in which the last lines must be out when the process ends."""

THREAD = "log"

WriteSome = Callable[[bytes], int | None]
"""Write bytes, as a raw file does: how many were, ``None`` if there is no room for any now. Raises
``OSError``."""
TellGap = Callable[[int], bytes]
"""The line that tells how many were dropped."""


class Stuck(Enum):
    """Why lines are not out."""

    NO_ROOM = auto()
    FAULT = auto()


class LineBuffer:
    """Lines on their way to a file. Anybody may ``put``, one thread may ``drain``."""

    def __init__(
        self,
        write_some: WriteSome,
        tell_gap: TellGap,
        *,
        lines_max: int = LINES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self.dropped = 0
        self._write_some = write_some
        self._tell_gap = tell_gap
        self._lines_max, self._bytes_max = lines_max, bytes_max
        self._lock = Lock()  # of all but the piece; held for no longer than a list is changed
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._gap = 0
        """Lines dropped since the last that was held, and not told of yet."""
        self._piece: list[bytes] = []
        self._piece_tells = 0
        """Lines that the piece tells were dropped; 0 if it is lines."""
        self._cut = False
        """The first of the piece is the rest of a line."""

    def put(self, line: bytes) -> None:
        """Hold a line, which ends with a newline, until it is written; or drop and count it."""
        with self._lock:
            size = self._bytes + len(line)
            if self._gap or size > self._bytes_max or len(self._lines) >= self._lines_max:
                self._gap += 1
                self.dropped += 1
            else:
                self._lines.append(line)
                self._bytes = size

    def drain(self) -> int | Stuck:
        """Write what is held; how many lines there were, or why they are not out. Waits as long as
        the file does."""
        lines = 0
        while self._piece or self._take():
            try:
                written = self._write_some(b"".join(self._piece))
            except OSError:
                self._lose()
                return Stuck.FAULT
            if not written:
                return Stuck.NO_ROOM
            lines += self._wrote(written)
        return lines

    def _take(self) -> bool:
        """Make the next piece; whether there is one."""
        room = PIECE_BYTES
        with self._lock:
            while self._lines and (not self._piece or len(self._lines[0]) <= room):
                line = self._lines.popleft()
                self._piece.append(line)
                self._bytes -= len(line)
                room -= len(line)
            self._piece_tells = 0
            if not self._piece:
                self._piece_tells, self._gap = self._gap, 0
        if self._piece_tells:
            self._piece.append(self._tell_gap(self._piece_tells))
        return bool(self._piece)

    def _wrote(self, size: int) -> int:
        """Forget the lines that are out, and tell their number; of the next, keep the rest."""
        whole = 0
        for line in self._piece:
            if size < len(line):
                break
            size -= len(line)
            whole += 1
        del self._piece[:whole]
        self._cut = size > 0
        if self._cut:
            self._piece[0] = self._piece[0][size:]
        return whole

    def _lose(self) -> None:
        """Drop what is held, but for the rest of a line."""
        with self._lock:
            lost = len(self._lines)
            if not self._piece_tells:
                lost += len(self._piece) - self._cut
            elif not self._cut:
                self._gap += self._piece_tells
            del self._piece[int(self._cut) :]
            self._lines.clear()
            self._bytes = 0
            self._gap += lost
            self.dropped += lost


class LogWriter:
    """Writes lines by a thread of its own. A context manager: begins to write, and closes."""

    def __init__(self, write_some: WriteSome, tell_gap: TellGap) -> None:
        self._buffer = LineBuffer(write_some, tell_gap)
        self._wake, self._closing, self._given_up = Event(), Event(), Event()
        # The interpreter does not wait for a daemon: it may be waiting for a reader for ever.
        self._thread = Thread(target=self._run, name=THREAD, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dropped(self) -> int:
        """Lines that were dropped so far."""
        return self._buffer.dropped

    def write(self, line: bytes) -> None:
        """Have a line written soon. Never waits, never raises; a line without room is dropped."""
        self._buffer.put(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, within_s: float = FLUSH_S) -> None:
        """Have everything written, and end the thread; give up after so many seconds."""
        self._closing.set()
        self._wake.set()
        self._thread.join(within_s)
        self._given_up.set()

    def _run(self) -> None:
        drained: int | Stuck = 0
        while not self._closing.is_set():
            pause_s = _pause_s(drained)
            if pause_s:
                self._closing.wait(pause_s)
            else:
                self._wake.wait()
            self._wake.clear()
            drained = self._buffer.drain()
        while self._buffer.drain() is Stuck.NO_ROOM and not self._given_up.wait(ROOM_S):
            pass


def _pause_s(drained: int | Stuck) -> float:
    """Seconds until the next time; 0: when the next line comes."""
    match drained:
        case Stuck.NO_ROOM:
            return ROOM_S
        case Stuck.FAULT:
            return FAULT_S
        case lines:
            return min(lines * REST_S, REST_S_MAX)


def stdout() -> tuple[WriteSome, bool]:
    """How to write to stdout, unbuffered; and whether it is a terminal."""
    if sys.stdout is None:  # The process was started without; its number may be another file's.
        return _nowhere, False
    try:
        number = sys.stdout.fileno()
    except UnsupportedOperation:  # Somebody has put a text in memory in its place.
        return sys.stdout.buffer.write, False
    file = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return file.write, file.isatty()


def _nowhere(_lines: bytes) -> int:
    raise OSError(errno.EBADF, "there is no stdout")
