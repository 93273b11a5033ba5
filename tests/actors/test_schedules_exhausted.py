"""The core situations again, under *every* schedule of at most three delays.

A task passed over, a clock that jumps early and an asker who leaves count as one delay each. The
bound covers whatever three ill-timed steps can bring about.
"""

from __future__ import annotations

import pytest

from actors.testing.run import AsyncFn
from tests.actors import test_schedules_core as core
from tests.kit.situations import exhausted, situations

DELAYS = 3
SCHEDULES_MAX = 5_000
CORE = situations(core)


@pytest.mark.parametrize("situation", CORE.values(), ids=CORE)
def test_no_schedule_within_the_bound_breaks_it(situation: AsyncFn):
    """Nothing is sampled here: the exploration says that no schedule is left."""
    report = exhausted(situation, delays=DELAYS, schedules=SCHEDULES_MAX)
    assert report.failure is None, report
    assert report.exhausted
