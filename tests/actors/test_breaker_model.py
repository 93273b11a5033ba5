"""The breaker against a second one, over every order of events that Hypothesis can think of:
late results of old epochs, holds, throttles, crashes, quarantines."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from actors.breaker import TRANSITIONS_KEPT, Breaker, Event, Permit, State
from actors.trip import Consecutive
from actors.verdict import Fault, Neutral, Success, Throttled, Verdict
from tests.kit.breaker_model import BreakerModel, Heard

# Eighths of a second add up exactly, so the two breakers can be compared to the last bit.
seconds = st.integers(0, 8 * 40).map(lambda eighths: eighths / 8)
pauses = st.none() | st.sampled_from([0.0, 0.5, 7.0, 5000.0])
faults = st.builds(
    Fault, st.just("down"), grave=st.booleans(), timed_out=st.booleans(), retry_after_s=pauses
)
verdicts = (
    st.builds(Success, declined=st.booleans())
    | faults
    | st.builds(Throttled, st.just("throttled"), pauses)
    | st.just(Neutral("nobody's"))
)


def heard(verdict: Verdict) -> Heard:
    """A verdict in the model's words."""
    match verdict:
        case Success():
            return Heard("success", declined=verdict.declined)
        case Fault():
            return Heard("fault", verdict.grave, verdict.timed_out, verdict.retry_after_s)
        case Throttled():
            return Heard("throttled", retry_after_s=verdict.retry_after_s)
        case Neutral():
            return Heard("neutral")


