"""What the explorer promises of real bugs: each classic race is found, each repair is let be."""

import pytest

from actors.testing import explore, replay
from actors.testing.report import Report
from tests.actors.testing.gallery import GALLERY, Exhibit

exhibits = pytest.mark.parametrize("exhibit", GALLERY.values(), ids=GALLERY.keys())


@exhibits
def test_the_plain_order_hides_every_race(exhibit: Exhibit) -> None:
    """Each race passes when tasks run first come, first served: an ordinary test misses it."""
    assert explore(exhibit.broken, schedules=1).failure is None


@exhibits
@pytest.mark.parametrize("seed", range(10))
def test_every_race_is_found_by_default(exhibit: Exhibit, seed: int) -> None:
    """Each race is found within the default number of schedules, whatever the base seed."""
    report = explore(exhibit.broken, seed=seed, timer_races=exhibit.timer_races)
    assert isinstance(error_of(report), exhibit.error)


@exhibits
def test_every_race_is_found_by_dfs_with_few_delays(exhibit: Exhibit) -> None:
    """Depth first finds each race too, and the schedule it prints has at most three deviations."""
    report = explore(
        exhibit.broken,
        strategy="dfs",
        delays=3,
        schedules=10_000,
        timer_races=exhibit.timer_races,
    )
    assert isinstance(error_of(report), exhibit.error)
    assert report.token is not None
    assert report.token.count("=") <= 3


@exhibits
def test_every_found_race_is_replayed(exhibit: Exhibit) -> None:
    """The token of a found race fails again, in the same way."""
    found = explore(exhibit.broken, timer_races=exhibit.timer_races)
    assert found.token is not None
    assert isinstance(error_of(replay(exhibit.broken, found.token)), exhibit.error)


@exhibits
def test_no_repair_is_accused(exhibit: Exhibit) -> None:
    """The fixed twin of each race passes under the default schedules."""
    report = explore(exhibit.fixed, timer_races=exhibit.timer_races)
    assert report.failure is None, report
    assert report.schedules == 300


@exhibits
def test_every_repair_holds_within_the_bound(exhibit: Exhibit) -> None:
    """The fixed twin of each race passes every schedule of at most two delays."""
    report = explore(
        exhibit.fixed,
        strategy="dfs",
        delays=2,
        schedules=10_000,
        timer_races=exhibit.timer_races,
    )
    assert report.failure is None, report
    assert report.exhausted


def error_of(report: Report) -> BaseException:
    assert report.failure is not None, report
    return report.failure.error
