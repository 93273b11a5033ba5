"""Tests that are explored under many schedules, as programs to be explored in other ways too."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from actors.testing import Report, explore
from actors.testing.run import AsyncFn


def situations(*modules: ModuleType) -> dict[str, AsyncFn]:
    """The tests marked ``schedules`` that take no arguments, by name."""
    return {
        name: test
        for module in modules
        for name, test in vars(module).items()
        if name.startswith("test_") and marked(test) and not inspect.signature(test).parameters
    }


def sampled(test: AsyncFn) -> Report:
    """Explore it just as its marker says."""
    mark = marked(test)
    assert mark is not None
    return explore(test, **dict(zip(("schedules",), mark.args, strict=False)), **mark.kwargs)


def exhausted(test: AsyncFn, *, delays: int, schedules: int) -> Report:
    """Explore every schedule of at most so many delays, unless there are too many."""
    mark = marked(test)
    assert mark is not None
    races = mark.kwargs.get("timer_races", 0)
    return explore(test, strategy="dfs", delays=delays, schedules=schedules, timer_races=races)


def marked(test: AsyncFn) -> pytest.Mark | None:
    """The marker ``schedules`` of a test function."""
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return next((mark for mark in marks if mark.name == "schedules"), None)
