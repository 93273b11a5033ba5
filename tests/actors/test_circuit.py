"""One circuit at work: it opens, refuses, probes and closes, and says so before it answers.

Deadlines, bounds, orders, crashes and the end have files of their own beside this one.
"""

from __future__ import annotations

from random import Random

import pytest
import trio
import trio.testing

from actors import (
    Answered,
    CallFailed,
    Fault,
    Moved,
    Neutral,
    Probed,
    Refusal,
    Refused,
    Replied,
    Settled,
    Success,
    Throttled,
    Unanswered,
)
from tests.kit.actors import DOWN, HUNG_S, Act, running


async def test_a_question_gets_the_far_sides_answer(autojump_clock):
    """A closed circuit makes the call and hands its answer back as it is."""
    async with running() as rig:
        assert await rig.ask(Act(Success(), before_s=0.1, after_s=0.2)) == Answered(Success())
        assert trio.current_time() == pytest.approx(0.3)


async def test_a_failed_call_opens_the_circuit(autojump_clock):
    """The call that failed is answered as it ended, and the next is refused."""
    async with running() as rig:
        assert await rig.ask(Act(DOWN)) == Answered(DOWN)
        assert (rig.now_shows.state, rig.now_shows.reason) == ("open", "down")
        assert await rig.ask() == Refused(Refusal.OPEN, retry_at=5.0)


async def test_an_open_circuit_makes_no_call(autojump_clock):
    """A real question never tests an open circuit, however many are asked."""
    async with running() as rig:
        await rig.trip()
        for _ in range(20):
            await rig.ask()
        assert len(rig.far.called_at) == 1


async def test_the_first_wait_is_exact_and_the_next_ones_are_jittered(autojump_clock):
    """Level 1 waits ``base_s``; above it half of the wait is random, from the given source."""
    failing = [Act(DOWN) for _ in range(4)]
    async with running(*failing, seed=7) as rig:
        await rig.trip()
        await trio.sleep(200)
        random, expected = Random(7), [5.0]
        for full in (10.0, 20.0, 40.0, 60.0):
            expected.append(expected[-1] + full / 2 + random.uniform(0, full / 2))
        assert rig.far.probed_at == pytest.approx(expected)


async def test_only_the_probe_closes_the_circuit(autojump_clock):
    """A passed probe closes it, and the next question is answered by a call."""
    async with running() as rig:
        await rig.trip()
        shown = await rig.at(5.0)
        assert (shown.state, shown.reason) == ("closed", "probe_passed")
        assert await rig.ask() == Answered(Success())


async def test_a_slow_probe_is_seen_as_probing_and_refuses(autojump_clock):
    """While its probe runs the circuit is open, and nobody can say when it will not be."""
    async with running(Act(after_s=3.0)) as rig:
        await rig.trip()
        shown = await rig.at(6.0)
        assert (shown.state, shown.probing) == ("open", True)
        assert await rig.ask() == Refused(Refusal.OPEN, retry_at=None)


async def test_three_questions_at_the_instant_of_the_probe_start_one(autojump_clock):
    """One probe at a time, also when the wait ends under a burst of questions."""
    async with running(Act(after_s=3.0)) as rig:
        await rig.trip()
        await trio.sleep_until(5.0)
        for _ in range(3):
            rig.begin()
        await rig.quiet()
        assert rig.far.probed_at == [5.0]


async def test_a_probe_that_takes_too_long_has_failed(autojump_clock):
    """After ``probe_s`` the probe is overdue: it is cancelled and the wait grows."""
    async with running(Act(after_s=HUNG_S), Act(), probe_s=15.0) as rig:
        await rig.trip()
        shown = await rig.at(20.0)
        assert (shown.state, shown.probing, shown.reason) == ("open", False, "overdue")
        assert rig.far.probes_running == 0
        await rig.at(31.0)
        assert rig.now_shows.state == "closed"


async def test_an_overdue_probe_that_will_not_end_keeps_its_place(autojump_clock):
    """A probe that is deaf to its cancellation delays the next, rather than run beside it."""
    async with running(Act(after_s=100.0, deaf=True)) as rig:
        await rig.trip()
        assert (await rig.at(104.0)).state == "open"
        assert rig.far.probed_at == [5.0]
        await rig.at(106.0)
        assert rig.far.probed_at == [5.0, 105.0]


