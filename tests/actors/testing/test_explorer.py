"""``explore`` and ``replay``: what they run, when they stop, and what they say."""

import itertools
import random

import pytest
import trio
from trio._core import _run

from actors.testing import FailedSchedule, NotReproducible, Report, explore, replay
from tests.actors.testing.gallery import double_probe


async def racy() -> None:
    """Fails in some schedules, not in the plain one."""
    await double_probe(True)


async def sound() -> None:
    """Has two tasks, and no bug."""
    await double_probe(False)


def test_a_sound_program_is_run_as_often_as_asked() -> None:
    """Without a failure every schedule of the budget is run."""
    report = explore(sound, schedules=40)
    assert (report.schedules, report.failure, report.seed, report.token) == (40, None, None, None)
    assert 1 < report.distinct <= 40
    assert report.seconds > 0
    assert not report.exhausted


def test_a_failure_is_returned_not_raised() -> None:
    """The report holds the program's own exception, a seed and a token."""
    report = explore(racy)
    failure = failure_of(report)
    assert isinstance(failure.error, AssertionError)
    assert report.seed is not None
    assert report.seed.startswith(("random:", "pct:"))
    assert report.token == failure.token


def test_the_seed_of_a_failure_is_that_one_schedule() -> None:
    """A seed out of a report finds the failure at once, and shrinks it to the same token."""
    found = explore(racy)
    assert found.seed is not None
    again = explore(racy, seed=found.seed)
    assert (again.schedules, again.token) == (1, found.token)


def test_the_token_of_a_failure_replays_it() -> None:
    """One run, the same failure, and every step of it in the trace."""
    found = explore(racy)
    assert found.token is not None
    again = replay(racy, found.token)
    assert again.schedules == 1
    assert isinstance(failure_of(again).error, AssertionError)
    assert any("goes before" in line for line in again.trace)
    assert again.fits


def test_a_token_of_a_repaired_program_passes() -> None:
    """After the fix the token is harmless."""
    found = explore(racy)
    assert found.token is not None
    assert replay(sound, found.token).failure is None


def test_a_token_of_another_program_does_not_fit() -> None:
    """It is said when a token asks for more than the program does."""
    report = replay(sound, "s0:500=3")
    assert report.failure is None
    assert not report.fits


def test_the_story_of_a_failure_is_whole() -> None:
    """How it was found, how far it was shrunk, how to see it again, and who ran where."""
    story = str(explore(racy, strategy="pct"))
    assert "AssertionError" in story
    assert "gallery.py" in story
    assert "deviations in" in story
    assert "replay(async_fn, 's0:" in story
    assert "#1 ask  from gallery.py:" in story
    assert "#2 ask goes before #1 ask" in story


def test_a_failure_of_the_plain_order_is_found_first() -> None:
    """What always fails needs no deviation to show it."""

    async def wrong() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)
            nursery.start_soon(trio.lowlevel.checkpoint)
        raise LookupError("always")

    report = explore(wrong)
    assert (report.schedules, report.seed, report.token) == (1, "plain", "s0:")


def test_an_error_is_taken_out_of_groups_of_one() -> None:
    """A nursery wraps what its tasks raise; the report shows what they raised."""

    async def wrong() -> None:
        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as inner:
                inner.start_soon(_raise, KeyError("k"))
            outer.start_soon(trio.sleep, 1)

    assert isinstance(failure_of(explore(wrong)).error, KeyError)


def test_a_group_of_several_errors_stays_a_group() -> None:
    """No error is thrown away to make a report look simple."""

    async def wrong() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_raise, KeyError("k"))
            nursery.start_soon(_raise, ValueError("v"))

    assert isinstance(failure_of(explore(wrong)).error, ExceptionGroup)


def test_dfs_says_when_its_bound_is_exhausted() -> None:
    """Every schedule once, each of them a different order."""
    report = explore(sound, strategy="dfs", delays=3)
    assert report.exhausted
    assert report.schedules == report.distinct < 300


def test_dfs_does_not_claim_what_its_budget_cut_off() -> None:
    """With schedules left to try, nothing is exhausted."""
    report = explore(sound, strategy="dfs", delays=3, schedules=2)
    assert report.schedules == 2
    assert not report.exhausted


def test_a_failing_dfs_schedule_has_no_seed() -> None:
    """Its token says it all."""
    report = explore(racy, strategy="dfs", delays=3)
    assert report.seed is None
    assert report.token is not None


