"""TLS in front of a simulated provider, which speaks none.

Owns the provider's side of each handshake. Stands behind a fault proxy, so that what is spoilt is
what a network would see: encrypted bytes.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import trio

from smsp.simulator.loopback import HOST, LoopbackPort

PIECE_BYTES = 64 * 1024


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
