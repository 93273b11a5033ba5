"""The breaker, row by row: what it does in each state with each thing that can happen to it.

``test_breaker_model.py`` runs it through every order of them.
"""

from __future__ import annotations

from itertools import product
from math import inf
from random import Random

import pytest

from actors.breaker import (
    TRANSITIONS,
    TRANSITIONS_KEPT,
    Breaker,
    Event,
    InvalidTransition,
    Permit,
    State,
)
from actors.trip import Consecutive, FailureRate, FirstFailure, SlowCalls, TripRule
from actors.verdict import Fault, Neutral, Success, Throttled, Verdict

DOWN = Fault("down")
FIRST_FAILURE = FirstFailure()
NOTHING_SAID = Neutral("nobody's")


def breaker(trip: TripRule = FIRST_FAILURE, ceiling: int = 8) -> Breaker:
    return Breaker(
        trip=trip, ceiling=ceiling, call_s=2.0, base_s=5.0, cap_s=60.0, random=Random(1), now=0.0
    )


def in_state(state: State, trip: TripRule = FIRST_FAILURE) -> Breaker:
    """A breaker led into a state, at time 0."""
    made = breaker(trip)
    match state:
        case State.CLOSED:
            pass
        case State.OPEN:
            made.crash(0.0)
            made.due_at = 5.0
        case State.PROBING:
            made.crash(0.0)
            made.start_probe(0.0)
        case State.HELD_OPEN:
            made.hold(Event.HELD_OPEN, 0.0, until=100.0)
        case State.HELD_CLOSED:
            made.hold(Event.HELD_CLOSED, 0.0, until=100.0)
        case State.QUARANTINED:
            made.quarantine(0.0, until=600.0)
    assert made.state is state
    return made


def end_call(made: Breaker, verdict: Verdict, now: float = 1.0, seconds: float = 0.1) -> None:
    """A call of the present epoch ends."""
    made.record(Permit(made.epoch), verdict, now, seconds)


# -- the table


MOVES = {
    "closed": {"tripped": "open", "paused": "open", "crashed": "open"},
    "open": {"probe_due": "probing", "released": "open", "crashed": "open"},
    "probing": {
        "probe_passed": "closed",
        "probe_failed": "open",
        "paused": "open",
        "crashed": "open",
    },
    "held_open": {"released": "open", "crashed": "held_open"},
    "held_closed": {"released": "closed", "crashed": "held_closed"},
    "quarantined": {"released": "open"},
}
"""Where each event leads, but for those that come from outside to any circuit that runs."""
ORDERS = {"hold_open": "held_open", "hold_closed": "held_closed", "quarantined": "quarantined"}


def target_of(state: State, event: Event) -> str | None:
    """Where an event is to lead; none if it must not happen there."""
    orders = {} if state == "quarantined" else ORDERS
    return {**MOVES[state.value], **orders}.get(event.value)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_an_event_leads_where_it_should_or_raises(state: State, event: Event):
    """No other move exists, and none happens silently."""
    made = in_state(state)
    target = target_of(state, event)
    if target is not None:
        made._move(event, "a test", 1.0)
        assert made.state.value == target
    else:
        with pytest.raises(InvalidTransition, match=f"{event} in state {state}"):
            made._move(event, "a test", 1.0)
        assert made.state is state


@pytest.mark.parametrize(("state", "event"), list(TRANSITIONS))
def test_every_move_is_a_new_epoch(state: State, event: Event):
    """Also one that leads back to the same state: what was permitted before it is late."""
    made = in_state(state)
    epoch = made.epoch
    made._move(event, "a test", 1.0)
    assert made.epoch == epoch + 1


def test_every_state_can_be_left_and_entered():
    """There is no trap in the table, and no state that nothing leads to."""
    assert {source for source, _ in TRANSITIONS} == set(State)
    assert set(TRANSITIONS.values()) == set(State)


def test_only_a_probe_or_a_hold_closes_a_circuit():
    """In the table itself: nothing else leads to closed."""
    closing = {(s, e) for (s, e), target in TRANSITIONS.items() if target is State.CLOSED}
    assert closing == {
        (State.PROBING, Event.PROBE_PASSED),
        (State.HELD_CLOSED, Event.RELEASED),
    }


# -- ask


