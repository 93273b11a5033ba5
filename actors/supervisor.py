"""Keeps the actors running: one for one, with an intensity, a quarantine and an orderly end.

An actor that crashes begins anew at once. More than ``intensity`` crashes within ``period_s``
and it is quarantined, for ``quarantine_s`` or until an operator's order, then gets one more try.
When every actor is quarantined nothing is left to serve, and ``run`` raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Protocol

import trio

from actors.notices import Snapshot


class Actor(Protocol):
    """What is supervised: a :class:`actors.circuit.Circuit` of any question and answer."""

    name: str
    snapshot: Snapshot

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None: ...

    def begin_anew(self, error: BaseException) -> None: ...

    def quarantine(self, error: BaseException, until: float) -> None: ...

    async def sit_out(self, until: float) -> None: ...

    def retire(self) -> None: ...

    def drain(self) -> None: ...

    def cut(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Intensity:
    """How often an actor may crash, after Erlang/OTP's supervisors; times in seconds."""

    restarts_max: int = 5
    period_s: float = 30.0
    quarantine_s: float = 600.0


class AllQuarantined(Exception):
    """Every actor crashed too often: only a new process can help."""


class Supervisor:
    """Runs actors until they have drained."""

    def __init__(self, actors: Iterable[Actor], intensity: Intensity = Intensity()) -> None:
        self._actors = tuple(actors)
        self._intensity = intensity
        self._quarantined = 0
        self._finished = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start every actor, then keep each running until it has drained.

        Reports started when all actors have published their first snapshot. Raises
        ``AllQuarantined`` (in an exception group) when no actor is left to serve.
        """
        try:
            async with trio.open_nursery() as nursery:
                for actor in self._actors:
                    await nursery.start(self._keep, actor)
                task_status.started()
        finally:
            for actor in self._actors:
                actor.retire()
            self._finished.set()

    async def drain(self, timeout_s: float = inf) -> bool:
        """Let every actor finish what runs; true if all did within ``timeout_s`` seconds.

        Past that, everybody who still waits is answered by what is known.
        """
        for actor in self._actors:
            actor.drain()
        with trio.move_on_after(timeout_s):
            await self._finished.wait()
            return True
        self.cut()
        await self._finished.wait()
        return False

    def cut(self) -> None:
        """Answer everybody who waits by what is known now, and end."""
        for actor in self._actors:
            actor.cut()

    async def _keep(
        self, actor: Actor, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        crashes: deque[float] = deque(maxlen=self._intensity.restarts_max + 1)
        while True:
            error = await _crash_of(actor, task_status)
            if error is None:
                return
            task_status = trio.TASK_STATUS_IGNORED
            crashes.append(trio.current_time())
            too_often = (
                len(crashes) == crashes.maxlen
                and crashes[-1] - crashes[0] <= self._intensity.period_s
            )
            # One that is leaving anyway has no quarantine to sit out.
            if too_often and not actor.snapshot.draining:
                crashes.clear()
                await self._quarantine(actor, error)
            else:
                actor.begin_anew(error)

    async def _quarantine(self, actor: Actor, error: BaseException) -> None:
        until = trio.current_time() + self._intensity.quarantine_s
        self._quarantined += 1
        actor.quarantine(error, until)
        if self._quarantined == len(self._actors):
            raise AllQuarantined(f"{actor.name} was the last actor running") from error
        await actor.sit_out(until)
        self._quarantined -= 1


async def _crash_of(actor: Actor, task_status: trio.TaskStatus[None]) -> Exception | None:
    """Run the actor to its end; the error if it crashed. A cancellation passes through."""
    crash: Exception | None = None
    try:
        await actor.run(task_status=task_status)
    except* Exception as group:  # noqa: BLE001 - the supervisor is where an actor's bugs end up
        crash = group
    return crash
