"""A world in which time passes without anybody waiting: for programs on a ``LoopClock``.

What is to come from outside, and when the machine stands still, is said beforehand; sleeping moves
the world on. Each run has an order of steps of its own, drawn from a seed: a task that could run
may be passed over any number of times, as in the schedule explorer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TypeVar

import trio
from trio.lowlevel import Task

from actors import LoopClock
from actors.testing.trio_internals import scheduling

T = TypeVar("T")
END_S = 10_000.0
"""No program takes so long, in seconds of the world."""


LOOKS_MAX = 100_000
GRAIN_S = 1e-6
"""Less than this does not pass, or rounding would make the last moment before a deadline last."""


class World:
    """Time outside, from 0 on, in seconds. ``stops`` are moments at which the machine stands still,
    and for how long."""

    def __init__(self, *stops: tuple[float, float]) -> None:
        self.now = 0.0
        self._looks = 0
        self._stops = sorted(stops)
        self._order = count()
        self._to_come: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, when: float, happens: Callable[[], object]) -> None:
        """Something arrives from outside: whoever waits for it can go on after the next look."""
        heappush(self._to_come, (when, next(self._order), happens))

    def work(self, seconds: float) -> None:
        """Let a turn of the loop take so long."""
        self._pass_to(self.now + seconds)

    def sleep(self, seconds: float) -> None:
        """Until something comes, or for so long."""
        wakes_at = self.now + max(seconds, GRAIN_S)
        if self._to_come:
            wakes_at = min(wakes_at, max(self.now, self._to_come[0][0]))
        self._pass_to(wakes_at)

    def look(self) -> None:
        """Let everything happen that has come by now."""
        self._looks += 1
        while self._to_come and self._to_come[0][0] <= self.now:
            heappop(self._to_come)[2]()

    def check(self) -> None:
        """Fail if this has no end."""
        assert self.now < END_S, "nothing will ever happen any more"
        assert self._looks < LOOKS_MAX, "time does not pass any more"

    def _pass_to(self, when: float) -> None:
        while self._stops and self._stops[0][0] <= when:
            stops_at, seconds = self._stops.pop(0)
            self.now = max(self.now, stops_at) + seconds
        self.now = max(self.now, when)


class WorldClock(LoopClock):
    """A ``LoopClock`` in a world: trio is told not to sleep, and the world moves on instead."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.now)
        self.world = world
        self._meant_s = 0.0

    def current_time(self) -> float:
        self.world.check()
        return super().current_time()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        self._meant_s = max(0.0, super().deadline_to_sleep_time(deadline))
        self.world.sleep(self._meant_s)
        return 0.0

    def after_io_wait(self, timeout: float) -> None:
        assert timeout == 0.0
        self.world.look()
        super().after_io_wait(self._meant_s)
        self._meant_s = 0.0


def live(program: Callable[[], Awaitable[T]], world: World, seed: int | None = None) -> T:
    """Run the program in this world, step by step in an order of its own; without a ``seed`` in
    trio's rounds."""
    clock = WorldClock(world)
    if seed is None:
        return trio.run(program, clock=clock)
    random = Random(seed)

    def split(batch: list[Task]) -> tuple[list[Task], list[Task]]:
        later = list(batch)
        now = [later.pop(random.randrange(len(later)))] if later else []
        return now, later

    with scheduling(split):
        return trio.run(program, clock=clock)


async def until(world: World, when: float) -> None:
    """Wait for a moment outside, as somebody does who lives there: no deadline of ours hurries
    it, and no stop of ours delays it."""
    come = trio.Event()
    world.at(when, come.set)
    await come.wait()


class Arrivals:
    """What comes through a wire, piece by piece. ``take`` waits for the next."""

    def __init__(self, world: World, *pieces: tuple[float, T]) -> None:
        self._send, self._receive = trio.open_memory_channel[T](len(pieces))
        for when, piece in pieces:
            world.at(when, lambda piece=piece: self._send.send_nowait(piece))

    async def take(self) -> T:
        """The next piece."""
        return await self._receive.receive()


async def steps(number: int) -> None:
    """So many steps of work, each of which lets others run."""
    for _ in range(number):
        await trio.lowlevel.checkpoint()
