"""Deterministic schedules for any trio program: a bug of concurrency becomes a plain test failure.

As a pytest plugin::

    @pytest.mark.schedules(300)
    async def test_two_askers_share_one_probe(): ...

or from plain code::

    report = explore(program, schedules=300)
    assert report.failure is None, report

Imports the standard library, trio and, in the plugin only, pytest and pytest-trio. It is a tool
for tests: no product imports it.
"""

from actors.testing.controls import always, cancellable, choose, rng
from actors.testing.explorer import NotReproducible, explore, replay
from actors.testing.report import FailedSchedule, Report
from actors.testing.stuck import Deadlock, Livelock

__all__ = [
    "Deadlock",
    "FailedSchedule",
    "Livelock",
    "NotReproducible",
    "Report",
    "always",
    "cancellable",
    "choose",
    "explore",
    "replay",
    "rng",
]
