"""Counts what became of the mutants, for one line at the end of the run."""

from __future__ import annotations

from collections import Counter

import pytest

SCORE = pytest.StashKey[Counter[str]]()


@pytest.fixture
def score(pytestconfig: pytest.Config) -> Counter[str]:
    """How many mutants there were, were killed, and were killed only out of the plain order."""
    return pytestconfig.stash.setdefault(SCORE, Counter())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say it."""
    score = config.stash.get(SCORE, None)
    if score is not None:
        terminalreporter.write_line(
            f"mutations: {score['killed']} of {score['mutants']} killed, "
            f"{score['hidden']} of them hidden by the plain order of tasks"
        )
