"""A simulated provider on a loopback port, and its switch.

Owns accepting connections and closing them. What is said on a connection is
:func:`smsp.simulator.connection.serve_connection`'s.
"""

from __future__ import annotations

import errno
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from random import Random

import trio

from smsp.simulator.connection import serve_connection
from smsp.simulator.loopback import HOST, LoopbackPort
from smsp.simulator.mix import FaultMix
from smsp.simulator.outbox import Outbox
from smsp.simulator.switch import ACCEPTING, READING, Position, Switch
from smsp.simulator.wire import ProviderApi

CONNECTIONS_MAX = 4_096
HANDSHAKE_S = 20.0

_REACHABLE = frozenset(Position) - {Position.DOWN}
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class SimulatedProvider:
    """One provider: a wire behind a port on loopback, which is bound when the object is made.

    ``port`` 0 lets the system choose; ``now`` is Unix time in seconds. The draws of
    ``mix``, the faults that come by chance, follow from ``seed``. With ``tls``, our side of it, the
    provider speaks HTTPS. Run it with ``await nursery.start(provider.run)``; cancelling that gives
    the port up.
    """

    def __init__(
        self,
        wire: ProviderApi,
        outbox: Outbox,
        *,
        port: int = 0,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._wire = wire
        self._outbox = outbox
        self._now = now
        self._tls = tls
        self.mix = FaultMix(Random(f"{seed}:{wire.name}"))  # noqa: S311 - weather, not a secret
        self._door = LoopbackPort(port)
        self._switch = Switch()
        self._effect = Switch()
        self._one_at_a_time = trio.Lock()

    @property
    def name(self) -> str:
        """The wire's name."""
        return self._wire.name

    @property
    def port(self) -> int:
        """The port, the same through every turn of the switch."""
        return self._door.number

    @property
    def url(self) -> str:
        """Scheme, host and port: what this provider's base URL is set to."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{HOST}:{self.port}"

    @property
    def switch(self) -> Position:
        """How the provider stands to the network."""
        return self._switch.position

    async def set_switch(self, position: Position) -> None:
        """Turn the switch, and return when that is in effect. Waits for ever if nobody runs it."""
        async with self._one_at_a_time:
            self._switch.set(position)
            await self._effect.wait_in({Position.DOWN} if position is Position.DOWN else _REACHABLE)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Reports started when connections are taken."""
        with closing(self._door):
            listener = self._door.listen()
            task_status.started()
            while True:
                await self._serve_until_down(listener)
                self._door.refuse()
                self._effect.set(Position.DOWN)
                await self._switch.wait_in(_REACHABLE)
                listener = self._door.listen()
                self._effect.set(Position.UP)

    async def _serve_until_down(self, listener: trio.SocketListener) -> None:
        async with trio.open_nursery() as connections:
            connections.start_soon(self._accept, listener, connections)
            await self._switch.wait_in({Position.DOWN})
            connections.cancel_scope.cancel()

    async def _accept(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        room = trio.Semaphore(CONNECTIONS_MAX)
        while True:
            await room.acquire()
            stream = await self._next_stream(listener)
            connections.start_soon(self._serve, stream, room)

    async def _next_stream(self, listener: trio.SocketListener) -> trio.SocketStream:
        while True:
            try:
                return await self._switch.only_in(ACCEPTING, listener.accept)
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                # The backlog keeps the peer until one of ours has left.
                await trio.sleep(0.1)

    async def _serve(self, stream: trio.SocketStream, room: trio.Semaphore) -> None:
        try:
            async with stream:
                await serve_connection(
                    await self._encrypted(stream),
                    self._wire,
                    self._outbox,
                    self._switch,
                    draw=self.mix.draw,
                    now=self._now,
                )
        except trio.BrokenResourceError:
            pass  # the peer left in the handshake, or does not trust us
        finally:
            room.release()

    async def _encrypted(self, stream: trio.SocketStream) -> trio.abc.Stream:
        if self._tls is None:
            return stream
        # A handshake that has begun goes on, wherever the switch is turned meanwhile.
        await self._switch.wait_in(READING)
        encrypted = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        with trio.move_on_after(HANDSHAKE_S):
            await encrypted.do_handshake()
            return encrypted
        raise trio.BrokenResourceError("no handshake in time")
