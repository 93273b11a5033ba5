"""The laws of an actor, over every order of messages that Hypothesis can think of."""

from __future__ import annotations

from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors import Answered, Fault, Neutral, Refusal, Replied, Settled, Success, Throttled
from actors.ask import ReplySlot
from actors.breaker import Event
from actors.messages import (
    Ask,
    Committed,
    Cut,
    Drain,
    Failed,
    Finished,
    Hold,
    ProbeEnded,
    Release,
    Stopped,
)
from actors.verdict import Verdict
from tests.kit.actors import DOWN, Act
from tests.kit.desk import Desk

verdicts = st.sampled_from(
    [Success(), DOWN, Fault("x", grave=True), Throttled("x", 3.0), Throttled("x"), Neutral("x")]
)
nth = st.integers(0, 7)


class AnyOrder(RuleBasedStateMachine):
    """Plays the children and the askers of one actor, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.asks: list[Ask[Act, Verdict]] = []
        self.running: list[int] = []
        self.uncommitted: set[int] = set()
        self.probes_over = 0

    @rule(patience_s=st.sampled_from([0.0, 0.5, 1.0, inf]))
    def somebody_asks(self, patience_s: float) -> None:
        begun = len(self.desk.calls)
        self.asks.append(self.desk.ask(self.desk.now + patience_s))
        if len(self.desk.calls) > begun:
            self.running.append(begun)
            self.uncommitted.add(begun)

    @rule(by=st.sampled_from([0.25, 1.0, 2.0, 20.0]))
    def time_passes(self, by: float) -> None:
        self.desk.clock(self.desk.now + by)

    @precondition(lambda self: self.uncommitted)
    @rule(n=nth)
    def a_call_commits(self, n: int) -> None:
        call_id = sorted(self.uncommitted)[n % len(self.uncommitted)]
        self.uncommitted.remove(call_id)
        self.desk.post(Committed(call_id, self.desk.now))

    @precondition(lambda self: self.running)
    @rule(n=nth, verdict=verdicts)
    def a_call_answers(self, n: int, verdict: Verdict) -> None:
        self.desk.post(Finished(self.some_call_ends(n), verdict))

    @precondition(lambda self: self.running)
    @rule(n=nth)
    def a_call_stops(self, n: int) -> None:
        self.desk.post(Stopped(self.some_call_ends(n)))

    @precondition(lambda self: self.running)
    @rule(n=nth)
    def a_call_raises(self, n: int) -> None:
        self.desk.post(Failed(self.some_call_ends(n), ValueError("a bug")))

    def some_call_ends(self, n: int) -> int:
        call_id = self.running.pop(n % len(self.running))
        self.uncommitted.discard(call_id)
        return call_id

    @precondition(lambda self: len(self.desk.probes) > self.probes_over)
    @rule(verdict=st.none() | verdicts)
    def the_probe_ends(self, verdict: Verdict | None) -> None:
        permit, scope = self.desk.probes[-1]
        self.probes_over += 1
        if verdict is not None:
            self.desk.post(ProbeEnded(permit, 0.5, Answered(verdict)))
        elif scope.cancelled:
            self.desk.post(ProbeEnded(permit, 0.5))
        else:
            self.desk.post(ProbeEnded(permit, 0.5, error=ValueError("a bug")))

    @rule(event=st.sampled_from([Event.HELD_OPEN, Event.HELD_CLOSED]), lasts=st.just(inf) | nth)
    def an_operator_holds(self, event: Event, lasts: float) -> None:
        self.desk.post(Hold(event, self.desk.now + lasts, ReplySlot()))

    @rule()
    def an_operator_releases(self) -> None:
        self.desk.post(Release(ReplySlot()))

    @rule()
    def the_actor_crashes(self) -> None:
        self.everybody_leaves()
        self.desk.handler.crash(self.desk.now)
        assert self.desk.shows().state != "closed"

    @precondition(lambda self: len(self.asks) > 8)
    @rule(message=st.sampled_from([Drain(), Cut()]))
    def it_is_told_to_leave(self, message: Drain | Cut) -> None:
        self.desk.post(message)

    def everybody_leaves(self) -> None:
        self.desk.handler.leave([], Refusal.STOPPED, self.desk.now)
        self.running, self.uncommitted = [], set()
        self.probes_over = len(self.desk.probes)

    @invariant()
    def what_is_in_flight_is_what_runs(self) -> None:
        shown = self.desk.shows()
        assert shown.in_flight == len(self.running) <= shown.max_in_flight
        assert 0 <= shown.settling <= shown.in_flight
        assert 1 <= shown.limit <= shown.max_in_flight

    @invariant()
    def the_shown_limit_is_the_one_in_force(self) -> None:
        shown, breaker = self.desk.shows(), self.desk.handler.breaker
        for later_s in (0.0, 0.3, 7.0, 29.9, 31.0):
            moment = self.desk.now + later_s
            assert shown.limit_at(moment) == breaker.limit(moment)

    @invariant()
    def there_is_one_probe_at_most(self) -> None:
        under_way = len(self.desk.probes) - self.probes_over
        assert under_way <= 1
        assert not self.desk.shows().probing or under_way == 1

    @invariant()
    def nobody_is_told_twice(self) -> None:
        told = [id(notice.question) for notice in self.desk.seen.of(Replied)]
        settled = [id(notice.question) for notice in self.desk.seen.of(Settled)]
        assert len(told) == len(set(told))
        assert len(settled) == len(set(settled))
        assert set(settled) <= set(told), "settled before its asker was told"

    @invariant()
    def every_reply_is_counted(self) -> None:
        counts = self.desk.shows().counts
        assert sum(counts.values()) == len(self.desk.seen.of(Replied))

    @invariant()
    def the_clock_is_never_left_behind(self) -> None:
        # Moments at which something was due have been dealt with, or are so at the next tick.
        self.desk.clock(self.desk.now)
        assert self.desk.handler.wake_at() > self.desk.now

    def teardown(self) -> None:
        self.everybody_leaves()
        self.desk.shows()
        told = {id(notice.question) for notice in self.desk.seen.of(Replied)}
        assert told == {id(ask.question) for ask in self.asks}, "somebody still waits"


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.__doc__ = "Whatever happens, the laws of the actor hold after every message."
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=50)