async def test_a_probe_that_raises_has_failed_and_is_reported(autojump_clock):
    """A bug in a probe is one failed probe."""
    bug = ValueError("a bug in the probe")
    async with running(Act(raises=bug)) as rig:
        await rig.trip()
        assert (await rig.at(5.0)).reason == "failed"
        assert [probed.passed for probed in rig.seen.of(Probed)] == [False]
        assert rig.seen.of(CallFailed) == [CallFailed("far", bug)]


async def test_a_probe_may_answer_none(autojump_clock):
    """``None`` is an answer like any other: the owner's judge reads it, and nothing is stuck."""
    async with running(Act(says=None)) as rig:  # type: ignore[arg-type]
        rig.judge.verdict = lambda answer: answer or Success()  # type: ignore[method-assign]
        await rig.trip()
        assert (await rig.at(5.0)).state == "closed"


async def test_a_probe_that_is_asked_to_wait_waits(autojump_clock):
    """A throttled probe leaves the circuit open until the far side's time is over."""
    async with running(Act(Throttled("throttled", 120.0))) as rig:
        await rig.trip()
        shown = await rig.at(5.0)
        assert (shown.state, shown.due_at) == ("open", 125.0)


async def test_a_probe_that_says_nothing_does_not_close(autojump_clock):
    """Only a success closes an open circuit."""
    async with running(Act(Neutral("refused_4xx"))) as rig:
        await rig.trip()
        assert (await rig.at(5.0)).state == "open"


async def test_a_late_failure_of_an_old_epoch_moves_nothing(autojump_clock):
    """A call permitted before the circuit opened and closed cannot open it again."""
    async with running() as rig:
        late = rig.begin(Act(DOWN, before_s=6.0))
        await rig.quiet()
        await rig.trip()
        assert (await rig.at(5.0)).state == "closed"
        assert await late.answered() == Answered(DOWN)
        assert rig.now_shows.state == "closed"


async def test_a_late_success_of_an_old_epoch_closes_nothing(autojump_clock):
    """The mirror: a real success of the old epoch does not close an open circuit."""
    async with running() as rig:
        late = rig.begin(Act(before_s=1.0))
        await rig.quiet()
        await rig.trip()
        assert await late.answered() == Answered(Success())
        assert rig.now_shows.state == "open"


async def test_a_throttled_call_opens_until_the_far_sides_time(autojump_clock):
    """With a delay, being throttled opens the circuit for that long and counts as no fault."""
    async with running() as rig:
        await rig.ask(Act(Throttled("throttled", 20.0)))
        assert await rig.ask() == Refused(Refusal.OPEN, retry_at=20.0)
        assert rig.now_shows.last_failure is None


async def test_a_grave_fault_waits_the_longest(autojump_clock):
    """A fault that will not pass by itself waits the cap at once."""
    async with running() as rig:
        await rig.ask(Act(Fault("unauthorised", grave=True)))
        assert rig.now_shows.due_at == 60.0


async def test_the_snapshot_is_published_before_the_answer(autojump_clock):
    """Whoever has a reply finds it counted in the snapshot, whatever it was."""
    async with running() as rig:
        await rig.ask()
        assert rig.now_shows.counts == {"success": 1}
        await rig.ask(Act(DOWN))
        assert rig.now_shows.counts == {"success": 1, "fault": 1}
        await rig.ask()
        assert rig.now_shows.counts == {"success": 1, "fault": 1, "open": 1}


async def test_every_reply_is_reported_once_with_its_time(autojump_clock):
    """The observer learns of each reply and how long its asker has waited."""
    async with running() as rig:
        act = Act(before_s=0.5)
        await rig.ask(act)
        assert rig.seen.of(Replied) == [
            Replied("far", act, Answered(Success()), pytest.approx(0.5))
        ]


async def test_moves_are_reported_with_the_time_of_the_next_probe(autojump_clock):
    """An opening tells when it will be probed, a closing has nothing to tell."""
    async with running() as rig:
        await rig.trip()
        await rig.at(5.0)
        moves = [(m.transition.source, m.transition.target, m.due_at) for m in rig.seen.of(Moved)]
        assert moves == [("closed", "open", 5.0), ("open", "closed", None)]


