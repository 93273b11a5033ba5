"""A TCP proxy on loopback that spoils each connection at an exact byte, as its script says.

Owns the bytes between two sides and the ways in which a network loses them. Must not know what the
bytes mean. One side is *tested*; the other one always gets the chance to act on what has reached
it, so that what it made of that is known when a connection is over.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

import trio

from functional_tests.kit.fault_proxy_tls import SecureSide
from smsp.simulator.loopback import HOST, LoopbackPort

Side = trio.SocketStream | SecureSide

PIECE_BYTES = 64 * 1024
PATIENCE_S = 20.0
"""Longer than anything here may take."""


class Act(Enum):
    """What happens to a connection."""

    RESET = auto()
    """The tested side gets a reset, the other one an end."""
    END = auto()
    """Both sides get an end (FIN). What they still say is read, and dropped."""
    HALF_CLOSE = auto()
    """Who listens in this direction gets an end; the other direction goes on."""
    SILENCE = auto()
    """Nothing more is passed on in this direction; the other one goes on."""
    STALL = auto()
    """Nothing more is passed on in either direction, and nothing is closed."""
    DEAF = auto()
    """Nothing more is even read in this direction, so that the sender's window fills."""


@dataclass(frozen=True, slots=True)
class Way:
    """One direction: pieces are passed on after ``delay_s``, at most ``piece_bytes`` at a time;
    once ``after`` bytes have been, ``then`` happens."""

    after: float = inf
    then: Act = Act.STALL
    delay_s: float = 0.0
    piece_bytes: int = PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Script:
    """What one connection meets: ``there`` from who connects to who accepts, and ``back``."""

    there: Way = Way()
    back: Way = Way()


FAULTLESS = Script()


@dataclass(eq=False)
class Met:
    """One connection: what has been passed on, each way."""

    script: Script
    there: bytearray = field(default_factory=bytearray)
    back: bytearray = field(default_factory=bytearray)
    happened: trio.Event = field(default_factory=trio.Event)
    """An act has been due."""
    over: trio.Event = field(default_factory=trio.Event)
    _released: trio.Event = field(default_factory=trio.Event)

    async def finish(self) -> None:
        """End the connection, if nothing else has. Returns when neither side does anything more
        about it; fails if there was none."""
        self._released.set()
        with trio.fail_after(PATIENCE_S):
            await self.over.wait()

    async def released(self) -> None:
        """Wait for somebody to end the connection."""
        await self._released.wait()


class FaultProxy:
    """A port that leads to another one, with faults on the way.

    ``tests_near``: whether the side that connects is the tested one. With ``near_tls`` it speaks
    TLS, and the bytes that count are those that are said through that. The port stays the same from
    one run to the next; between them it refuses connections.
    """

    def __init__(
        self, far_port: int, *, tests_near: bool, near_tls: ssl.SSLContext | None = None
    ) -> None:
        self._far_port = far_port
        self._near_tls = near_tls
        self._tests_near = tests_near
        self._door = LoopbackPort()
        self._scripts: deque[Met] = deque()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._door.number

    def expect(self, script: Script) -> Met:
        """The next connection that is not spoken for meets this. Others meet no fault."""
        met = Met(script)
        self._scripts.append(met)
        return met

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take connections until cancelled."""
        listening = self._door.listen()
        try:
            async with trio.open_nursery() as connections:
                task_status.started()
                while True:
                    near = await listening.accept()
                    met = self._scripts.popleft() if self._scripts else Met(FAULTLESS)
                    connections.start_soon(self._serve, near, met)
        finally:
            self._scripts.clear()
            self._door.refuse()

    def close(self) -> None:
        """Give the port up."""
        self._door.close()

    async def _serve(self, raw: trio.SocketStream, met: Met) -> None:
        try:
            async with raw, await trio.open_tcp_stream(HOST, self._far_port) as far:
                near = await self._secured(raw)
                act = await _carry(near, far, met)
                if act is Act.STALL:
                    await met.released()
                if act is Act.RESET:
                    _reset(near if self._tests_near else far)
                async with trio.open_nursery() as ends:
                    ends.start_soon(_end, far)
                    async with _until_released(met):
                        await _end(near)
        finally:
            met.over.set()

    async def _secured(self, raw: trio.SocketStream) -> Side:
        if self._near_tls is None:
            return raw
        side = SecureSide(raw, self._near_tls)
        with suppress(trio.BrokenResourceError):  # Then it is broken to whoever reads it, too.
            await side.shake_hands()
        return side


async def _carry(near: Side, far: trio.SocketStream, met: Met) -> Act | None:
    """Pass bytes on until both directions are over, an act ends both, or somebody else does."""
    ended_by: list[Act] = []

    async def one_way(way: Way, source: Side, sink: Side, passed: bytearray) -> None:
        act = await _pass_on(way, source, sink, passed)
        if len(passed) == way.after:
            met.happened.set()
        if act in (Act.RESET, Act.END, Act.STALL):
            ended_by.append(act)
            ways.cancel_scope.cancel()
        if act is Act.DEAF:
            await trio.sleep_forever()
        if act is not Act.SILENCE:
            with suppress(trio.BrokenResourceError):
                await sink.send_eof()
        await _drain(source)

    async with _until_released(met), trio.open_nursery() as ways:
        ways.start_soon(one_way, met.script.there, near, far, met.there)
        ways.start_soon(one_way, met.script.back, far, near, met.back)
    return ended_by[0] if ended_by else None


@asynccontextmanager
async def _until_released(met: Met) -> AsyncIterator[None]:
    """The block is cancelled when somebody ends the connection."""
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            await met.released()
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        yield
        nursery.cancel_scope.cancel()


async def _pass_on(way: Way, source: Side, sink: Side, passed: bytearray) -> Act | None:
    """One direction, until the act that is due, or the source's end."""
    while len(passed) < way.after:
        room = int(min(way.after - len(passed), way.piece_bytes))
        try:
            piece = await source.receive_some(room)
        except trio.BrokenResourceError:
            return None
        if not piece:
            return None
        await trio.sleep(way.delay_s)
        passed += piece
        try:
            await sink.send_all(piece)
        except trio.BrokenResourceError:
            return Act.SILENCE
    return way.then


async def _end(side: Side) -> None:
    """Say no more to this side, and wait for it to do likewise."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await side.send_eof()
        await _drain(side)


async def _drain(side: Side) -> None:
    with suppress(trio.BrokenResourceError):
        while await side.receive_some(PIECE_BYTES):
            pass


def _reset(side: Side) -> None:
    raw = side.raw if isinstance(side, SecureSide) else side
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()
