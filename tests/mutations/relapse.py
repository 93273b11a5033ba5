"""What a circuit has learned of a probe that is wrong, each lesson forgotten.

A mutation gets the sound function first. ``killed_by`` is the situation of ``tests/actors`` that
has to fail with it.
"""

from __future__ import annotations

from actors.backoff import Backoff
from actors.breaker import Breaker
from tests.actors import test_schedules_clock as clock
from tests.actors import test_schedules_orders as orders
from tests.kit.mutations import mutation


@mutation(
    Backoff,
    "after_call",
    killed_by=clock.test_a_call_after_a_wrong_probe_goes_alone_and_opens_for_longer,
)
def a_wrong_probe_is_believed(after_call, backoff, *, grave=False):
    """Calls may fail after each probe that passes, and the wait is bounded as ever."""
    backoff.forgive()
    return after_call(backoff, grave=grave)


@mutation(
    Backoff,
    "no_longer_closed",
    killed_by=clock.test_a_call_after_a_wrong_probe_goes_alone_and_opens_for_longer,
)
def quiet_is_taken_for_health(no_longer_closed, backoff, now):
    """Time spent closed shortens the next wait, although every call has failed."""
    backoff._calls_fail, fail = False, backoff._calls_fail
    no_longer_closed(backoff, now)
    backoff._calls_fail = fail


@mutation(
    Breaker,
    "limit",
    killed_by=clock.test_a_call_after_a_wrong_probe_goes_alone_and_opens_for_longer,
)
def a_crowd_follows_a_wrong_probe(limit, breaker, now):
    """As many calls as ever learn that calls still fail."""
    return breaker._limit.at(now)


@mutation(Breaker, "reset", killed_by=orders.test_an_operator_ends_a_long_wait)
def an_operator_waits_like_anybody(reset, breaker, now):
    """Who has mended the far side waits until the circuit finds out by itself."""
    breaker.release(now)