async def test_a_call_that_raises_before_it_took_effect_is_nobodys_fault(autojump_clock):
    """A bug before the commit costs that call only: it certainly has not been made."""
    async with running() as rig:
        reply = await rig.ask(Act(commits=False, raises=ValueError("a bug")))
        assert reply == Unanswered("failed", committed=False)
        assert rig.now_shows.state == "closed"


async def test_a_call_that_raises_after_it_took_effect_counts_as_a_fault(autojump_clock):
    """After the commit nobody knows what the far side did, and the circuit opens."""
    async with running() as rig:
        reply = await rig.ask(Act(raises=ValueError("a bug")))
        assert reply == Unanswered("failed", committed=True)
        shown = rig.now_shows
        assert (shown.state, shown.reason, shown.last_failure.reason) == (
            "open",
            "failed",
            "failed",
        )


async def test_a_bug_that_shows_while_a_call_is_cancelled_costs_that_call_only(autojump_clock):
    """A clean-up that raises beside its own cancellation is a failed call, not a crash."""

    async def play(_: Act, progress: object) -> Success:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("a bug in the clean-up")

    async with running() as rig:
        rig.far.play = play  # type: ignore[method-assign]
        assert await rig.ask(within_s=1.0) == Unanswered("failed", committed=False)
        assert rig.now_shows.restarts == 0


async def test_an_asker_gone_before_the_start_costs_nothing(autojump_clock):
    """A question whose asker has left by the time it is read is dropped."""
    async with running() as rig:
        pending = rig.begin()
        pending.scope.cancel()
        await rig.quiet()
        assert (rig.far.called_at, rig.seen.of(Replied)) == ([], [])


async def test_an_asker_gone_while_running_is_counted_all_the_same(autojump_clock):
    """The call goes on, and what it shows about the far side is learnt."""
    async with running() as rig:
        pending = rig.begin(Act(DOWN, after_s=1.0))
        await rig.quiet()
        pending.scope.cancel()
        shown = await rig.at(1.0)
        assert (shown.state, shown.in_flight, shown.counts) == ("open", 0, {"fault": 1})


async def test_a_slow_circuit_never_delays_another(autojump_clock):
    """Two circuits share nothing: one hangs, and the other answers in its own time."""
    async with running() as slow, running() as fast:
        for _ in range(8):
            slow.begin(Act(after_s=HUNG_S))
        await slow.quiet()
        for n in range(1, 6):
            await fast.ask(Act(after_s=0.125))
            assert trio.current_time() == n * 0.125


async def test_a_watcher_misses_no_version(autojump_clock):
    """Whoever waits for what is later than they have seen is woken by the next change."""
    async with running() as rig:
        seen: list[int] = []

        async def watch() -> None:
            version = 0
            while True:
                version = (await rig.circuit.changed(version)).version
                seen.append(version)

        assert rig.nursery is not None
        rig.nursery.start_soon(watch)
        for _ in range(3):
            await rig.ask(Act(after_s=0.1))
            await rig.quiet()
            assert seen[-1] == rig.now_shows.version
        assert seen == sorted(set(seen))


async def test_a_watcher_sees_the_moves_it_slept_through(autojump_clock):
    """The snapshot carries the last moves, so reading between two of them loses neither."""
    async with running() as rig:
        await rig.trip()
        await rig.at(5.0)
        targets = [transition.target for transition in rig.now_shows.transitions]
        assert targets == ["open", "closed"]


async def test_to_ask_is_a_checkpoint_whatever_the_reply(autojump_clock):
    """A refusal at once still lets other tasks run, and hears of a cancellation."""
    async with running(max_in_flight=1, mailbox_capacity=1) as rig:
        rig.circuit.drain()
        await rig.quiet()
        with trio.testing.assert_checkpoints():
            assert await rig.ask() == Refused(Refusal.DRAINING)
        with trio.testing.assert_checkpoints():
            await rig.circuit.hold(open=True)
        with trio.testing.assert_checkpoints():
            await rig.circuit.changed(0)


async def test_no_settled_notice_for_a_call_that_was_waited_for(autojump_clock):
    """``Settled`` is only for calls whose asker had to be told before they ended."""
    async with running() as rig:
        await rig.ask(Act(after_s=1.0))
        await rig.quiet()
        assert rig.seen.of(Settled) == []