@pytest.mark.parametrize("state", [State.CLOSED, State.HELD_CLOSED])
def test_a_circuit_that_takes_calls_permits_up_to_the_limit(state: State):
    """A permit while fewer than the limit wait, else ``full``."""
    made = in_state(state)
    assert made.admit(1.0, waiting=7) == Permit(made.epoch)
    assert made.admit(1.0, waiting=8) == "full"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.OPEN, "open"),
        (State.PROBING, "open"),
        (State.HELD_OPEN, "held_open"),
        (State.QUARANTINED, "quarantined"),
    ],
)
def test_any_other_circuit_refuses(state: State, reason: str):
    """Whatever room there is."""
    assert in_state(state).admit(1.0, waiting=0) == reason


# -- closed


def test_closed_and_a_success():
    """It is recorded and the limit grows."""
    made = in_state(State.PROBING)
    made.record_probe(Permit(made.epoch), Success(), 0.0)
    end_call(made, Success(), now=0.0)
    assert (made.state, made.limit(0.0)) == (State.CLOSED, 2)


def test_closed_and_a_fault_that_trips():
    """It opens, and waits exactly the base the first time."""
    made = breaker()
    end_call(made, DOWN)
    assert (made.state, made.reason, made.due_at) == (State.OPEN, "down", 6.0)


def test_closed_and_a_fault_that_does_not_trip():
    """It is recorded for the trip rule, which may open it at the next."""
    made = breaker(Consecutive(2))
    end_call(made, DOWN)
    assert made.state is State.CLOSED
    end_call(made, DOWN)
    assert made.state is State.OPEN


def test_closed_and_a_grave_fault():
    """It opens whatever the rule says, and waits the cap."""
    made = breaker(Consecutive(99))
    end_call(made, Fault("suspended", grave=True))
    assert (made.state, made.due_at) == (State.OPEN, 61.0)


def test_closed_and_a_time_out():
    """A time-out speaks of load as well: the limit halves."""
    made = breaker(Consecutive(99))
    end_call(made, Fault("timeout", timed_out=True))
    assert (made.state, made.limit(1.0)) == (State.CLOSED, 4)


@pytest.mark.parametrize(
    ("asked_for", "waits"), [(0.0, 1.0), (0.2, 1.0), (20, 20.0), (20.0, 20.0), (1e9, 3600.0)]
)
def test_closed_and_throttled_with_a_delay(asked_for: float, waits: float):
    """It opens until then, between a second and an hour."""
    made = breaker()
    end_call(made, Throttled("throttled", asked_for))
    assert (made.state, made.due_at) == (State.OPEN, 1.0 + waits)


def test_closed_and_throttled_without_a_delay():
    """It stays closed with half the limit, and no fault is counted."""
    made = breaker()
    end_call(made, Throttled("throttled"))
    assert (made.state, made.limit(1.0)) == (State.CLOSED, 4)


def test_closed_and_nothing_said():
    """What is nobody's fault changes nothing at all."""
    made = breaker()
    end_call(made, NOTHING_SAID)
    assert (made.state, made.limit(1.0), made.epoch) == (State.CLOSED, 8, 0)


def test_closed_and_slow_successes():
    """A rule about slowness may open a circuit that has not failed once."""
    made = breaker(SlowCalls(percent=100, slower_than_s=1.0, calls=2))
    end_call(made, Success(), seconds=1.5)
    end_call(made, Success(), seconds=1.5)
    assert (made.state, made.reason) == (State.OPEN, "slow")


def test_closed_and_a_fault_that_names_a_longer_wait():
    """A longer ``Retry-After`` wins over the back-off, up to an hour; a shorter one does not."""
    for asked_for, waits in [(2.0, 5.0), (30.0, 30.0), (1e9, 3600.0)]:
        made = breaker()
        end_call(made, Fault("down", retry_after_s=asked_for))
        assert made.due_at == 1.0 + waits


# -- open


@pytest.mark.parametrize("verdict", [Success(), DOWN, Fault("x", grave=True), NOTHING_SAID])
def test_open_and_a_late_result(verdict: Verdict):
    """It moves nothing."""
    made = breaker()
    late = Permit(made.epoch)
    end_call(made, DOWN)
    made.record(late, verdict, 2.0, 0.1)
    assert (made.state, made.due_at) == (State.OPEN, 6.0)


