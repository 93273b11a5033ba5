"""One circuit and time: deadlines before and after the commit, and calls that go on after them."""

from __future__ import annotations

from math import inf

import trio

from actors import (
    Answered,
    Cause,
    Consecutive,
    Refusal,
    Refused,
    Replied,
    Reply,
    Settled,
    Success,
    Throttled,
    Unanswered,
    Verdict,
)
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, running


async def test_a_deadline_already_past_is_refused(autojump_clock):
    """A question that is read too late makes no call."""
    async with running() as rig:
        assert await rig.ask(within_s=0.0) == Refused(Refusal.EXPIRED)
        assert rig.far.called_at == []


async def test_a_deadline_before_the_commit_ends_the_call(autojump_clock):
    """Until it has taken effect a call is cancelled at the deadline, and never will take it."""
    async with running() as rig:
        reply = await rig.ask(Act(before_s=3.0), within_s=1.0)
        assert reply == Unanswered(Cause.DEADLINE, committed=False)
        assert trio.current_time() == 1.0
        await rig.at(10.0)
        assert (rig.far.committed, rig.now_shows.in_flight) == ([], 0)


async def test_a_call_that_is_cut_short_tells_where_it_was(autojump_clock):
    """In its own word, which the actor passes on."""
    async with running() as rig:
        reply = await rig.ask(Act(before_s=3.0, stage="writing"), within_s=1.0)
        assert reply == Unanswered(Cause.DEADLINE, committed=False, stage="writing")


async def test_a_deadline_before_the_commit_says_nothing_about_the_far_side(autojump_clock):
    """The asker's impatience is no fault."""
    async with running() as rig:
        await rig.ask(Act(before_s=3.0), within_s=1.0)
        assert (rig.now_shows.state, rig.now_shows.last_failure) == ("closed", None)


async def test_a_deadline_after_the_commit_answers_and_lets_the_call_go_on(autojump_clock):
    """Past the commit the asker learns that it may have happened; the call settles."""
    async with running() as rig:
        reply = await rig.ask(Act(after_s=1.5), within_s=1.0)
        assert (reply, trio.current_time()) == (Unanswered(Cause.DEADLINE, committed=True), 1.0)
        assert (rig.now_shows.in_flight, rig.now_shows.settling) == (1, 1)


async def test_a_call_that_settles_in_time_is_judged_by_what_it_turned_out_to_be(autojump_clock):
    """A short deadline opens nothing; the late success is told to the observer."""
    async with running() as rig:
        act = Act(after_s=1.5)
        await rig.ask(act, within_s=1.0)
        shown = await rig.at(3.0)
        assert (shown.state, shown.in_flight) == ("closed", 0)
        assert rig.seen.of(Settled) == [Settled("far", act, Answered(Success()), 1.5)]


async def test_the_calls_own_time_out_opens_what_the_short_deadline_did_not(autojump_clock):
    """The far side's time runs on after its asker has gone: it was given all of it."""
    async with running(timeout_s=2.0) as rig:
        await rig.ask(Act(after_s=HUNG_S), within_s=0.5)
        assert (await rig.at(1.99)).state == "closed"
        shown = await rig.at(2.0)
        assert (shown.state, shown.reason) == ("open", "timeout")


async def test_the_far_sides_time_counts_from_the_commit(autojump_clock):
    """What a call needed before it took effect is not held against the far side."""
    async with running(timeout_s=2.0) as rig:
        reply = await rig.ask(Act(before_s=3.0, after_s=HUNG_S))
        assert (reply, trio.current_time()) == (Unanswered(Cause.TIMEOUT, committed=True), 5.0)
        assert rig.now_shows.state == "open"


async def test_an_answer_at_the_very_instant_of_the_deadline_is_the_answer(autojump_clock):
    """What is in the mailbox when the clock rings beats the clock."""
    async with running(timeout_s=2.0, trip=Consecutive(99)) as rig:
        told = _calls_under_way_when_told(rig)
        for _ in range(30):  # trio orders the tasks of one instant at random
            await rig.ask(Act(after_s=2.0))
        assert all(under_way == 1 for reply, under_way in told if isinstance(reply, Unanswered))
        assert (Answered(Success()), 0) in told


async def test_an_answer_at_the_instant_of_the_askers_deadline_is_the_answer(autojump_clock):
    """The same for the asker's own deadline, after the commit."""
    async with running() as rig:
        told = _calls_under_way_when_told(rig)
        for _ in range(30):
            await rig.ask(Act(after_s=1.0), within_s=1.0)
        assert all(under_way == 1 for reply, under_way in told if isinstance(reply, Unanswered))
        assert (Answered(Success()), 0) in told


def _calls_under_way_when_told(rig: Rig) -> list[tuple[Reply[Verdict], int]]:
    """With each reply, whether the far side had not yet answered when it was given."""
    told: list[tuple[Reply[Verdict], int]] = []

    def look(notice: object) -> bool:
        if isinstance(notice, Replied):
            told.append((notice.reply, rig.far.calls))
        return False

    rig.seen.breaks_on = look
    return told


async def test_a_stream_of_questions_does_not_hold_up_the_clock(autojump_clock):
    """A mailbox that is never empty for long still lets deadlines pass."""
    async with running() as rig:
        hung = rig.begin(Act(after_s=HUNG_S), within_s=1.0)
        await trio.sleep_until(1.0)
        for _ in range(50):
            rig.begin()
            await trio.lowlevel.checkpoint()
        assert hung.reply == Unanswered(Cause.DEADLINE, committed=True)


async def test_a_late_answer_settles_and_leaves_the_breaker_alone(autojump_clock):
    """A timed-out call has been judged; what it says later is for the ledger only."""
    async with running(timeout_s=2.0) as rig:
        act = Act(Throttled("throttled", 300.0), after_s=10.0)
        await rig.ask(act)
        assert (await rig.at(7.0)).state == "closed"
        shown = await rig.at(10.0)
        assert shown.state == "closed"
        assert rig.seen.of(Settled) == [
            Settled("far", act, Answered(Throttled("throttled", 300.0)), 10.0)
        ]


async def test_settling_ends_after_its_time(autojump_clock):
    """Past ``timeout_s + settle_s`` from the commit nobody will ever know."""
    async with running(timeout_s=2.0, settle_s=30.0) as rig:
        act = Act(after_s=HUNG_S)
        await rig.ask(act)
        assert (await rig.at(31.9)).settling == 1
        assert (await rig.at(32.0)).settling == 0
        (settled,) = rig.seen.of(Settled)
        assert settled.reply == Unanswered(Cause.DEADLINE, committed=True)


async def test_a_short_settling_time_does_not_shorten_the_far_sides_own(autojump_clock):
    """``settle_s`` begins when the far side's time is over, whenever the asker left."""
    async with running(timeout_s=2.0, settle_s=0.1) as rig:
        await rig.ask(Act(after_s=HUNG_S), within_s=0.5)
        assert (await rig.at(2.0)).reason == "timeout"


async def test_a_deadline_far_away_never_rings(autojump_clock):
    """An endless patience is answered by the far side's time-out."""
    async with running() as rig:
        reply = await rig.ask(Act(after_s=HUNG_S), within_s=inf)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)


async def test_a_timed_out_call_is_judged_once(autojump_clock):
    """A fault that comes after the time-out does not count a second time."""
    async with running(timeout_s=2.0) as rig:
        await rig.ask(Act(DOWN, after_s=10.0))
        shown = await rig.at(10.0)
        assert shown.last_failure is not None
        assert (shown.last_failure.at, shown.last_failure.reason) == (2.0, "timeout")
