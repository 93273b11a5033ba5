"""What trip rules remember, against plain lists that forget nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors import trip, windows
from actors.trip import Consecutive, FailureRate, FailureRateOver, FirstFailure, SlowCalls, TripRule
from actors.windows import BUCKETS, Buckets, Ring, Seen

WINDOW_S = 10.0
BUCKET_S = WINDOW_S / BUCKETS
HOUR_S = 3600.0
OWN_FILES = {trip.__file__, windows.__file__}
RULES = (
    FirstFailure(),
    Consecutive(5),
    FailureRate(50, 20),
    FailureRateOver(50, 30.0),
    SlowCalls(80, 1.0, 20),
)


class LastCalls(RuleBasedStateMachine):
    """A ring against the list of all calls."""

    @initialize(size=st.integers(1, 12))
    def begin(self, size: int) -> None:
        """An empty ring."""
        self.size = size
        self.ring = Ring(size)
        self.calls: list[bool] = []

    @rule(marked=st.booleans())
    def a_call_ends(self, marked: bool) -> None:
        """It is remembered."""
        self.ring.record(marked=marked)
        self.calls.append(marked)

    @invariant()
    def it_remembers_the_last(self) -> None:
        """So many, and no others."""
        last = self.calls[-self.size :]
        assert self.ring.seen == Seen(len(last), sum(last))
        assert self.ring.full == (len(self.calls) >= self.size)


class LastSeconds(RuleBasedStateMachine):
    """Time buckets against the list of all calls. Time is counted in eighths of a bucket, which
    add up exactly."""

    @initialize(started_at=st.sampled_from([0.0, BUCKET_S / 2, 1e6]))
    def begin(self, started_at: float) -> None:
        """An empty window, on a run that may be old."""
        self.now = started_at
        self.buckets = Buckets(WINDOW_S)
        self.calls: list[tuple[float, bool]] = []

    @rule(marked=st.booleans())
    def a_call_ends(self, marked: bool) -> None:
        """It is remembered."""
        self.buckets.record(marked=marked, now=self.now)
        self.calls.append((self.now, marked))

    @rule(eighths=st.integers(1, 8 * BUCKETS) | st.just(8 * int(HOUR_S)))
    def time_passes(self, eighths: int) -> None:
        """Nobody calls and nobody looks."""
        self.now += eighths * BUCKET_S / 8

    @rule()
    def somebody_looks(self) -> None:
        """The present bucket and the nine before it are what counts, whoever looked before."""
        this = self.now // BUCKET_S
        last = [marked for at, marked in self.calls if at // BUCKET_S > this - BUCKETS]
        assert self.buckets.seen(self.now) == Seen(len(last), sum(last))

    @rule()
    def nobody_is_remembered_too_long_or_too_short(self) -> None:
        """What is younger than nine tenths of the window counts, and nothing older than all of
        it."""
        surely = [at for at, _ in self.calls if self.now - at < WINDOW_S - BUCKET_S]
        perhaps = [at for at, _ in self.calls if self.now - at < WINDOW_S]
        assert len(surely) <= self.buckets.seen(self.now).calls <= len(perhaps)


TestLastCalls = LastCalls.TestCase
TestLastCalls.__doc__ = "A ring holds what the end of a list holds."
TestLastCalls.settings = settings(max_examples=100, stateful_step_count=40)
TestLastSeconds = LastSeconds.TestCase
TestLastSeconds.__doc__ = "Time buckets hold what a list with times holds."
TestLastSeconds.settings = settings(max_examples=150, stateful_step_count=40)


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.floats(WINDOW_S, 10 * HOUR_S))
def test_an_idle_window_forgets(marks: list[bool], idle_s: float):
    """Whatever it held: nothing is left after its whole time, and looking is enough to see so."""
    buckets = Buckets(WINDOW_S)
    for mark in marks:
        buckets.record(marked=mark, now=100.0)
    assert buckets.seen(100.0 + idle_s) == Seen(0, 0)


def test_an_idle_hour_is_held_against_nobody():
    """Nine failures before it and one after it are not ten."""
    window = FailureRateOver(50, 30.0).window()
    before = [window.record(failed=True, seconds=0.1, now=0.0) for _ in range(9)]
    after = [window.record(failed=True, seconds=0.1, now=HOUR_S) for _ in range(10)]
    assert before == [False] * 9
    assert after == [False] * 9 + [True]


def test_a_clock_that_stands_still_forgets_nothing():
    """Recording at one moment fills one bucket."""
    buckets = Buckets(WINDOW_S)
    for _ in range(1000):
        buckets.record(marked=True, now=7.0)
    assert buckets.seen(7.0) == Seen(1000, 1000)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_call_costs_the_same_after_any_past(rule: TripRule):
    """O(1): no past and no pause makes a call run more lines than a small bound."""
    window, now = rule.window(), 0.0
    costs = []
    for number, pause_s in enumerate([0.1, 0.0, 5.0, HOUR_S, 24 * HOUR_S] * 400):
        now += pause_s
        failed = number % 3 == 0
        costs.append(lines_run(lambda: window.record(failed=failed, seconds=0.5, now=now)))  # noqa: B023 - run at once
    assert 0 < max(costs) <= 20 + 6 * BUCKETS
    assert max(costs[1000:]) <= max(costs[:1000])


def test_what_is_collected_meanwhile_costs_nothing_here():
    """A finalizer that happens to run within the work is somebody else's."""

    class Dying:
        def __del__(self) -> None:
            self.lines = 1
            self.more = 2

    window = FirstFailure().window()

    def record_while_something_dies() -> None:
        dying = Dying()
        del dying
        window.record(failed=True, seconds=0.5, now=0.0)

    alone = lines_run(lambda: window.record(failed=True, seconds=0.5, now=0.0))
    assert lines_run(record_while_something_dies) == alone > 0


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_memory_is_bounded(rule: TripRule):
    """However many calls there were, a window is as large as it began, give or take an int."""
    window = rule.window()
    window.record(failed=True, seconds=2.0, now=0.0)
    small = size_of(window)
    for number in range(20_000):
        window.record(failed=number % 2 == 0, seconds=2.0, now=number / 100)
    assert size_of(window) <= small + 8 * BUCKETS


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of the windows' own code a piece of work runs.

    Anything may be collected meanwhile, and what is run for that is no part of the work.
    """
    lines = 0

    def enter(frame: FrameType, _event: str, _argument: object) -> object:
        return count if frame.f_code.co_filename in OWN_FILES else None

    def count(_frame: FrameType, event: str, _argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


def size_of(value: object) -> int:
    """The bytes of a value and of all that it holds."""
    parts = value if isinstance(value, list) else vars(value).values() if _has_parts(value) else ()
    return sys.getsizeof(value) + sum(size_of(part) for part in parts)


def _has_parts(value: object) -> bool:
    return type(value).__module__.startswith("actors.")
