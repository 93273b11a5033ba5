"""One circuit and its own bugs: it begins anew open and probing, and everybody is answered."""

from __future__ import annotations

from math import inf

import pytest
import trio

from actors import (
    Answered,
    CallFailed,
    Cause,
    Crashed,
    Moved,
    Progress,
    Refusal,
    Refused,
    Replied,
    Settled,
    Snapshot,
    Success,
    Unanswered,
)
from actors.ask import ReplySlot
from actors.breaker import Event
from actors.messages import Hold
from tests.kit.actors import DOWN, HUNG_S, Act, crash, running


async def test_a_call_that_raises_is_reported(autojump_clock):
    """A bug in a call is told to the observer and crashes nothing."""
    bug = ValueError("a bug")
    async with running() as rig:
        await rig.ask(Act(raises=bug))
        assert rig.seen.of(CallFailed) == [CallFailed("far", bug)]
        assert rig.seen.of(Crashed) == []


async def test_after_a_crash_the_circuit_is_open_and_probing_at_once(autojump_clock):
    """A crash never closes a circuit: the far side has to prove itself first."""
    async with running(Act(after_s=1.0)) as rig:
        await crash(rig)
        assert (rig.now_shows.state, rig.now_shows.probing, rig.now_shows.reason) == (
            "open",
            True,
            "crashed",
        )
        assert (rig.now_shows.restarts, rig.far.probed_at) == (1, [0.0])
        assert (await rig.at(1.0)).state == "closed"


async def test_a_crash_is_reported_with_its_error(autojump_clock):
    """The observer learns of the crash, and that the actor begins anew."""
    async with running() as rig:
        await crash(rig)
        (crashed,) = rig.seen.of(Crashed)
        assert (crashed.circuit, crashed.restarts, crashed.quarantined) == ("far", 1, False)
        assert isinstance(crashed.error, ExceptionGroup)
        assert "a bug in observe()" in str(crashed.error.exceptions)


async def test_the_question_that_crashed_the_actor_has_its_answer(autojump_clock):
    """An answer in hand is delivered before the observer hears of it."""
    async with running() as rig:
        rig.seen.breaks_on = lambda notice: isinstance(notice, Replied)
        assert await rig.ask() == Answered(Success())


async def test_askers_of_running_calls_are_answered_by_phase(autojump_clock):
    """A crash ends the calls: what had not taken effect never will, the rest nobody knows."""
    async with running() as rig:
        before = rig.begin(Act(before_s=HUNG_S))
        after = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        await crash(rig)
        assert before.reply == Unanswered(Cause.FAILED, committed=False)
        assert after.reply == Unanswered(Cause.FAILED, committed=True)
        assert (rig.now_shows.in_flight, rig.far.calls) == (0, 0)


async def test_a_call_that_commits_while_the_actor_dies_is_not_called_undone(autojump_clock):
    """What took effect after the crash is not told as never done, or it would be done twice."""

    async def commit_late(act: Act, progress: Progress | None) -> Success:
        if act is late_act and progress is not None:
            with trio.CancelScope(shield=True):
                await trio.sleep(1.0)
            progress.commit()
            await trio.sleep_forever()
        return Success()

    async with running() as rig:
        late_act = Act()
        rig.far.play = commit_late  # type: ignore[method-assign]
        late = rig.begin(late_act)
        await rig.quiet()
        await crash(rig)
        assert await late.answered() == Unanswered(Cause.FAILED, committed=True)


async def test_questions_beside_a_crash_are_answered_and_never_made(autojump_clock):
    """What nobody has read is refused as stopped, what has only just begun has no effect."""
    async with running() as rig:
        rig.judge.breaks_on = lambda answer: answer is DOWN
        replies: list[object] = []
        for round_ in range(20):  # trio orders the tasks of one instant at random
            await rig.at(60.0 * round_)
            crashing = rig.begin(Act(DOWN, after_s=1.0))
            askers = [rig.begin(Act(before_s=1.0), starts_at=60.0 * round_ + 1.0) for _ in range(3)]
            await rig.at(60.0 * round_ + 1.0)
            assert crashing.reply == Answered(DOWN)
            replies += [asker.reply for asker in askers]
        assert Refused(Refusal.STOPPED) in replies
        begun = [reply for reply in replies if reply != Refused(Refusal.STOPPED)]
        assert all(reply == Unanswered(Cause.FAILED, committed=False) for reply in begun)


async def test_questions_while_a_crashed_actor_tidies_up_are_refused_at_once(autojump_clock):
    """A call that is slow to go away keeps nobody else waiting."""
    async with running() as rig:
        rig.begin(Act(after_s=HUNG_S, closing_s=1.0))
        await rig.quiet()
        await crash(rig)
        assert await rig.ask() == Refused(Refusal.STOPPED)
        assert trio.current_time() == 0.0


async def test_a_bug_in_the_judge_does_not_cost_the_answer(autojump_clock):
    """The asker gets what the far side said, though nobody could judge it."""
    async with running() as rig:
        rig.judge.breaks_on = lambda answer: answer is DOWN
        assert await rig.ask(Act(DOWN)) == Answered(DOWN)
        assert (rig.now_shows.restarts, rig.now_shows.reason) == (1, "crashed")


async def test_a_bug_in_counting_a_reply_keeps_nobody_waiting(autojump_clock):
    """A word that cannot be found crashes the actor, after everybody has been answered."""
    async with running() as rig:
        other = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        rig.judge.breaks_on = lambda reply: isinstance(reply, Answered)
        assert await rig.ask() == Answered(Success())
        rig.judge.breaks_on = lambda _: False
        assert await other.answered() == Unanswered(Cause.FAILED, committed=True)
        assert rig.now_shows.restarts == 1


