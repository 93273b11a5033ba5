"""The pytest plugin: ``@pytest.mark.schedules`` and its options on the command line.

Owns what a marked test is, which schedules it gets, and how a failure is shown. Leaves the
exploring to ``explorer.py``, trio fixtures to ``fixtures.py`` and counting to ``summary.py``.
pytest-trio is optional: without it a marked test has no trio fixtures.
"""

from __future__ import annotations

import functools
import inspect
import re
import shlex
from argparse import ArgumentTypeError
from collections.abc import Awaitable, Callable, Generator
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import NoReturn

import pytest
from trio.abc import Instrument

from actors.testing.canary import scheduler_fault
from actors.testing.decisions import Token
from actors.testing.explorer import DOES_NOT_FIT, SCHEDULES, Exploration, NotReproducible
from actors.testing.report import FailedSchedule, Report, summary
from actors.testing.run import AsyncFn
from actors.testing.schedule import MAX_STEPS, Rules
from actors.testing.strategies import Plan, StrategyName, just, plan_for, strategy_for
from actors.testing.stuck import Stuck
from actors.testing.summary import Summary

DFS_SCHEDULES = 10_000
"""The bound of a dfs test that names none: dfs is meant to end by itself."""

_NO_FINDING = (
    KeyboardInterrupt,
    SystemExit,
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
)
_TEST = pytest.StashKey[Callable[..., Awaitable[object]]]()
_SUMMARY = pytest.StashKey[Summary]()


@dataclass(frozen=True, slots=True)
class Mark:
    """The arguments of ``@pytest.mark.schedules(...)``; see ``explore`` for what they mean."""

    schedules: int | None = None
    _: KW_ONLY
    strategy: StrategyName = "auto"
    delays: int = 2
    timer_races: int = 0
    seed: int | str = 0
    max_steps: int = MAX_STEPS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line options."""
    group = parser.getgroup("schedules", "deterministic schedules of trio tests")
    group.addoption(
        "--schedules",
        type=_count,
        metavar="N",
        help="schedules for each marked test; 0: the plain order only",
    )
    group.addoption(
        "--schedule-seed",
        type=_seed,
        metavar="SEED",
        help="run just the schedule of this seed, such as pct:3:60:17; a number: the base seed",
    )
    group.addoption(
        "--schedule-replay",
        type=_token,
        metavar="TOKEN",
        help="run just the schedule of this token, out of a failure, and show its whole trace",
    )
    group.addoption(
        "--schedule-seconds",
        type=_seconds,
        default=inf,
        metavar="S",
        help="begin no further schedule of a test after this many seconds",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and begin to count."""
    config.addinivalue_line(
        "markers",
        "schedules(schedules=300, *, strategy='auto', delays=2, timer_races=0, seed=0, "
        "max_steps=10000): run this async test under many schedules (actors.testing)",
    )
    config.stash[_SUMMARY] = Summary()
    config.pluginmanager.register(config.stash[_SUMMARY])


def pytest_itemcollected(item: pytest.Item) -> None:
    """The marker alone is enough: it makes a trio test of an ``async def``."""
    is_marked = item.get_closest_marker("schedules") is not None
    if is_marked and _is_async(item) and item.config.pluginmanager.hasplugin("trio"):
        item.add_marker("trio")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Remember the test function before pytest-trio wraps it in a trio run of its own."""
    __tracebackhide__ = True
    if isinstance(item, pytest.Function) and _is_async(item):
        item.stash[_TEST] = item.obj
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Explore a marked test in place of running it once."""
    __tracebackhide__ = True
    marker = pyfuncitem.get_closest_marker("schedules")
    if marker is None:
        return None
    test = pyfuncitem.stash.get(_TEST, None)
    if test is None:
        if marker in pyfuncitem.own_markers:
            pytest.fail("a test marked schedules must be an async def", pytrace=False)
        return None  # a marked module or class may hold plain tests too
    fault = scheduler_fault()
    if fault is not None:
        pytest.fail(fault, pytrace=False)
    report = _explored(pyfuncitem, _program(pyfuncitem, test), marker)
    pyfuncitem.config.stash[_SUMMARY].record(pyfuncitem, report)
    if report.failure is not None:
        _show(pyfuncitem, report.failure)
    return True