@pytest.mark.parametrize("strategy", ["auto", "random", "pct", "dfs"])
def test_every_run_has_virtual_time(strategy: str) -> None:
    """An hour of sleep takes no time, and starts at nought in every schedule."""
    ends: list[float] = []

    async def sleepers() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1800)
            nursery.start_soon(trio.sleep, 3600)
        ends.append(trio.current_time())

    report = explore(sleepers, strategy=strategy, schedules=20)
    assert report.failure is None
    assert set(ends) == {3600}


def test_a_timeout_races_only_if_asked_to() -> None:
    """By default the clock waits for whoever is runnable; a timer race lets it go ahead."""

    async def busy_within_a_second() -> None:
        with trio.fail_after(1):
            for _ in range(20):
                await trio.lowlevel.checkpoint()

    assert explore(busy_within_a_second).failure is None
    report = explore(busy_within_a_second, timer_races=1)
    assert isinstance(failure_of(report).error, trio.TooSlowError)
    assert any("the clock jumps 1 s" in line for line in report.trace)


def test_what_decides_outside_the_scheduler_is_noticed_in_a_failure() -> None:
    """A failure that does not come back is shown all the same, with a warning."""
    runs = itertools.count()

    async def moody() -> None:
        for _ in range(next(runs)):
            await trio.lowlevel.checkpoint()
        assert next(runs) < 9

    report = explore(moody)
    failure = failure_of(report)
    assert isinstance(failure.error, AssertionError)
    assert not report.reproducible
    assert "NOT REPRODUCIBLE" in str(failure)


def test_what_decides_outside_the_scheduler_is_noticed_in_a_success() -> None:
    """A program that goes another way the second time is reported as not reproducible."""
    runs = itertools.count(1)

    async def moody() -> None:
        for _ in range(next(runs)):
            await trio.lowlevel.checkpoint()

    report = explore(moody, schedules=3)
    assert report.failure is None
    assert not report.reproducible
    assert "not reproducible" in str(report)


def test_dfs_refuses_a_program_that_is_no_function_of_its_schedule() -> None:
    """Exhaustion of a moving target would be a lie, so it is a failure."""
    runs = itertools.count(2)

    async def moody() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(next(runs)):
                nursery.start_soon(trio.lowlevel.checkpoint)

    report = explore(moody, strategy="dfs")
    assert isinstance(failure_of(report).error, NotReproducible)
    assert not report.exhausted


def test_the_budget_of_seconds_is_kept() -> None:
    """Out of time, no further schedule is begun."""
    assert explore(sound, schedules=100_000, seconds=0.05).schedules < 10_000


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_stops_the_exploration(stop: type[BaseException]) -> None:
    """It is no finding: it reaches the caller, out of whatever group it came in."""
    runs = itertools.count(1)

    async def interrupted() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
            if next(runs) == 3:
                raise stop

    with pytest.raises(stop):
        explore(interrupted)
    assert next(runs) == 4


def test_instruments_see_every_run() -> None:
    """An instrument of the caller's is given to each schedule."""

    class Runs(trio.abc.Instrument):
        number = 0

        def before_run(self) -> None:
            self.number += 1

    runs = Runs()
    explore(sound, schedules=5, instruments=[runs])
    assert runs.number == 6  # the plain order is run twice, to see whether it is reproducible


async def test_a_trio_run_is_no_place_to_explore_from() -> None:
    """Runs cannot be nested, so it is said at once."""
    with pytest.raises(RuntimeError, match="plain code"):
        explore(sound)


@pytest.mark.parametrize(
    "arguments", [{"strategy": "fuzz"}, {"seed": "fuzz:1"}], ids=["strategy", "seed"]
)
def test_a_bad_argument_is_refused(arguments: dict[str, str]) -> None:
    """It raises before anything is run."""
    with pytest.raises(ValueError, match="fuzz"):
        explore(sound, **arguments)


def test_a_bad_token_is_refused() -> None:
    """It raises before anything is run."""
    with pytest.raises(ValueError, match="is not a schedule token"):
        replay(sound, "12=1")


def test_trio_is_left_as_it_was_found() -> None:
    """After an exploration, failed or not, trio has its own dice and flag again."""
    before = _run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING
    explore(sound, schedules=2)
    explore(racy)
    assert (_run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING) == before
    assert type(_run._r) is random.Random


async def _raise(error: Exception) -> None:
    raise error


def failure_of(report: Report) -> FailedSchedule:
    assert report.failure is not None, report
    return report.failure