@pytest.mark.parametrize(("asked_for", "due_at"), [(None, 6.0), (1.0, 6.0), (20.0, 22.0)])
def test_open_and_late_throttled(asked_for: float | None, due_at: float):
    """It may put the next probe off, never bring it nearer."""
    made = breaker()
    late = Permit(made.epoch)
    end_call(made, DOWN)
    made.record(late, Throttled("throttled", asked_for), 2.0, 0.1)
    assert (made.state, made.due_at) == (State.OPEN, due_at)


def test_open_and_its_wait_is_over():
    """A probe starts, and the clock has nothing more to do until it ends."""
    made = in_state(State.OPEN)
    permit = made.start_probe(5.0)
    assert (made.state, made.due_at, permit.epoch) == (State.PROBING, inf, made.epoch)
    with pytest.raises(InvalidTransition):
        made.start_probe(5.0)


# -- open, probing


def test_probing_and_the_probe_passes():
    """It closes with a limit of one and an empty memory."""
    made = breaker(FailureRate(percent=50, calls=2))
    end_call(made, DOWN)
    end_call(made, DOWN)
    made.record_probe(made.start_probe(6.0), Success(), 7.0)
    assert (made.state, made.reason, made.limit(7.0)) == (State.CLOSED, "probe_passed", 1)
    end_call(made, DOWN, now=7.0)
    assert made.state is State.CLOSED


@pytest.mark.parametrize("verdict", [DOWN, NOTHING_SAID])
def test_probing_and_the_probe_fails(verdict: Verdict):
    """It stays open and waits longer: what proves nothing does not close a circuit either."""
    made = breaker()
    end_call(made, DOWN)
    made.record_probe(made.start_probe(6.0), verdict, 7.0)
    assert made.state is State.OPEN
    assert 7.0 + 5.0 <= made.due_at <= 7.0 + 10.0


def test_probing_and_the_probe_finds_a_grave_fault():
    """The next waits the cap."""
    made = in_state(State.PROBING)
    made.record_probe(Permit(made.epoch), Fault("revoked", grave=True), 7.0)
    assert made.due_at == 67.0


@pytest.mark.parametrize(("asked_for", "due_at"), [(None, 12.0), (120.0, 127.0)])
def test_probing_and_the_probe_is_throttled(asked_for: float | None, due_at: float):
    """It is open until then; without a delay the wait is the same again."""
    made = breaker()
    end_call(made, DOWN)
    made.record_probe(made.start_probe(6.0), Throttled("throttled", asked_for), 7.0)
    assert (made.state, made.due_at) == (State.OPEN, due_at)


def test_probing_and_a_probe_of_an_older_epoch():
    """It decides nothing."""
    made = in_state(State.PROBING)
    old = Permit(made.epoch)
    made.hold(Event.HELD_OPEN, 1.0)
    made.release(2.0)
    made.start_probe(2.0)
    made.record_probe(old, Success(), 3.0)
    assert made.state is State.PROBING


# -- held


def test_held_open_and_the_hold_ends():
    """It is open, and its probe is due now."""
    made = in_state(State.HELD_OPEN)
    made.release(100.0, "hold_ended")
    assert (made.state, made.reason, made.due_at) == (State.OPEN, "hold_ended", 100.0)


@pytest.mark.parametrize("verdict", [DOWN, Fault("x", grave=True), Throttled("x", 60.0)])
def test_held_closed_never_trips(verdict: Verdict):
    """Whatever its calls say, and however often."""
    made = in_state(State.HELD_CLOSED)
    for _ in range(5):
        end_call(made, verdict)
    assert (made.state, made.due_at) == (State.HELD_CLOSED, 100.0)


def test_held_closed_still_backs_off():
    """The limit goes on growing and halving under a hold."""
    made = in_state(State.HELD_CLOSED)
    end_call(made, Fault("timeout", timed_out=True))
    assert made.limit(1.0) == 4
    end_call(made, Success())
    assert made.limit(1.0) == 5


def test_held_closed_and_the_hold_ends():
    """It is closed, and forgets the failures from under the hold."""
    made = in_state(State.HELD_CLOSED, Consecutive(3))
    for _ in range(5):
        end_call(made, DOWN)
    made.release(100.0)
    end_call(made, DOWN, now=100.0)
    assert (made.state, made.due_at) == (State.CLOSED, inf)


