"""Quantiles of the last minute, whatever the traffic, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.telemetry.latency import LONGEST_S, SHORTEST_S, Latency

EXACT = 0.026
"""Relative: half a bucket."""


def latency_of(durations, now=0.0):
    """The durations of calls that all ended at once."""
    latency = Latency()
    for seconds in durations:
        latency.record("mailgun", seconds, now)
    return latency


def test_nothing_is_known_before_the_first_call():
    """Without a call there is no quantile, not a zero that looks like a good one."""
    assert Latency().quantiles("mailgun", 0.0) is None


def test_quantiles_of_a_hundred_calls():
    """Of calls that took 10 ms to 1 s, the 50th, 90th and 99th are told."""
    quantiles = latency_of(n / 100 for n in range(1, 101)).quantiles("mailgun", 0.0)
    assert quantiles.p50 == pytest.approx(0.50, rel=EXACT)
    assert quantiles.p90 == pytest.approx(0.90, rel=EXACT)
    assert quantiles.p99 == pytest.approx(0.99, rel=EXACT)


@given(st.lists(st.floats(SHORTEST_S, LONGEST_S), min_size=1, max_size=300))
def test_quantiles_are_those_of_the_sorted_calls(durations):
    """Against a sorted list, each is right to half a bucket, and they never cross."""
    quantiles = latency_of(durations).quantiles("mailgun", 0.0)
    ranked = sorted(durations)
    for told, share in ((quantiles.p50, 0.5), (quantiles.p90, 0.9), (quantiles.p99, 0.99)):
        rank = -int(-len(ranked) * share // 1)
        assert told == pytest.approx(ranked[rank - 1], rel=EXACT)
    assert quantiles.p50 <= quantiles.p90 <= quantiles.p99


def test_a_call_counts_for_a_minute():
    """What ended a minute ago is forgotten; what ended since is not."""
    latency = Latency()
    latency.record("mailgun", 2.0, 100.0)
    latency.record("mailgun", 0.1, 130.0)
    assert latency.quantiles("mailgun", 159.9).p99 == pytest.approx(2.0, rel=EXACT)
    assert latency.quantiles("mailgun", 160.0).p99 == pytest.approx(0.1, rel=EXACT)
    assert latency.quantiles("mailgun", 190.0) is None


def test_providers_are_apart():
    """A slow provider does not make another look slow."""
    latency = Latency()
    latency.record("mailgun", 3.0, 0.0)
    latency.record("sendgrid", 0.02, 0.0)
    assert latency.quantiles("sendgrid", 0.0).p99 == pytest.approx(0.02, rel=EXACT)


@pytest.mark.parametrize(("seconds", "told"), [(0.0, SHORTEST_S), (1e6, LONGEST_S)])
def test_absurd_durations_are_counted_at_the_bounds(seconds, told):
    """No duration makes a bucket of its own."""
    quantiles = latency_of([seconds]).quantiles("mailgun", 0.0)
    assert quantiles.p50 == pytest.approx(told, rel=0.06)


def test_a_busy_minute_takes_no_more_room_than_a_quiet_one():
    """Memory is bounded by seconds and buckets, not by calls."""
    latency = Latency()
    for call in range(200_000):
        latency.record("mailgun", 0.01 + (call % 50) / 1000, call / 1000)
    window = latency._windows["mailgun"]
    assert len(window._slices) <= 61
    assert sum(len(counted) for _, counted in window._slices) <= 61 * 50
