"""Counts, over a test session, what the explored tests took, for one line at its end.

The numbers travel as a property of the test's report, so that they arrive from the worker
processes of pytest-xdist too.
"""

from __future__ import annotations

from typing import TypedDict, cast

import pytest

from actors.testing.report import Report

_PROPERTY = "schedules"


class Numbers(TypedDict):
    """What is counted of one test."""

    schedules: int
    seconds: float
    exhausted: bool
    reproducible: bool


class Summary:
    """A pytest plugin of its own, one for each session."""

    def __init__(self) -> None:
        self._by_test: dict[str, Numbers] = {}

    def record(self, item: pytest.Item, report: Report) -> None:
        """Attach the numbers of an explored test to its report."""
        numbers = Numbers(
            schedules=report.schedules,
            seconds=report.seconds,
            exhausted=report.exhausted,
            reproducible=report.reproducible,
        )
        item.user_properties.append((_PROPERTY, numbers))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the numbers of a test that was run, here or in a worker."""
        if report.when == "call":
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    self._by_test[report.nodeid] = cast("Numbers", value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it in one line, and name the tests that no schedule determines."""
        if not self._by_test:
            return
        terminalreporter.write_line(_line(list(self._by_test.values())))
        for test, numbers in self._by_test.items():
            if not numbers["reproducible"]:
                terminalreporter.write_line(f"schedules: not reproducible: {test}")


def _line(tests: list[Numbers]) -> str:
    schedules = sum(numbers["schedules"] for numbers in tests)
    seconds = sum(numbers["seconds"] for numbers in tests)
    exhausted = sum(numbers["exhausted"] for numbers in tests)
    speed = schedules / max(seconds, 1e-9)
    return (
        f"schedules: {_count(len(tests), 'test')}, {_count(schedules, 'schedule')}, "
        f"{speed:,.0f}/s, {exhausted:,} exhausted"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
