"""One caller's connection to the balancer: a request out, exactly one answer back.

Owns the bytes. It is a client of its own for two reasons: it has to be cheap, and it must see
what a good client hides, such as a second answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import trio

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_REQUEST_KEY = re.compile(rb"\r\nrequestkey: *([^\r]*)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_PIECE_BYTES = 65_536


class NoAnswer(Exception):
    """The connection ended, or brought something that is not one HTTP answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``request_key`` is the one it says that it belongs to."""

    status: int
    request_key: str | None
    body: bytes


class Line:
    """A connection, made when it is needed and kept for as long as the server keeps it."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._stream: trio.SocketStream | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Whoever cancels this has hung up."""
        stream = await self._connected()
        try:
            await stream.send_all(request)
            return await self._answer(stream)
        except BaseException as error:
            self.hang_up()
            if isinstance(error, trio.BrokenResourceError):
                raise NoAnswer(str(error)) from error
            raise

    async def say(self, piece: bytes) -> None:
        """Send less than a request, and hang up."""
        stream = await self._connected()
        try:
            await stream.send_all(piece)
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection at once, answered or not."""
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None

    async def _connected(self) -> trio.SocketStream:
        if self._stream is None:
            stream = await trio.open_unix_socket(self._socket)
            assert isinstance(stream, trio.SocketStream)
            self._stream = stream
        return self._stream

    async def _answer(self, stream: trio.SocketStream) -> Answer:
        heard = bytearray()
        while (end := heard.find(b"\r\n\r\n")) < 0:
            heard += await _more(stream)
        head = bytes(heard[: end + 2])
        length = _LENGTH.search(head)
        if length is None or not head.startswith(b"HTTP/1.1 "):
            raise NoAnswer(f"no answer: {head[:200]!r}")
        whole = end + 4 + int(length[1])
        while len(heard) < whole:
            heard += await _more(stream)
        if len(heard) > whole:
            raise NoAnswer(f"more than one answer: {bytes(heard[whole:])[:200]!r}")
        if _CLOSE.search(head):
            self.hang_up()
        key = _REQUEST_KEY.search(head)
        return Answer(int(head[9:12]), key and key[1].decode(), bytes(heard[end + 4 : whole]))


async def _more(stream: trio.SocketStream) -> bytes:
    piece = await stream.receive_some(_PIECE_BYTES)
    if not piece:
        raise NoAnswer("the connection ended")
    return bytes(piece)