async def test_a_judge_that_never_finds_a_word_keeps_nobody_waiting(autojump_clock):
    """The same when it fails for the answers that a crash itself gives."""
    async with running() as rig:
        others = [rig.begin(Act(before_s=1.0)) for _ in range(3)]
        await rig.quiet()
        rig.judge.breaks_on = lambda reply: isinstance(reply, Answered | Unanswered)
        assert await rig.ask() == Answered(Success())
        rig.judge.breaks_on = lambda _: False
        for other in others:
            assert await other.answered() == Unanswered(Cause.FAILED, committed=False)


async def test_calls_of_the_old_life_move_nothing_in_the_new(autojump_clock):
    """A deaf call that ends after the crash is nobody's any more."""
    async with running(Act(after_s=5.0)) as rig:
        old = rig.begin(Act(before_s=1.0, commits=False, deaf=True))
        await rig.quiet()
        await crash(rig)
        await rig.at(1.0)
        assert old.reply == Answered(Success())
        assert (rig.now_shows.state, rig.now_shows.in_flight) == ("open", 0)


async def test_a_settling_call_that_ends_during_a_crash_is_told(autojump_clock):
    """Its outcome reaches the observer, though the actor that began it has crashed."""
    async with running() as rig:
        act = Act(after_s=1.0, deaf=True)
        await rig.ask(act, within_s=0.5)
        await crash(rig)
        await rig.at(1.0)
        assert rig.seen.of(Settled) == [Settled("far", act, Answered(Success()), 1.0)]


async def test_settling_calls_that_a_crash_ends_will_never_be_known(autojump_clock):
    """The observer is told that nobody will ever know."""
    async with running() as rig:
        act = Act(after_s=HUNG_S)
        await rig.ask(act, within_s=0.5)
        await crash(rig)
        (settled,) = rig.seen.of(Settled)
        assert settled.reply == Unanswered(Cause.FAILED, committed=True)


@pytest.mark.parametrize(("held_open", "state"), [(True, "held_open"), (False, "held_closed")])
async def test_a_hold_survives_a_crash(autojump_clock, held_open: bool, state: str):
    """So does its end: an operator's order is not undone by a bug."""
    async with running() as rig:
        await rig.circuit.hold(open=held_open, until=50.0)
        await crash(rig)
        assert (rig.now_shows.state, rig.now_shows.due_at) == (state, 50.0)
        assert (await rig.at(50.0)).state == "closed"


async def test_an_order_is_carried_out_once_although_its_notice_crashes(autojump_clock):
    """The actor that crashes while telling of a hold does not take it up again."""
    async with running() as rig:
        rig.seen.breaks_on = lambda n: isinstance(n, Moved) and n.transition.target == "held_open"
        assert (await rig.circuit.hold(open=True)).state == "held_open"
        shown = await rig.quiet()
        assert (shown.state, shown.restarts) == ("held_open", 1)
        (crashed,) = rig.seen.of(Crashed)
        assert isinstance(crashed.error, ExceptionGroup)
        assert "a bug in observe()" in str(crashed.error.exceptions)


async def test_an_order_that_crashes_the_actor_is_answered_and_not_tried_again(autojump_clock):
    """The next life is spared what ended this one; the operator sees that nothing is held."""
    async with running() as rig:
        slot: ReplySlot[Snapshot] = ReplySlot()
        # No order of the public ones can crash: this one is no move in any state it meets.
        poison = Hold(Event.PROBE_PASSED, inf, slot)
        shown = await rig.circuit._order(poison, slot)
        assert shown.state == "closed"
        assert (await rig.quiet()).restarts == 1


async def test_an_order_given_while_the_actor_tidies_up_is_carried_out(autojump_clock):
    """It waits in the mailbox for the next life."""
    async with running() as rig:
        rig.begin(Act(after_s=HUNG_S, closing_s=1.0))
        await rig.quiet()
        await crash(rig)
        assert (await rig.circuit.hold(open=True)).state == "held_open"


async def test_a_crash_of_an_open_circuit_leaves_it_open(autojump_clock):
    """It probes at once, whatever it was waiting for."""
    async with running(Act(DOWN), Act(DOWN)) as rig:
        await rig.trip()
        await crash(rig)
        assert (rig.now_shows.state, rig.now_shows.restarts) == ("open", 1)
        assert rig.far.probed_at == [0.0]


async def test_a_crash_with_a_probe_under_way_leaves_one_probe(autojump_clock):
    """The old life's probe is over before the new life's begins."""
    async with running(Act(after_s=HUNG_S, closing_s=1.0), Act()) as rig:
        await rig.trip()
        await rig.at(5.0)
        await crash(rig)
        assert (await rig.at(6.0)).state == "closed"
        assert (rig.far.probed_at, rig.far.probes_peak) == ([5.0, 6.0], 1)


async def test_an_observer_that_fails_at_the_news_of_a_crash_is_one_more_crash(autojump_clock):
    """It is counted like any other, and does not take the supervisor down."""
    async with running() as rig:
        fails = iter([True, True])
        rig.seen.breaks_on = lambda n: isinstance(n, Replied | Crashed) and next(fails, False)
        await rig.ask()
        assert (await rig.quiet()).state == "closed"
        assert len(rig.seen.of(Crashed)) == 2
