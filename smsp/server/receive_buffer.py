"""PURE. Bytes that have come and are not parsed yet, given out a piece at a time.

A parser that cannot be told to stop reads one request after another as long as there are bytes,
and what it makes of them takes many times their room. Owns where it has to be stopped: behind the
next empty line, since that is the end of every head and of every body in chunks. Knows no HTTP
beyond that.
"""

from __future__ import annotations

EMPTY_LINE = b"\r\n\r\n"
"""The end of a line, and a line with nothing in it."""

_LINE_ENDS = b"\r\n"
_SEAM_BYTES = len(EMPTY_LINE) - 1


class ReceiveBuffer:
    """A buffer of bytes. Taking all of it copies nothing, taking some of it no more than that."""

    __slots__ = ("_at", "_before", "_data", "empty")

    def __init__(self) -> None:
        self.empty = True
        """Whether all of it has been taken."""
        self._data = b""
        self._at = 0
        self._before = b""

    def __len__(self) -> int:
        return len(self._data) - self._at

    def add(self, data: bytes) -> None:
        """These bytes have come."""
        self._data = data if self.empty else self._data[self._at :] + data
        self._at = 0
        self.empty = not self._data

    def clear(self) -> None:
        """Forget all of it."""
        self._data, self._at, self._before, self.empty = b"", 0, b"", True

    def drop_line_ends(self) -> int:
        """Drop what stands before the first byte that ends no line; how much that was."""
        if self.empty or self._data[self._at] not in _LINE_ENDS:
            return 0
        before = len(self)
        left = self._data[self._at :].lstrip(_LINE_ENDS)
        self.clear()
        self.add(left)
        return before - len(left)

    def take(self, length: int) -> bytes:
        """So many bytes, or as many as there are."""
        return self._taken(self._at + length)

    def take_to_an_empty_line(self) -> bytes:
        """All bytes to the end of the next empty line, which may have begun in what was taken
        before; all that there are, if there is none."""
        start, before = self._at, self._before
        if before:
            seam = before + self._data[start : start + _SEAM_BYTES]
            end = seam.find(EMPTY_LINE)
            if end >= 0:
                return self._taken(start + end + len(EMPTY_LINE) - len(before))
        end = self._data.find(EMPTY_LINE, start)
        if end >= 0:
            return self._taken(end + len(EMPTY_LINE))
        rest = self._taken(len(self._data))
        self._before = (before + rest[-_SEAM_BYTES:])[-_SEAM_BYTES:]
        return rest

    def _taken(self, end: int) -> bytes:
        piece = self._data[self._at : end]
        self._at, self._before = end, b""
        if end >= len(self._data):
            self.clear()
        return piece
