"""One circuit and load: two bounds on its calls, one on its mailbox; no hang outlasts them."""

from __future__ import annotations

import trio

from actors import Answered, Consecutive, Refusal, Refused, Settled, Success, Throttled
from tests.kit.actors import HUNG_S, Act, running


async def test_the_hard_bound_is_never_passed(autojump_clock):
    """More calls than ``max_in_flight`` are refused as full, at once."""
    async with running(max_in_flight=3) as rig:
        busy = [rig.begin(Act(after_s=1.0)) for _ in range(5)]
        shown = await rig.quiet()
        assert shown.in_flight == 3
        full = [p.reply for p in busy if p.reply is not None]
        assert full == [Refused(Refusal.FULL)] * 2
        assert trio.current_time() == 0.0


async def test_a_circuit_that_has_just_closed_begins_with_one_call(autojump_clock):
    """The adaptive limit is 1 at closing and grows by one with each success."""
    async with running(max_in_flight=8, base_s=5.0) as rig:
        await rig.trip()
        assert (await rig.at(5.0)).limit == 1
        first, second = rig.begin(Act(after_s=0.1)), rig.begin(Act(after_s=0.1))
        await rig.quiet()
        assert sorted(p.reply is None for p in (first, second)) == [False, True]
        assert (await rig.at(5.1)).limit == 2


async def test_the_limit_of_an_idle_circuit_is_shown_as_it_is(autojump_clock):
    """It grows with time alone, and no message comes to publish it: its snapshot tells it still."""
    async with running(max_in_flight=300, mailbox_capacity=300, base_s=5.0) as rig:
        await rig.trip()
        published = await rig.at(5.0)
        limits = [published.limit_at(5.0 + later_s) for later_s in (0.0, 0.1, 15.0, 30.0, 90.0)]
        assert limits == [1, 1, 150, 300, 300]
        assert await rig.at(20.0) is published
        busy = [rig.begin(Act(after_s=0.1)) for _ in range(200)]
        await rig.quiet()
        assert sum(one.reply is None for one in busy) == 150


async def test_the_limit_after_a_relapse_is_shown_as_it_is(autojump_clock):
    """One call goes alone, however long it takes for it to come; the shown limit waits for it."""
    async with running(max_in_flight=300, base_s=5.0) as rig:
        for _ in range(2):
            await rig.trip()
            await rig.at(trio.current_time() + 20.0)
        assert rig.now_shows.state == "closed"
        assert rig.now_shows.limit_at(trio.current_time() + 60.0) == 1


async def test_an_asker_that_was_told_no_longer_counts_against_the_limit(autojump_clock):
    """A call that timed out for its asker makes room for the next question at once."""
    async with running(max_in_flight=8) as rig:
        await rig.trip()
        await rig.at(5.0)
        await rig.ask(Act(after_s=1.5), within_s=0.5)
        assert (rig.now_shows.limit, rig.now_shows.in_flight) == (1, 1)
        assert await rig.ask() == Answered(Success())


async def test_being_throttled_without_a_delay_halves_the_limit(autojump_clock):
    """It opens nothing: the circuit only takes fewer calls at a time."""
    async with running(max_in_flight=8) as rig:
        await rig.ask(Act(Throttled("throttled")))
        assert (rig.now_shows.state, rig.now_shows.limit) == ("closed", 4)


async def test_a_hundred_hung_calls_never_keep_a_recovered_far_side_shut(autojump_clock):
    """All bounds are reached by calls that hang; after the probe has passed a call is made."""
    async with running(max_in_flight=100, mailbox_capacity=200) as rig:
        for _ in range(100):
            rig.begin(Act(after_s=HUNG_S))
        assert (await rig.quiet()).in_flight == 100
        await rig.at(2.0)
        shown = await rig.at(7.0)
        assert shown.state == "closed"
        assert await rig.ask() == Answered(Success())


async def test_the_oldest_settling_call_is_cut_beyond_half_of_the_bound(autojump_clock):
    """Calls whose time is up never fill more than half of ``max_in_flight``."""
    async with running(max_in_flight=4, trip=Consecutive(99)) as rig:
        acts = [Act(after_s=HUNG_S) for _ in range(3)]
        for act in acts:
            await rig.ask(act, within_s=0.25)
        assert (await rig.quiet()).settling == 3
        shown = await rig.at(3.0)
        assert (shown.in_flight, shown.settling) == (2, 2)
        assert [settled.question for settled in rig.seen.of(Settled)] == [acts[0]]


async def test_impatient_askers_do_not_hide_a_far_side_that_hangs(autojump_clock):
    """However many there are and however short their patience: a call is only cut when its own
    time is up, so what it has to say of the far side is heard."""
    async with running(max_in_flight=4, timeout_s=2.0) as rig:
        for _ in range(40):
            await rig.ask(Act(after_s=HUNG_S), within_s=0.1)
            await trio.sleep(0.1)
        assert rig.now_shows.state == "open"
        assert rig.now_shows.last_failure.reason == "timeout"


async def test_a_call_that_will_not_be_cut_counts_until_it_is_over(autojump_clock):
    """The hard bound counts what runs, not what should have ended."""
    async with running(max_in_flight=2, trip=Consecutive(99)) as rig:
        for _ in range(2):
            await rig.ask(Act(after_s=1.0, deaf=True), within_s=0.25)
        assert rig.far.calls == 2
        assert await rig.ask() == Refused(Refusal.FULL)
        await rig.at(2.0)
        assert await rig.ask() == Answered(Success())


async def test_calls_of_an_old_epoch_do_not_count_against_the_limit(autojump_clock):
    """What was permitted before the circuit closed anew leaves its first call free."""
    async with running(max_in_flight=8, timeout_s=20.0) as rig:
        for _ in range(4):
            rig.begin(Act(after_s=10.0))
        await rig.quiet()
        await rig.trip()
        shown = await rig.at(5.0)
        assert (shown.limit, shown.in_flight) == (1, 4)
        assert await rig.ask() == Answered(Success())


async def test_a_full_mailbox_refuses_at_the_door(autojump_clock):
    """Back-pressure is a refusal: nobody queues behind what the actor cannot read."""
    async with running(mailbox_capacity=2) as rig:
        askers = [rig.begin(Act(after_s=1.0)) for _ in range(5)]
        await rig.quiet()
        replies = [asker.reply for asker in askers]
        # One is in the actor's hands already, two are in its mailbox.
        assert replies.count(None) == 3
        assert replies.count(Refused(Refusal.FULL)) == 2
        assert rig.now_shows.counts == {"full": 2}


async def test_full_says_nothing_about_when(autojump_clock):
    """A hold's end is not the time at which a full circuit will have room."""
    async with running(max_in_flight=1) as rig:
        await rig.circuit.hold(open=False, until=3600.0)
        rig.begin(Act(after_s=1.0))
        await rig.quiet()
        assert await rig.ask() == Refused(Refusal.FULL, retry_at=None)
