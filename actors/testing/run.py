"""Runs a trio program once, under one schedule, and says what became of it.

Knows nothing of what is explored and why, of reports or of pytest.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import trio
from trio.testing import MockClock

from actors.testing.decisions import Decision, answers_of
from actors.testing.schedule import Rules, Schedule, installed
from actors.testing.strategies import Strategy
from actors.testing.stuck import Watch
from actors.testing.trio_internals import scheduling

AsyncFn: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one schedule."""

    decisions: Sequence[Decision]
    digest: bytes
    """Equal for two runs exactly if the same tasks made the same steps in the same order."""
    error: BaseException | None
    """Why it failed, taken out of groups of one."""
    trace: Sequence[str]

    @property
    def answers(self) -> list[int]:
        """What replays the run."""
        return answers_of(self.decisions)


def run_schedule(
    async_fn: AsyncFn, strategy: Strategy, rules: Rules, *, traced: bool = False
) -> Run:
    """Run the program once under ``strategy``. Raises only what the rules let through."""
    clock = MockClock(autojump_threshold=0)
    schedule = Schedule(strategy, clock, rules, traced=traced)

    async def program() -> None:
        with installed(schedule):
            await async_fn()

    instruments = [schedule, Watch(schedule, rules.max_steps), *rules.instruments]
    error: BaseException | None = None
    try:
        with scheduling(schedule.split):
            trio.run(program, clock=clock, instruments=instruments)
    except BaseException as raised:  # noqa: BLE001 - whatever a program raises is a finding
        error = raised
    for leaf in (*leaves(error), *leaves(schedule.fault)):
        if isinstance(leaf, rules.let_through):
            raise leaf
    error = schedule.fault or (error and single(error))
    trace = schedule.trace.lines if schedule.trace is not None else ()
    return Run(tuple(schedule.decisions), schedule.digest, error, tuple(trace))


def fails_alike(error: BaseException | None, known: BaseException | None) -> bool:
    """Whether a failure is the known one, or a part of it: of the same types, at the same lines."""
    origins = {_origin(leaf) for leaf in leaves(error)}
    return bool(origins) and origins <= {_origin(leaf) for leaf in leaves(known)}


def single(error: BaseException) -> BaseException:
    """The exception inside groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def leaves(error: BaseException | None) -> list[BaseException]:
    """The exceptions in a group, groups inside it included; or the one exception; or none."""
    match error:
        case None:
            return []
        case BaseExceptionGroup():
            return [leaf for inner in error.exceptions for leaf in leaves(inner)]
        case _:
            return [error]


def _origin(error: BaseException) -> tuple[type[BaseException], str, int]:
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    place = (frames[0].filename, frames[0].lineno or 0) if frames else ("", 0)
    return (type(error), *place)
