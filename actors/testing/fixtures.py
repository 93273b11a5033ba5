"""Owns every part of pytest-trio that the plugin leans on: fresh trio fixtures for each schedule.

pytest runs a fixture once for a test. Of a trio fixture it gets a placeholder, and pytest-trio
sets the fixture up when the test runs, inside the trio run. A placeholder can be used once, so
each schedule gets copies. They are started and torn down in a fixed order, where pytest-trio
keeps them in sets, because the order of a set of objects differs from process to process.

What is no trio fixture is as pytest made it: one value for all schedules. Clocks are the
exception: ``mock_clock`` and ``autojump_clock`` become the clock of the schedule.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence

import trio
from pytest_trio.plugin import (  # type: ignore[import-untyped]  # pytest-trio 0.8 has no types
    TrioFixture,
    TrioTestContext,
    canary,
)
from trio.testing import MockClock


async def run_with_fixtures(
    test: Callable[..., Awaitable[object]], arguments: Mapping[str, object]
) -> None:
    """Run a test inside trio, its trio fixtures set up afresh around it."""
    copies = _Copies()
    fresh = copies.of_all(arguments)
    if not copies.fixtures:
        await test(**fresh)
        return
    body = TrioFixture("<test>", test, fresh, is_test=True)
    body.user_done_events = []
    await _run([*copies.fixtures, body])


class _Copies:
    """Copies of trio fixtures, each made once, after those that it depends on."""

    def __init__(self) -> None:
        self.fixtures: list[TrioFixture] = []
        self._by_original: dict[TrioFixture, TrioFixture] = {}

    def of_all(self, arguments: Mapping[str, object]) -> dict[str, object]:
        return {name: self._of(value) for name, value in arguments.items()}

    def _of(self, value: object) -> object:
        match value:
            case MockClock():
                return _current_clock_like(value)
            case TrioFixture():
                if value not in self._by_original:
                    self._by_original[value] = self._of_fixture(value)
                return self._by_original[value]
            case _:
                return value

    def _of_fixture(self, original: TrioFixture) -> TrioFixture:
        arguments = self.of_all(original._pytest_kwargs)
        copy = TrioFixture(original.name, original._func, arguments)
        copy.user_done_events = []
        self.fixtures.append(copy)
        return copy


async def _run(fixtures: Sequence[TrioFixture]) -> None:
    """Run the test, which comes last, in the midst of its fixtures."""
    for user in fixtures:
        for used in user._pytest_kwargs.values():
            if isinstance(used, TrioFixture):
                used.user_done_events.append(user._teardown_done)
    outcome = TrioTestContext()
    variables = contextvars.copy_context()
    variables.run(canary.set, "in correct context")
    async with trio.open_nursery() as nursery:
        for fixture in fixtures:
            nursery.start_soon(fixture.run, outcome, variables, name=fixture.name)
    _raise_errors(outcome, fixtures)


def _raise_errors(outcome: TrioTestContext, fixtures: Sequence[TrioFixture]) -> None:
    silent = outcome.fixtures_with_cancel - outcome.fixtures_with_errors
    errors: list[BaseException] = [
        *outcome.error_list,
        *(
            RuntimeError(f"{fixture.name} cancelled the test but raised no error")
            for fixture in fixtures
            if fixture in silent
        ),
    ]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        msg = "errors in the test and its trio fixtures"
        raise BaseExceptionGroup(msg, errors)


def _current_clock_like(original: MockClock) -> MockClock:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)
    clock.rate = original.rate
    clock.autojump_threshold = original.autojump_threshold
    return clock
