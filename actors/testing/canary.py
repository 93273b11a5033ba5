"""Counts whether this trio still lets itself be scheduled.

Three tasks of three steps each can run in 9! / (3!)^3 = 1,680 orders. If dfs reaches exactly
those, each in exactly one schedule, the private parts of trio mean what ``trio_internals.py``
takes them to mean.
"""

from __future__ import annotations

import functools
from typing import Protocol

import trio

from actors.testing.explorer import explore
from actors.testing.report import Report
from actors.testing.run import AsyncFn
from actors.testing.strategies import StrategyName

ORDERS = 1_680
_TASKS = 3
_STEPS = 3


class Explore(Protocol):
    """The part of ``explore`` that counting needs."""

    def __call__(
        self, program: AsyncFn, /, *, strategy: StrategyName, schedules: int, delays: int
    ) -> Report:
        """Explore the schedules of the program."""


class SchedulerChanged(Exception):
    """This release of trio runs its tasks in another way than the explorer knows."""


@functools.cache
def scheduler_fault() -> str | None:
    """What is wrong with the scheduler of this trio, asked once in a process; it takes a second."""
    try:
        check_scheduler(explore)
    except SchedulerChanged as changed:
        return str(changed)
    return None


def check_scheduler(explore: Explore) -> None:
    """Raise SchedulerChanged unless dfs reaches every order, and none of them twice."""
    orders: set[tuple[int, ...]] = set()

    async def program() -> None:
        order: list[int] = []
        async with trio.open_nursery() as nursery:
            for task in range(_TASKS):
                nursery.start_soon(_step, task, order)
        orders.add(tuple(order))

    try:
        report = explore(program, strategy="dfs", schedules=2 * ORDERS, delays=ORDERS)
    except Exception as error:
        raise SchedulerChanged(_message(f"{error!r}")) from error
    if report.failure is not None:
        raise SchedulerChanged(_message(str(report.failure)))
    if not len(orders) == report.schedules == ORDERS:
        counted = f"{len(orders):,} orders in {report.schedules:,} schedules"
        raise SchedulerChanged(_message(counted))


async def _step(task: int, order: list[int]) -> None:
    for step in range(_STEPS):
        if step:
            await trio.lowlevel.checkpoint()
        order.append(task)


def _message(found: str) -> str:
    return (
        f"trio {trio.__version__} changed its scheduler: instead of {ORDERS:,} orders in as many "
        f"schedules, the explorer found {found}"
    )
