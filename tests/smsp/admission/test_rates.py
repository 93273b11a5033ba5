"""How often: buckets, and wrong keys by address. Time is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.admission.rates import FAILURES_AT_ONCE, FAILURES_PER_SECOND, Bucket, Failures

PAUSES = st.lists(st.floats(0, 10), max_size=60)


def test_a_burst_and_then_the_rate():
    """As many at once as the burst, then one as soon as the rate allows."""
    bucket = Bucket(per_second=2, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take(100.25) == 0.25
    assert bucket.take(100.5) == 0
    assert bucket.take(100.5) == 0.5


def test_a_long_pause_saves_up_no_more_than_a_burst():
    """Whoever was away for a day does not come with a day's worth."""
    bucket = Bucket(per_second=10, burst=2)
    bucket.take(0.0)
    assert [bucket.take(86_400.0) > 0 for _ in range(3)] == [False, False, True]


def test_who_is_refused_pays_nothing():
    """Asking too early does not push the moment away."""
    bucket = Bucket(per_second=1, burst=1)
    bucket.take(0.0)
    assert [bucket.take(at / 10) > 0 for at in range(10)] == [True] * 10
    assert bucket.take(1.0) == 0


def test_what_is_given_back_may_be_taken_again():
    """But never more of it than a burst."""
    bucket = Bucket(per_second=1, burst=2)
    bucket.give_back()
    assert [bucket.take(0.0) > 0 for _ in range(3)] == [False, False, True]
    bucket.give_back()
    assert [bucket.take(0.0) > 0 for _ in range(2)] == [False, True]


@given(PAUSES, st.floats(0.01, 100), st.floats(1, 50))
def test_never_more_than_was_promised(pauses, per_second, burst):
    """In any time no more pass than the burst and what the rate gives."""
    bucket = Bucket(per_second, burst)
    now, passed = 0.0, 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now) == 0
    assert passed <= burst + now * per_second + 1e-3


@given(PAUSES, st.floats(0.01, 100), st.floats(1, 50))
def test_the_wait_that_is_told_is_enough(pauses, per_second, burst):
    """Whoever waits as long as told, and is alone, passes."""
    bucket = Bucket(per_second, burst)
    now = 0.0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait:
            now += wait
            assert bucket.take(now) == 0


def test_failures_are_counted_by_address():
    """One address that fails often holds up no other."""
    failures = Failures()
    waits = [failures.failed("192.0.2.1", 0.0) for _ in range(FAILURES_AT_ONCE + 1)]
    assert waits == [0.0] * FAILURES_AT_ONCE + [1 / FAILURES_PER_SECOND]
    assert failures.failed("192.0.2.2", 0.0) == 0


@pytest.mark.parametrize("addresses_max", [1, 3])
def test_addresses_are_forgotten(addresses_max):
    """Memory is bounded: that one goes which was quiet for longest."""
    failures = Failures(addresses_max)
    for address in ("a", "b", "c", "d"):
        failures.failed(address, 0.0)
        for _ in range(FAILURES_AT_ONCE):
            failures.failed("attacker", 0.0)
        assert failures.addresses <= addresses_max
    assert addresses_max == 1 or failures.failed("attacker", 0.0) > 0
