"""The in-flight limit: slow start, back-off and bulkhead in one number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.limit import FULL_AFTER_S, InFlightLimit

CALL_S = 2.0
ceilings = st.integers(1, 1000)
events = st.lists(
    st.tuples(st.sampled_from(["success", "fault", "congested", "narrow"]), st.floats(0.0, 10.0)),
    max_size=60,
)


def apply(limit: InFlightLimit, what: str, now: float) -> None:
    match what:
        case "success":
            limit.success(now)
        case "fault":
            limit.fault(now)
        case "congested":
            limit.congested(now)
        case "narrow":
            limit.narrow(now)


@given(ceilings)
def test_a_fresh_start_begins_full(ceiling: int):
    """A restart in a quiet hour must not throttle anybody."""
    assert InFlightLimit(ceiling, CALL_S, now=0.0).at(0.0) == ceiling


@given(ceilings)
def test_a_circuit_that_has_just_closed_begins_at_one(ceiling: int):
    """The far side has only just proved that it is there."""
    limit = InFlightLimit(ceiling, CALL_S, now=0.0)
    limit.narrow(10.0)
    assert limit.at(10.0) == 1


@given(ceilings, st.integers(0, 50))
def test_each_success_adds_one(ceiling: int, successes: int):
    """At one instant after closing the limit is 1 and the successes, up to the ceiling."""
    limit = InFlightLimit(ceiling, CALL_S, now=0.0)
    limit.narrow(0.0)
    for _ in range(successes):
        limit.success(0.0)
    assert limit.at(0.0) == min(ceiling, 1 + successes)


def test_it_halves_at_most_once_per_call_time():
    """Calls that were under way together tell of one trouble, not of many."""
    limit = InFlightLimit(64, CALL_S, now=0.0)
    for now, expected in [(1.0, 32), (1.5, 32), (2.9, 32), (3.0, 16), (5.0, 8)]:
        limit.congested(now)
        assert limit.at(now) == expected


def test_a_halving_before_it_closed_spares_none_after():
    """What was under way together before is over: the first trouble since is a new one."""
    limit = InFlightLimit(64, CALL_S, now=0.0)
    limit.congested(0.0)
    limit.narrow(0.5)
    for _ in range(7):
        limit.success(0.5)
    limit.congested(1.0)
    assert limit.at(1.0) == 4


def test_successes_beyond_the_ceiling_are_not_saved_up():
    """The next trouble halves the ceiling, and no more than that was ever allowed."""
    limit = InFlightLimit(8, CALL_S, now=0.0)
    for _ in range(100):
        limit.success(0.0)
    limit.congested(0.0)
    assert limit.at(0.0) == 4


def test_it_never_falls_below_one():
    """One call at a time is the least that still finds out."""
    limit = InFlightLimit(4, CALL_S, now=0.0)
    for now in range(0, 100, 2):
        limit.congested(float(now))
    assert limit.at(98.0) == 1


@given(ceilings, events)
def test_it_is_full_again_thirty_seconds_after_the_last_trouble(
    ceiling: int, past: list[tuple[str, float]]
):
    """Whatever has happened, and without a single success."""
    limit, now = InFlightLimit(ceiling, CALL_S, now=0.0), 0.0
    for what, later in past:
        now += later
        apply(limit, what, now)
    # A millionth more, for what is lost in adding times up.
    assert limit.at(now + FULL_AFTER_S + 1e-6) == ceiling


@given(ceilings, events)
def test_it_stays_between_one_and_the_ceiling(ceiling: int, past: list[tuple[str, float]]):
    """At every step of every past."""
    limit, now = InFlightLimit(ceiling, CALL_S, now=0.0), 0.0
    for what, later in past:
        now += later
        before = limit.at(now)
        apply(limit, what, now)
        assert 1 <= limit.at(now) <= ceiling
        assert what != "success" or limit.at(now) >= before


@given(ceilings, st.floats(0.0, FULL_AFTER_S))
def test_it_regains_the_ceilings_share_of_the_time_without_trouble(ceiling: int, t: float):
    """Never below ``ceiling * t / 30`` after t seconds closed without a fault."""
    limit = InFlightLimit(ceiling, CALL_S, now=0.0)
    limit.narrow(0.0)
    assert limit.at(t) >= max(1, int(ceiling * t / FULL_AFTER_S))


def test_a_fault_that_does_not_speak_of_load_halves_nothing():
    """It only lets the thirty seconds begin anew, from where the limit was."""
    limit = InFlightLimit(60, CALL_S, now=0.0)
    limit.narrow(0.0)
    limit.fault(15.0)
    assert limit.at(15.0) == 30
    assert limit.at(29.9) == 30
    assert limit.at(45.0) == 60
