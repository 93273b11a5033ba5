"""What all tests share: Hypothesis draws the same examples in every run, at whatever speed, and the
mutants are counted at the end.

``--hypothesis-profile nightly`` draws many more examples, and others each night.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.kit.mutations import score

settings.register_profile(
    "smsp",
    max_examples=40,
    deadline=None,  # timings belong in a benchmark
    derandomize=True,  # a red build is the code's fault
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly", parent=settings.get_profile("smsp"), max_examples=2000, derandomize=False
)
settings.load_profile("smsp")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are no words are named by their number: what they hold may differ from one
    worker's collection to the next (a compressor writes the time), and nobody can read it."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what became of the mutants."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    line = score(report.user_properties for report in reports)
    if line is not None:
        terminalreporter.write_line(line)
