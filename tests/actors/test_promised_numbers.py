"""What one circuit promises in numbers, in front of a far side: 2 s for a call, 5 s and 60 s before
a probe, 30 s until the limit is full again, 5 crashes in 30 s, 10 minutes of quarantine.

The numbers stand here as numbers: whoever changes a default or a constant changes a promise.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from actors import (
    Answered,
    Cause,
    Config,
    Consecutive,
    Fault,
    Intensity,
    Replied,
    SlowCalls,
    Success,
    Throttled,
    Unanswered,
    backoff,
    breaker,
    clock,
    limit,
    trip,
    windows,
)
from tests.kit.actors import DOWN, HUNG_S, Act, running

NEVER = Consecutive(1000)


def hangs() -> Act:
    """A call that is written and never answered."""
    return Act(after_s=HUNG_S)


@pytest.mark.parametrize(
    ("field", "promised"),
    [
        ("timeout_s", 2.0),
        ("settle_s", 30.0),
        ("probe_s", 15.0),
        ("base_s", 5.0),
        ("cap_s", 60.0),
        ("max_in_flight", 256),
        ("mailbox_capacity", 256),
    ],
)
def test_a_circuit_s_default(field: str, promised: float):
    """Of a circuit that was told nothing but its name."""
    assert getattr(Config("far"), field) == promised
    assert str(Config("far").trip) == "first-failure"


@pytest.mark.parametrize(
    ("number", "promised"),
    [
        (limit.FULL_AFTER_S, 30.0),
        ((breaker.THROTTLE_S_MIN, breaker.THROTTLE_S_MAX), (1.0, 3600.0)),
        (breaker.TRANSITIONS_KEPT, 64),
        ((backoff.CEILING_S_MAX, backoff.FLAPS_MAX), (900.0, 2)),
        ((trip.TIMED_CALLS_MIN, windows.BUCKETS), (10, 10)),
        ((clock.TURN_S_MAX, clock.STALL_S, clock.HELD_S_MAX, clock.NAP_S), (0.1, 0.5, 1.0, 0.25)),
        ((clock.GAPS_KEPT, clock.WINDOW_S), (1024, 60.0)),
    ],
    ids=["full again", "pauses", "moves", "relapses", "windows", "the clock", "its memory"],
)
def test_a_number_of_the_core(number: object, promised: object):
    """Other tests import these, so that a change of one would go unseen there."""
    assert number == promised


def test_a_supervisor_s_default():
    """More than 5 crashes in 30 s are too many; then 10 minutes of rest."""
    assert Intensity() == Intensity(restarts_max=5, period_s=30.0, quarantine_s=600.0)


async def test_time_outs_of_one_time_halve_the_limit_once(autojump_clock):
    """Three calls that hung together tell of one trouble: 8 becomes 4; two seconds later, 2."""
    async with running(trip=NEVER) as rig:
        for _ in range(3):
            rig.begin(hangs())
        assert (await rig.at(1.9)).limit == 8
        rig.begin(hangs())
        assert (await rig.at(2.0)).limit == 4
        # Its time is up at 3.9 s, less than a call's time after that.
        assert (await rig.at(3.9)).limit == 4
        rig.begin(hangs())
        assert (await rig.at(5.9)).limit == 2


async def test_a_call_may_not_wait_beyond_a_halved_limit(autojump_clock):
    """Of 8 calls at once only 4 are permitted after a time-out."""
    async with running(trip=NEVER) as rig:
        rig.begin(hangs())
        await rig.at(2.0)
        begun = [rig.begin(Act(after_s=0.5)) for _ in range(8)]
        await rig.quiet()
        assert sum(one.reply is None for one in begun) == 4


async def test_a_throttle_halves_as_a_time_out_does(autojump_clock):
    """Without a delay, and at most once in the two seconds of a call."""
    async with running() as rig:
        limits = []
        for moment in (0.0, 1.9, 2.0):
            await rig.at(moment)
            await rig.ask(Act(Throttled("throttled")))
            limits.append(rig.now_shows.limit)
        assert limits == [4, 4, 2]


async def test_successes_do_not_raise_the_limit_above_its_ceiling(autojump_clock):
    """However many there were, the next time-out halves the ceiling, not a sum."""
    async with running(trip=NEVER) as rig:
        for _ in range(20):
            await rig.ask()
        assert rig.now_shows.limit == 8
        rig.begin(hangs())
        assert (await rig.at(2.0)).limit == 4
        await rig.ask()
        assert rig.now_shows.limit == 5


@pytest.mark.parametrize(
    ("closed_s", "permitted"), [(0.0, 1), (7.4, 1), (7.5, 2), (15.0, 4), (29.9, 7), (30.0, 8)]
)
async def test_a_quiet_circuit_is_full_again_thirty_seconds_after_it_closed(
    autojump_clock, closed_s: float, permitted: int
):
    """Of 8 at once it takes its share of the time since, one at the least; no success is needed."""
    async with running() as rig:
        await rig.trip()
        assert (await rig.at(5.0)).state == "closed"
        await rig.at(5.0 + closed_s)
        begun = [rig.begin(Act(after_s=0.5)) for _ in range(8)]
        await rig.quiet()
        assert sum(one.reply is None for one in begun) == permitted


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (Act(before_s=30.0, after_s=0.9), "closed"),
        (Act(before_s=0.0, after_s=1.0), "closed"),
        (Act(before_s=0.0, after_s=1.1), "open"),
        (Act(before_s=30.0, after_s=1.1), "open"),
    ],
    ids=["a long way", "in time", "slow", "both"],
)
async def test_slowness_counts_from_the_last_byte(autojump_clock, act: Act, state: str):
    """``slow:80%>1s``: a far side is not slow because the way to it is long."""
    async with running(trip=SlowCalls(80, 1.0, 1)) as rig:
        await rig.ask(act)
        assert rig.now_shows.state == state


async def test_a_call_s_two_seconds_count_from_the_last_byte(autojump_clock):
    """Not from the question: what takes half a minute to write has its two seconds all the same."""
    async with running() as rig:
        asked = rig.begin(Act(before_s=30.0, after_s=HUNG_S))
        assert (await rig.at(31.9)).state == "closed"
        shown = await rig.at(32.0)
        assert (shown.state, shown.reason) == ("open", "timeout")
        assert asked.reply == Unanswered(Cause.TIMEOUT, committed=True)


async def test_an_asker_s_seconds_count_from_the_question(autojump_clock):
    """What is told of an answer is how long its asker has waited."""
    async with running() as rig:
        await rig.ask(Act(before_s=1.5, after_s=0.25))
        (replied,) = rig.seen.of(Replied)
        assert (replied.reply, replied.seconds) == (Answered(Success()), 1.75)


async def test_a_grave_fault_is_probed_after_a_minute(autojump_clock):
    """Found by a call: a revoked key will not come back within five seconds."""
    async with running() as rig:
        await rig.ask(Act(Fault("unauthorised", grave=True)))
        await rig.at(59.9)
        assert rig.far.probed_at == []
        await rig.at(60.0)
        assert rig.far.probed_at == [60.0]


async def test_a_grave_fault_that_a_probe_finds_is_probed_again_after_a_minute(autojump_clock):
    """The circuit had opened for five seconds; its probe learns that the key is revoked."""
    async with running(Act(Fault("unauthorised", grave=True))) as rig:
        await rig.trip()
        await rig.at(64.9)
        assert rig.far.probed_at == [5.0]
        shown = await rig.at(65.0)
        assert rig.far.probed_at == [5.0, 65.0]
        assert shown.state == "closed"


async def test_the_wait_before_a_probe_doubles_up_to_a_minute(autojump_clock):
    """5 s exactly; then half of 10, 20, 40, 60 … at least, and never more than that."""
    async with running(*[Act(DOWN)] * 8) as rig:
        await rig.trip()
        await rig.at(400.0)
        probed_at = [0.0, *rig.far.probed_at]
        waits = [later - earlier for earlier, later in pairwise(probed_at)]
        assert waits[0] == 5.0
        bounds = [(5, 10), (10, 20), (20, 40), (30, 60), (30, 60)]
        assert all(
            least <= wait <= most for wait, (least, most) in zip(waits[1:6], bounds, strict=True)
        )
        assert len({round(wait, 3) for wait in waits[1:6]}) == 5


@pytest.mark.parametrize(
    ("asked_for_s", "waits_s"), [(0.2, 1.0), (90.0, 90.0), (100_000.0, 3600.0)]
)
async def test_a_pause_is_kept_from_a_second_to_an_hour(
    autojump_clock, asked_for_s: float, waits_s: float
):
    """What a throttle asks for, within bounds."""
    async with running() as rig:
        await rig.ask(Act(Throttled("throttled", asked_for_s)))
        assert rig.now_shows.due_at == waits_s
        assert (await rig.at(waits_s)).state == "closed"


async def test_settling_is_over_after_thirty_seconds(autojump_clock):
    """Two seconds for the answer, thirty more for the truth; then nobody will ever know."""
    async with running(trip=NEVER) as rig:
        rig.begin(hangs())
        assert (await rig.at(31.9)).in_flight == 1
        assert (await rig.at(32.0)).in_flight == 0


async def test_a_probe_is_overdue_after_fifteen_seconds(autojump_clock):
    """Its circuit opens again, for longer."""
    async with running(Act(after_s=HUNG_S)) as rig:
        await rig.trip()
        assert (await rig.at(19.9)).probing
        shown = await rig.at(20.0)
        assert (shown.probing, shown.state) == (False, "open")
        assert 25.0 <= (shown.due_at or 0.0) <= 30.0
