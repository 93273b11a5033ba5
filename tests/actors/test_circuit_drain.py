"""One circuit and its end: it refuses what is new, finishes what runs, leaves nobody behind."""

from __future__ import annotations

from math import inf

import pytest
import trio

from actors import (
    Answered,
    Cause,
    Refusal,
    Refused,
    Settled,
    Success,
    Unanswered,
)
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, config, running


async def test_a_drain_finishes_what_runs(autojump_clock):
    """The running call gets its answer, and then the actor is gone."""
    async with running() as rig:
        running_call = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        assert await rig.supervisor.drain()
        assert running_call.reply == Answered(Success())
        assert trio.current_time() == 1.0
        assert (rig.now_shows.alive, rig.now_shows.draining) == (False, True)


async def test_a_draining_circuit_refuses_what_is_new(autojump_clock):
    """At once, while the call before it goes on."""
    async with running() as rig:
        rig.begin(Act(after_s=1.0))
        await rig.quiet()
        rig.circuit.drain()
        assert await rig.ask() == Refused(Refusal.DRAINING)
        assert trio.current_time() == 0.0


async def test_questions_behind_a_drain_are_refused(autojump_clock):
    """A queue of unread questions is answered, and none of it is made."""
    async with running() as rig:
        rig.circuit.drain()
        askers = [rig.begin() for _ in range(5)]
        await rig.quiet()
        assert [asker.reply for asker in askers] == [Refused(Refusal.DRAINING)] * 5
        assert rig.far.called_at == []


async def test_a_question_that_races_the_last_step_is_answered(autojump_clock):
    """Asked in the very instant in which the last call ends, it is refused or made, never lost."""
    for _ in range(30):  # trio orders the tasks of one instant at random
        async with running() as rig:
            ends_at = trio.current_time() + 1.0
            rig.begin(Act(after_s=1.0))
            racing = [rig.begin(starts_at=ends_at) for _ in range(3)]
            await rig.quiet()
            rig.circuit.drain()
            await rig.at(ends_at)
            assert [asker.reply for asker in racing] == [Refused(Refusal.DRAINING)] * 3


async def test_a_drain_cancels_a_probe_under_way(autojump_clock):
    """A probe decides nothing any more, and is not waited for."""
    async with running(Act(after_s=10.0)) as rig:
        await rig.trip()
        await rig.at(5.0)
        assert await rig.supervisor.drain()
        assert (trio.current_time(), rig.far.probes_running) == (5.0, 0)


async def test_a_draining_circuit_starts_no_probe(autojump_clock):
    """Though its wait ends while the last call still runs."""
    async with running() as rig:
        rig.begin(Act(before_s=30.0))
        await rig.quiet()
        await rig.trip()
        assert await rig.supervisor.drain()
        assert (trio.current_time(), rig.far.probed_at) == (30.0, [])


@pytest.mark.parametrize("held_open", [True, False])
async def test_a_drain_ends_a_held_circuit(autojump_clock, held_open: bool):
    """An operator's hold keeps nobody from leaving."""
    async with running() as rig:
        await rig.circuit.hold(open=held_open)
        assert await rig.supervisor.drain()


async def test_a_drain_does_not_wait_for_settling_calls(autojump_clock):
    """Their askers have been told; the observer hears that nobody will ever know."""
    async with running() as rig:
        await rig.ask(Act(after_s=HUNG_S), within_s=1.0)
        assert await rig.supervisor.drain()
        assert trio.current_time() == 1.0
        (settled,) = rig.seen.of(Settled)
        assert settled.reply == Unanswered(Cause.CUT, committed=True)


async def test_the_last_answer_does_not_wait_for_a_settling_call_to_go_away(autojump_clock):
    """An answer in hand is given before anything is tidied up."""
    async with running() as rig:
        await rig.ask(Act(after_s=HUNG_S, closing_s=5.0), within_s=0.5)
        last = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        await rig.supervisor.drain()
        assert (last.reply, last.replied_at) == (Answered(Success()), 1.5)


async def test_a_settling_call_that_ends_during_the_drain_is_told(autojump_clock):
    """What it turned out to be is still worth knowing."""
    async with running() as rig:
        act = Act(after_s=1.0, deaf=True)
        await rig.ask(act, within_s=0.5)
        await rig.supervisor.drain()
        assert rig.seen.of(Settled) == [Settled("far", act, Answered(Success()), 1.0)]


async def test_a_drain_that_takes_too_long_cuts_by_phase(autojump_clock):
    """Past its time everybody is answered by what is known, and the drain says it was not clean."""
    async with running(timeout_s=60.0) as rig:
        before = rig.begin(Act(before_s=HUNG_S))
        after = rig.begin(Act(after_s=HUNG_S))
        await rig.quiet()
        assert not await rig.supervisor.drain(10.0)
        assert before.reply == Unanswered(Cause.CUT, committed=False)
        assert after.reply == Unanswered(Cause.CUT, committed=True)
        assert trio.current_time() == 10.0