def test_an_open_circuit_that_is_held_closed_begins_with_one_call():
    """Nothing has proved that the far side is back."""
    made = in_state(State.OPEN)
    made.hold(Event.HELD_CLOSED, 1.0)
    assert made.limit(1.0) == 1


@pytest.mark.parametrize("state", [State.HELD_OPEN, State.HELD_CLOSED, State.QUARANTINED])
def test_an_operator_who_says_auto_ends_a_hold(state: State):
    """And a quarantine, like the clock would."""
    made, by_the_clock = in_state(state), in_state(state)
    made.reset(1.0)
    by_the_clock.release(1.0)
    assert (made.state, made.reason, made.due_at) == (
        by_the_clock.state,
        "operator",
        by_the_clock.due_at,
    )


def test_an_operator_who_says_auto_has_an_open_circuit_probed():
    """At once, and told as open for the reason it was; a probe of before would be late."""
    made = breaker()
    end_call(made, Fault("no_credits", grave=True))
    old = Permit(made.epoch)
    made.reset(2.0)
    assert (made.state, made.reason, made.due_at) == (State.OPEN, "no_credits", 2.0)
    assert made.since == 1.0
    made.start_probe(2.0)
    made.record_probe(old, DOWN, 3.0)
    assert made.state is State.PROBING


@pytest.mark.parametrize("state", [State.CLOSED, State.PROBING])
def test_an_operator_who_says_auto_moves_no_other(state: State):
    """It takes calls, or its probe runs already."""
    made = in_state(state)
    epoch = made.epoch
    made.reset(1.0)
    assert (made.state, made.epoch, made.due_at) == (state, epoch, inf)


@pytest.mark.parametrize("state", [State.CLOSED, State.OPEN, State.PROBING])
def test_a_release_of_a_circuit_that_is_not_held_does_nothing(state: State):
    """What has no hold has no end of one."""
    made = in_state(state)
    before = (made.state, made.epoch, made.due_at)
    made.release(1.0)
    assert (made.state, made.epoch, made.due_at) == before


# -- crash and quarantine


@pytest.mark.parametrize("state", [State.CLOSED, State.OPEN, State.PROBING])
def test_after_a_crash_it_is_open_and_its_probe_is_due(state: State):
    """Never closed."""
    made = in_state(state)
    made.crash(7.0)
    assert (made.state, made.reason, made.due_at) == (State.OPEN, "crashed", 7.0)


@pytest.mark.parametrize("state", [State.HELD_OPEN, State.HELD_CLOSED])
def test_a_hold_survives_a_crash_with_its_end(state: State):
    """The operator's word outlives a bug."""
    made = in_state(state)
    made.crash(7.0)
    assert (made.state, made.due_at) == (state, 100.0)


def test_a_quarantine_ends_open_and_probing():
    """It is released like a hold."""
    made = in_state(State.QUARANTINED)
    assert made.due_at == 600.0
    made.release(600.0, "revived")
    assert (made.state, made.due_at) == (State.OPEN, 600.0)


# -- what is shown


def test_a_probe_is_no_move_for_whoever_watches():
    """Open, probing and open again is one stay in ``open``, since it began."""
    made = breaker()
    end_call(made, DOWN)
    for now in (10.0, 20.0, 40.0):
        made.record_probe(made.start_probe(now), DOWN, now + 1.0)
    assert [(move.source, move.target) for move in made.transitions] == [("closed", "open")]
    assert made.since == 1.0


def test_moves_are_told_once():
    """Whoever takes them gets each of them exactly once."""
    made = breaker()
    end_call(made, DOWN)
    assert [move.reason for move in made.take_transitions()] == ["down"]
    assert made.take_transitions() == []


def test_the_memory_of_moves_is_bounded():
    """The last 64 are kept."""
    made = breaker()
    for now in range(100):
        made.hold(Event.HELD_OPEN, float(now))
        made.hold(Event.HELD_CLOSED, float(now))
    assert len(made.transitions) == TRANSITIONS_KEPT == 64


@pytest.mark.parametrize("state", State)
def test_a_state_takes_calls_if_its_breaker_does(state: State):
    """What a state says of itself is what the machine does in it."""
    admitted = in_state(state).admit(1000.0, 0)
    assert state.takes_calls == isinstance(admitted, Permit)