class TwoBreakers(RuleBasedStateMachine):
    """Whatever happens to the one happens to the other."""

    permits = Bundle("permits")
    probes = Bundle("probes")

    @initialize(
        row=st.integers(1, 3), ceiling=st.sampled_from([1, 4, 32]), seed=st.integers(0, 2**32)
    )
    def begin(self, row: int, ceiling: int, seed: int) -> None:
        numbers = {"ceiling": ceiling, "call_s": 2.0, "base_s": 2.0, "cap_s": 10.0}
        self.now = 0.0
        self.real = Breaker(trip=Consecutive(row), random=Random(seed), now=0.0, **numbers)
        self.model = BreakerModel(row=row, **numbers)
        self.last_epoch = 0

    @rule(by=seconds)
    def time_passes(self, by: float) -> None:
        self.now += by
        self.model.now = self.now

    @rule(target=permits, waiting=st.integers(0, 40))
    def somebody_asks(self, waiting: int) -> Permit:
        admitted = self.real.admit(self.now, waiting)
        expected = self.model.admits(waiting)
        if isinstance(admitted, Permit):
            assert (expected, admitted.epoch) == ("permit", self.model.epoch)
            return admitted
        assert admitted == expected
        return Permit(-1)  # Nobody has it: an epoch that never was must move nothing either.

    @rule(permit=permits, verdict=verdicts, took_s=seconds)
    def a_call_ends(self, permit: Permit, verdict: Verdict, took_s: float) -> None:
        before = self.real.state
        self.real.record(permit, verdict, self.now, took_s)
        self.model.call_ended(permit.epoch, heard(verdict))
        assert self.real.state is before or before is State.CLOSED
        self.compare_due()

    @precondition(lambda self: self.real.state in {State.CLOSED, State.HELD_CLOSED})
    @rule(verdict=verdicts)
    def a_call_is_made(self, verdict: Verdict) -> None:
        self.a_call_ends(Permit(self.real.epoch), verdict, 0.0)

    @rule(target=probes)
    def the_clock_rings(self) -> Permit:
        if self.real.due_at < inf:
            self.now = self.model.now = max(self.now, self.real.due_at)
            self.real.release(self.now, "hold_ended")
            self.model.release()
        if self.real.state is not State.OPEN:
            return Permit(-1)
        self.model.probe_begins()
        return self.real.start_probe(self.now)

    @precondition(lambda self: self.real.state is State.PROBING)
    @rule(verdict=verdicts)
    def the_probe_ends(self, verdict: Verdict) -> None:
        self.a_probe_ends(Permit(self.real.epoch), verdict)

    @rule(permit=probes, verdict=verdicts)
    def a_probe_ends(self, permit: Permit, verdict: Verdict) -> None:
        self.real.record_probe(permit, verdict, self.now)
        self.model.probe_ended(permit.epoch, heard(verdict))
        self.compare_due()

    @precondition(lambda self: self.real.state is State.CLOSED)
    @rule()
    def it_trips(self) -> None:
        while self.real.state is State.CLOSED:
            self.a_call_is_made(Fault("down"))

    @precondition(lambda self: self.real.state in {State.OPEN, State.PROBING})
    @rule()
    def it_recovers(self) -> None:
        if self.real.state is State.OPEN:
            self.the_clock_rings()
        self.the_probe_ends(Success())

    @precondition(lambda self: self.real.state is not State.QUARANTINED)
    @rule(open_=st.booleans(), lasts=st.just(inf) | seconds)
    def an_operator_holds(self, open_: bool, lasts: float) -> None:
        event = Event.HELD_OPEN if open_ else Event.HELD_CLOSED
        self.real.hold(event, self.now, self.now + lasts)
        self.model.hold("held_open" if open_ else "held_closed", self.now + lasts)

    @precondition(lambda self: self.real.state is State.CLOSED)
    @rule(times=st.integers(1, 8), grave=st.booleans())
    def it_relapses(self, times: int, grave: bool) -> None:
        for _ in range(times):
            self.a_call_is_made(Fault("down", grave=grave))
            if self.real.state is State.OPEN:
                self.it_recovers()

    @rule()
    def an_operator_says_auto(self) -> None:
        self.real.reset(self.now)
        self.model.reset()

    @precondition(lambda self: self.real.state is not State.QUARANTINED)
    @rule()
    def the_actor_crashes(self) -> None:
        self.real.crash(self.now)
        self.model.crash()
        assert self.real.state is not State.CLOSED

    @precondition(lambda self: self.real.state is not State.QUARANTINED)
    @rule(lasts=seconds)
    def the_actor_is_quarantined(self, lasts: float) -> None:
        self.real.quarantine(self.now, self.now + lasts)
        self.model.quarantine(self.now + lasts)

    @rule()
    def somebody_looks_at_the_moves(self) -> None:
        told = self.real.take_transitions()
        assert told == list(self.real.transitions)[len(self.real.transitions) - len(told) :]
        assert self.real.take_transitions() == []

    def compare_due(self) -> None:
        earliest, latest = self.model.due
        assert earliest <= self.real.due_at <= latest
        self.model.due = (self.real.due_at, self.real.due_at)

    @invariant()
    def they_agree(self) -> None:
        assert self.real.state.value == self.model.state
        assert self.real.epoch == self.model.epoch
        assert self.real.limit(self.now) == self.model.limit()
        self.compare_due()

    @invariant()
    def the_laws_hold(self) -> None:
        assert self.real.epoch >= self.last_epoch
        self.last_epoch = self.real.epoch
        assert self.real.since <= self.now
        if self.real.state in {State.CLOSED, State.PROBING}:
            assert self.real.due_at == inf
        if self.real.state in {State.OPEN, State.QUARANTINED}:
            assert self.real.due_at < inf
        assert len(self.real.transitions) <= TRANSITIONS_KEPT

    @invariant()
    def the_moves_are_a_chain(self) -> None:
        moves = list(self.real.transitions)
        assert all(one.target == two.source for one, two in pairwise(moves))
        assert all(one.at <= two.at for one, two in pairwise(moves))
        assert all(move.source != move.target for move in moves)
        if moves:
            assert moves[-1].target == self.real.state.shown
            assert moves[-1].at == self.real.since


TestTwoBreakers = TwoBreakers.TestCase
TestTwoBreakers.__doc__ = "The real breaker and the model agree after every step."
TestTwoBreakers.settings = settings(max_examples=120, stateful_step_count=60)