async def test_a_cut_does_not_wait_for_a_committed_call_to_go_away(autojump_clock):
    """What is known of it will not change, so its asker is told at once."""
    async with running() as rig:
        slow = rig.begin(Act(after_s=HUNG_S, closing_s=5.0))
        await rig.quiet()
        rig.circuit.cut()
        await rig.quiet()
        assert slow.reply == Unanswered(Cause.CUT, committed=True)


async def test_a_cut_waits_until_an_uncommitted_call_is_over(autojump_clock):
    """Only then is it certain that it will never take effect."""
    async with running() as rig:
        slow = rig.begin(Act(before_s=HUNG_S, closing_s=1.0))
        await rig.quiet()
        rig.circuit.cut()
        assert (await rig.quiet(), slow.reply)[1] is None
        await rig.at(1.0)
        assert slow.reply == Unanswered(Cause.CUT, committed=False)


async def test_a_call_that_commits_under_the_cut_is_not_called_undone(autojump_clock):
    """A deaf call that takes effect after the order to stop is answered as what it was."""
    async with running() as rig:
        deaf = rig.begin(Act(before_s=1.0, deaf=True))
        await rig.quiet()
        rig.circuit.cut()
        assert await deaf.answered() == Answered(Success())


async def test_a_second_drain_changes_nothing(autojump_clock):
    """Also when the actor has already left."""
    async with running() as rig:
        assert await rig.supervisor.drain()
        assert await rig.supervisor.drain()


async def test_a_drain_that_meets_a_crash_still_ends(autojump_clock):
    """The order to leave survives the crash that it arrives beside."""
    for _ in range(20):  # trio orders the tasks of one instant at random
        async with running() as rig:
            rig.judge.breaks_on = lambda answer: answer is DOWN
            rig.begin(Act(DOWN, after_s=1.0))
            await rig.quiet()
            await trio.sleep(1.0)
            rig.circuit.drain()
            with trio.fail_after(5.0):
                await rig.supervisor.drain()


async def test_a_cut_that_meets_a_crash_still_ends(autojump_clock):
    """So does the order to stop."""
    for _ in range(20):
        async with running() as rig:
            rig.judge.breaks_on = lambda answer: answer is DOWN
            rig.begin(Act(DOWN, after_s=1.0))
            await rig.quiet()
            await trio.sleep(1.0)
            rig.circuit.cut()
            await rig.quiet()
            assert not rig.now_shows.alive


async def test_a_hard_cancellation_answers_every_asker(autojump_clock):
    """Whoever lives outside the cancelled nursery is answered by phase, read or unread."""
    rig = Rig(config())
    async with trio.open_nursery() as outside:
        rig.nursery = outside
        async with trio.open_nursery() as inside:
            await inside.start(rig.supervisor.run)
            before, after = rig.begin(Act(before_s=HUNG_S)), rig.begin(Act(after_s=HUNG_S))
            await rig.quiet()
            inside.cancel_scope.cancel()
            unread = rig.begin()
        await rig.quiet()
    assert before.reply == Unanswered(Cause.FAILED, committed=False)
    assert after.reply == Unanswered(Cause.FAILED, committed=True)
    assert unread.reply == Refused(Refusal.STOPPED)


async def test_a_hard_cancellation_answers_every_order(autojump_clock):
    """An operator gets the last snapshot, whether they asked before or after the end."""
    rig = Rig(config())
    orders: list[str] = []

    async def operator(gives_it_at: float) -> None:
        await trio.sleep_until(gives_it_at)
        orders.append((await rig.circuit.hold(open=True)).state)

    async with trio.open_nursery() as outside:
        async with trio.open_nursery() as inside:
            await inside.start(rig.supervisor.run)
            rig.nursery = outside
            rig.begin(Act(after_s=HUNG_S, closing_s=1.0))
            outside.start_soon(operator, 0.5)
            outside.start_soon(operator, 2.0)
            await rig.quiet()
            inside.cancel_scope.cancel()
        assert trio.current_time() == 1.0
        await rig.at(2.0)
        assert orders == ["closed", "closed"]


async def test_a_circuit_whose_supervisor_never_came_up_keeps_nobody_waiting(autojump_clock):
    """Cancelled before it began, it refuses questions and answers orders."""
    rig = Rig(config())
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.supervisor.run()
    assert await rig.ask(within_s=inf) == Refused(Refusal.STOPPED)
    assert not (await rig.circuit.release()).alive


async def test_a_cut_leaves_a_settling_call_to_tell_its_end(autojump_clock):
    """Its asker has been answered. As long as the circuit waits for another to go away, what it
    turns out to be is still worth knowing."""
    async with running() as rig:
        await rig.ask(Act(Success(), after_s=3.0), within_s=0.5)
        rig.begin(Act(before_s=100.0, closing_s=5.0))
        await rig.at(1.0)
        rig.supervisor.cut()
        await rig.at(10.0)
        told = [(settled.reply, settled.seconds) for settled in rig.seen.of(Settled)]
        assert told == [(Answered(Success()), 3.0)]
        assert not rig.now_shows.alive
