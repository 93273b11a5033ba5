"""TLS around a line to an SMTP server: a stream that can also be looked at without waiting.

trio's own can only be read by waiting, and hides what has come in its buffers: there a look at the
socket alone finds nothing.
"""

from __future__ import annotations

import ssl
from typing import Self

import trio

from smsp.lines import Line


class TlsStream:
    """Raises ``trio.BrokenResourceError`` where TLS breaks. It ends by closing the line."""

    def __init__(self, below: _Below, stream: trio.SSLStream[_Below]) -> None:
        self._below = below
        self._stream = stream

    @classmethod
    async def around(cls, line: Line, tls: ssl.SSLContext, host: str) -> Self:
        """The client's side of a handshake, with ``host`` verified."""
        below = _Below(line)
        stream = trio.SSLStream(below, tls, server_hostname=host, https_compatible=True)
        await stream.do_handshake()
        return cls(below, stream)

    async def send_all(self, data: bytes | memoryview) -> None:
        """Hand over all of it."""
        await self._stream.send_all(data)

    async def receive_some(self, max_bytes: int) -> bytes:
        """What has come, or will; empty at the end."""
        return bytes(await self._stream.receive_some(max_bytes))

    async def glance(self) -> bytes | None:
        """What has come so far, ``None`` if nothing has; empty for the end.

        Session tickets and other records that carry no data are taken in, and are nothing.
        """
        self._below.waits = False
        try:
            return bytes(await self._stream.receive_some(1))
        except _NothingMore:
            return None
        finally:
            self._below.waits = True


class _NothingMore(Exception):
    """Reading on would mean to wait."""


class _Below(trio.abc.Stream):
    """The line, which refuses to wait when asked to."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.waits = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not (self.waits or self._line.readable):
            raise _NothingMore
        return await self._line.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._line.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._line.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._line.aclose()
