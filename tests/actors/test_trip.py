"""When a circuit trips: each rule against a plain count over everything it has seen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.trip import (
    TIMED_CALLS_MIN,
    Consecutive,
    FailureRate,
    FailureRateOver,
    FirstFailure,
    SlowCalls,
    TripRule,
)

outcomes = st.lists(st.booleans(), max_size=60)
percents = st.sampled_from([1, 10, 33.3, 50, 75, 100])


def trips(rule: TripRule, failed: list[bool], seconds: float = 0.1) -> list[bool]:
    """What a fresh window says after each call."""
    window = rule.window()
    return [window.record(failed=one, seconds=seconds, now=0.0) for one in failed]


@given(outcomes)
def test_first_failure_trips_at_every_failure(failed: list[bool]):
    """And at nothing else."""
    assert trips(FirstFailure(), failed) == failed


@given(outcomes, st.integers(1, 5))
def test_consecutive_trips_at_so_many_in_a_row(failed: list[bool], count: int):
    """A success forgets those before it."""
    expected = [
        all(failed[max(0, n - count) : n]) and n >= count for n in range(1, len(failed) + 1)
    ]
    assert trips(Consecutive(count), failed) == expected


@given(outcomes, percents, st.integers(1, 20))
def test_failure_rate_looks_at_the_last_calls(failed: list[bool], percent: float, calls: int):
    """Not before there have been so many, and never at a success."""
    for n, tripped in enumerate(trips(FailureRate(percent, calls), failed), start=1):
        last = failed[max(0, n - calls) : n]
        assert tripped == (failed[n - 1] and n >= calls and 100 * sum(last) >= percent * calls)


@given(st.lists(st.sampled_from([0.5, 1.0, 1.5]), max_size=40), percents, st.integers(1, 10))
def test_slow_calls_count_like_failures(took: list[float], percent: float, calls: int):
    """A call is slow beyond the bound, not at it."""
    window = SlowCalls(percent, slower_than_s=1.0, calls=calls).window()
    for n, seconds in enumerate(took, start=1):
        last = took[max(0, n - calls) : n]
        slow = sum(one > 1.0 for one in last)
        expected = seconds > 1.0 and n >= calls and 100 * slow >= percent * calls
        assert window.record(failed=False, seconds=seconds, now=0.0) == expected


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 4.0, 30.0])), max_size=80),
    percents,
)
def test_failure_rate_over_time_forgets_by_tenths_of_it(
    calls: list[tuple[bool, float]], percent: float
):
    """Ten whole buckets of a second each, the present one included, whatever the pauses."""
    window, now = FailureRateOver(percent, seconds=10.0).window(), 1000.0
    seen: list[tuple[int, bool]] = []
    for failed, later in calls:
        now += later
        seen.append((int(now), failed))
        last = [failed for second, failed in seen if second > int(now) - 10]
        enough = len(last) >= TIMED_CALLS_MIN
        expected = failed and enough and 100 * sum(last) >= percent * len(last)
        assert window.record(failed=failed, seconds=0.1, now=now) == expected


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (FirstFailure(), "first-failure"),
        (Consecutive(3), "consecutive:3"),
        (FailureRate(50, 20), "rate:50%/20"),
        (FailureRateOver(50, 60), "rate:50%/60s"),
        (SlowCalls(50, 2, 20), "slow:50%>2s/20"),
    ],
)
def test_a_rule_is_a_value_that_says_its_name(rule: TripRule, name: str):
    """Frozen, equal to its like, and shown as an operator would write it."""
    assert str(rule) == name
    with pytest.raises((FrozenInstanceError, TypeError)):
        rule.count = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Consecutive(0),
        lambda: FailureRate(0, 20),
        lambda: FailureRate(101, 20),
        lambda: FailureRate(50, 0),
        lambda: FailureRateOver(50, 0),
        lambda: FailureRateOver(0, 60),
        lambda: SlowCalls(50, 0, 20),
        lambda: SlowCalls(50, 2, 0),
        lambda: SlowCalls(101, 2, 20),
    ],
)
def test_a_rule_that_could_never_be_right_is_refused(wrong):
    """When it is made, not when it is needed."""
    with pytest.raises(ValueError, match="must be"):
        wrong()


def test_each_window_begins_empty():
    """What one closed spell has seen is not held against the next."""
    rule = Consecutive(2)
    assert trips(rule, [True]) == [False]
    assert trips(rule, [True]) == [False]
