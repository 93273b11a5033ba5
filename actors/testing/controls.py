"""What a program under test may ask of the explorer: more things that can go either way.

Every function raises RuntimeError outside a run of the explorer.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator

import trio

from actors.testing.decisions import Kind
from actors.testing.schedule import current_schedule

_SEEDS = 1 << 16


@contextlib.contextmanager
def cancellable() -> Iterator[trio.CancelScope]:
    """A cancel scope that the explorer may cancel whenever any task has made a step.

    It stands for a caller that may give up at any moment. In the plain order it never does.
    """
    schedule = current_schedule()
    with trio.CancelScope() as scope:
        schedule.cancellable.append(scope)
        try:
            yield scope
        finally:
            schedule.cancellable.remove(scope)


def choose(options: int) -> int:
    """A number in ``range(options)`` of the explorer's choice; 0 in the plain order.

    The dfs strategy tries them all. Raises ValueError if there is none to choose.
    """
    if options < 1:
        msg = f"cannot choose from {options} options"
        raise ValueError(msg)
    schedule = current_schedule()
    choice = schedule.decide(Kind.CHOICE, options)
    schedule.note(f"choose({options}) is {choice}")
    return choice


def rng() -> random.Random:
    """A source of random numbers whose seed belongs to the schedule, to be injected.

    The seed is sampled by random and pct. To dfs it is fixed: use ``choose`` for what should be
    tried exhaustively.
    """
    seed = current_schedule().decide(Kind.SEED, _SEEDS)
    return random.Random(seed)  # noqa: S311 - schedules, not secrets


@contextlib.contextmanager
def always(check: Callable[[], object]) -> Iterator[None]:
    """An invariant: ``check()`` is called now, after every step of any task, and at the end.

    It fails the schedule by raising or by returning False; anything else is a pass. Its first
    failure counts, and ends the run. It is called between the steps, so it must be quick, must
    not change what it looks at, and cannot use trio but for ``trio.current_time()``.
    """
    schedule = current_schedule()

    def holds() -> None:
        if check() is False:
            msg = f"the invariant {getattr(check, '__qualname__', check)} does not hold"
            raise AssertionError(msg)

    holds()
    schedule.checks.append(holds)
    try:
        yield
        holds()
    finally:
        schedule.checks.remove(holds)
