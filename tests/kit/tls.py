"""The other end of TLS, in memory: a server that decides which records come in which segment."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import trio
import trustme

from tests.kit.lines import MemoryLine
from tests.kit.tls_records import CIPHER_1_2, Records12, Records13

HOSTS = ("api.example.com", "other.example.com")
RECORD_BYTES_MAX = 16 * 1024
_RANDOM = slice(5 + 4 + 2, 5 + 4 + 2 + 32)
"""In the first record of either side: behind two headers and a version."""

T = TypeVar("T")
SecurePeer = Callable[["SecureEnd"], Awaitable[None]]


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server that ``authority`` vouches for by these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or HOSTS)).configure_cert(context)
    return context


def telling_its_keys(context: ssl.SSLContext, path: Path) -> ssl.SSLContext:
    """The same server, whose records a test can make by itself; it sends no ticket by itself."""
    context.keylog_filename = path
    context.num_tickets = 0
    context.set_ciphers(CIPHER_1_2)
    return context


class SecureEnd:
    """The server's end of a line with TLS: what a peer that a test plays has instead of a
    ``MemoryLine``."""

    def __init__(self, line: MemoryLine, context: ssl.SSLContext) -> None:
        self.line = line
        self._come, self._to_go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._come, self._to_go, server_side=True)
        self._client_random = self._server_random = b""

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self.line.closed

    async def shake_hands(self) -> None:
        """Raises ``ssl.SSLError`` when the client will not have it."""
        await self._retried(self._tls.do_handshake)

    async def send_all(self, *records: bytes, farewell: bool = False) -> None:
        """Say these, each in a record of its own, and perhaps ``close_notify``, all in one
        segment."""
        await self.line.send_all(self.sealed(*records, farewell=farewell))

    def sealed(self, *records: bytes, farewell: bool = False) -> bytes:
        """The same, for whoever sends it in other pieces."""
        for record in records:
            self._tls.write(record)
        if farewell:
            with suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
        return self._to_go.read()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the client says; empty at the end, with or without ``close_notify``."""
        try:
            return await self._retried(lambda: self._tls.read(max_bytes or RECORD_BYTES_MAX))
        except ssl.SSLEOFError:
            return b""

    def records(self) -> Records12 | Records13:
        """What this end says from now on, if ``send_all`` is not used: records of any kind.

        Its context has to be one of :func:`telling_its_keys`.
        """
        lines = Path(self._tls.context.keylog_filename).read_text("ascii").splitlines()
        words = [line.split() for line in lines if not line.startswith("#")]
        told = {(label, random): bytes.fromhex(secret) for label, random, secret in words}
        if self._tls.version() == "TLSv1.3":
            return Records13(told["SERVER_TRAFFIC_SECRET_0", self._client_random.hex()])
        master = told["CLIENT_RANDOM", self._client_random.hex()]
        return Records12(master, self._client_random, self._server_random)

    def close(self) -> None:
        """Close at once, without a farewell."""
        self.line.close()

    def reset(self) -> None:
        """Close at once, by a reset."""
        self.line.reset()

    async def _retried(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await self._flush()
                come = await self.line.receive_some()
                self._client_random = self._client_random or come[_RANDOM]
                self._come.write(come) if come else self._come.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._to_go.pending:
            data = self._to_go.read()
            self._server_random = self._server_random or data[_RANDOM]
            await self.line.send_all(data)


def secured(peer: SecurePeer, context: ssl.SSLContext) -> Callable[[MemoryLine], Awaitable[None]]:
    """The same peer, behind TLS."""

    async def play(line: MemoryLine) -> None:
        end = SecureEnd(line, context)
        try:
            await end.shake_hands()
            await peer(end)
        except (ssl.SSLError, trio.BrokenResourceError, trio.ClosedResourceError):
            line.close()

    return play
