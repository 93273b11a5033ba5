"""TLS in front of a simulated provider, which speaks none.

Owns the provider's side of each handshake. It stands behind a fault proxy, so that what is spoilt
is what a network would see, encrypted bytes; or in one, so that it is the provider's own words.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress

import trio

from smsp.simulator.loopback import HOST, LoopbackPort

PIECE_BYTES = 64 * 1024


class SecureSide:
    """The side of a proxy that speaks TLS, to be used like the socket that it is on."""

    def __init__(self, raw: trio.SocketStream, tls: ssl.SSLContext) -> None:
        self.raw = raw
        self._come, self._to_go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._come, self._to_go, server_side=True)
        self._has_ended = False

    async def shake_hands(self) -> None:
        """To be done first. Raises ``trio.BrokenResourceError``."""
        await self._read(lambda: self._tls.do_handshake() or b"")
        await self.raw.send_all(self._to_go.read())

    async def receive_some(self, max_bytes: int) -> bytes:
        """What is said; empty at the end. Raises ``trio.BrokenResourceError``.

        After ``send_eof``, as it comes: OpenSSL reads nothing any more then.
        """
        if self._has_ended:
            return bytes(await self.raw.receive_some(max_bytes))
        return await self._read(lambda: self._tls.read(max_bytes))

    async def send_all(self, data: bytes) -> None:
        """Say this. Raises ``trio.BrokenResourceError``."""
        self._tls.write(data)
        await self.raw.send_all(self._to_go.read())

    async def send_eof(self) -> None:
        """Say that no more is said, in TLS and then below it."""
        self._has_ended = True
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self.raw.send_all(self._to_go.read())
        await self.raw.send_eof()

    async def _read(self, operation: Callable[[], bytes]) -> bytes:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                if self._to_go.pending:
                    await self.raw.send_all(self._to_go.read())
                if not (come := await self.raw.receive_some(PIECE_BYTES)):
                    return b""
                self._come.write(come)
            except ssl.SSLError as error:
                raise trio.BrokenResourceError from error


class TlsDoor:
    """A port that speaks TLS and leads to another one, which does not."""

    def __init__(self, far_port: int, tls: ssl.SSLContext) -> None:
        self._far_port = far_port
        self._tls = tls
        self._door = LoopbackPort()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._door.number

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take connections until cancelled."""
        listening = self._door.listen()
        try:
            await trio.serve_listeners(self._serve, [listening], task_status=task_status)
        finally:
            self._door.refuse()

    def close(self) -> None:
        """Give the port up."""
        self._door.close()

    async def _serve(self, raw: trio.SocketStream) -> None:
        near = trio.SSLStream(raw, self._tls, server_side=True, https_compatible=True)
        async with (
            raw,
            await trio.open_tcp_stream(HOST, self._far_port) as far,
            trio.open_nursery() as ways,
        ):
            ways.start_soon(_pass_back, far, near)
            await _pass_there(near, far)


async def _pass_there(near: trio.abc.Stream, far: trio.SocketStream) -> None:
    """Whatever ends what is heard, the provider has heard all that came before."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while piece := await near.receive_some(PIECE_BYTES):
            await far.send_all(piece)
    with suppress(trio.BrokenResourceError):
        await far.send_eof()


async def _pass_back(far: trio.SocketStream, near: trio.SSLStream[trio.SocketStream]) -> None:
    """When nobody hears it any more, the provider is let finish all the same."""
    heard = True
    with suppress(trio.BrokenResourceError):
        while piece := await far.receive_some(PIECE_BYTES):
            try:
                if heard:
                    await near.send_all(piece)
            except trio.BrokenResourceError:
                heard = False
    await near.transport_stream.aclose()