def _program(item: pytest.Function, test: Callable[..., Awaitable[object]]) -> AsyncFn:
    """The test with its arguments, and trio fixtures around it if there can be any."""
    names = inspect.signature(test).parameters
    arguments = {name: item.funcargs[name] for name in names if name in item.funcargs}
    if not item.config.pluginmanager.hasplugin("trio"):
        return functools.partial(test, **arguments)
    from actors.testing.fixtures import run_with_fixtures  # noqa: PLC0415 - needs pytest-trio

    return functools.partial(run_with_fixtures, test, arguments)


def _explored(item: pytest.Function, program: AsyncFn, marker: pytest.Mark) -> Report:
    config = item.config
    try:
        mark = Mark(*marker.args, **marker.kwargs)
        plan, schedules = _plan(config, mark)
    except (TypeError, ValueError) as error:
        pytest.fail(f"@pytest.mark.schedules: {error}", pytrace=False)
    token: Token | None = config.getoption("schedule_replay")
    exploration = Exploration(program, _rules(item, mark, token))
    if token is None:
        return exploration.explore(plan, schedules, config.getoption("schedule_seconds"))
    report = exploration.replay(token.answers)
    trace = report.trace if report.fits else [DOES_NOT_FIT, *report.trace]
    item.add_report_section("call", "schedule", "\n".join(trace))
    return report


def _rules(item: pytest.Function, mark: Mark, token: Token | None) -> Rules:
    return Rules(
        timer_races=mark.timer_races if token is None else token.timer_races,
        max_steps=mark.max_steps,
        instruments=[value for value in item.funcargs.values() if isinstance(value, Instrument)],
        let_through=_NO_FINDING,
    )


def _plan(config: pytest.Config, mark: Mark) -> tuple[Plan, int]:
    """The schedules to try and their greatest number; the command line goes before the mark."""
    schedules: int | None = config.getoption("schedules")
    if schedules is None:
        schedules = mark.schedules
    if schedules is None:
        schedules = DFS_SCHEDULES if mark.strategy == "dfs" else SCHEDULES
    seed: int | str | None = config.getoption("schedule_seed")
    if seed is None:
        seed = mark.seed
    if schedules == 0:
        return just("plain"), 1
    if isinstance(seed, str):
        return just(seed), 1
    return plan_for(mark.strategy, seed=seed, delays=mark.delays), schedules


def _show(item: pytest.Function, failure: FailedSchedule) -> NoReturn:
    """Fail with the program's own exception, so that pytest shows it as it shows any other."""
    __tracebackhide__ = True
    replay = f"pytest --schedule-replay '{failure.token}' -k {_keyword(item)}"
    is_replay = item.config.getoption("schedule_replay") is not None
    story = failure.describe(replay, whole=is_replay)
    if isinstance(failure.error, Stuck | NotReproducible):
        pytest.fail(f"{summary(failure.error)}\n{story}", pytrace=False)
    failure.error.add_note(story)
    raise failure.error


def _keyword(item: pytest.Function) -> str:
    """The test's name, or its function's where ``-k`` could not read the name."""
    return shlex.quote(item.name if _KEYWORD.fullmatch(item.name) else item.originalname)


_KEYWORD = re.compile(r"[\w:+.\[\]\\/-]+")


def _is_async(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj)


def _count(text: str) -> int:
    if not text.isdecimal():
        msg = f"{text!r} is not a number of schedules"
        raise ArgumentTypeError(msg)
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is not a number of seconds"
        raise ArgumentTypeError(msg) from None


def _seed(text: str) -> int | str:
    try:
        return int(text) if text.isdecimal() else strategy_for(text).name
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _token(text: str) -> Token:
    try:
        return Token.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
