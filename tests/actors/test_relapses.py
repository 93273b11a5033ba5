"""A probe that passes while every real call fails: what it costs, hour by hour.

Real circuits with the settings that SMSP has by default, on a virtual clock. A call is *hurt* when
it was made and failed; one that is refused has lost nothing.
"""

from __future__ import annotations

from itertools import cycle
from math import inf
from random import Random

import pytest
import trio

from actors import Answered, Fault, FirstFailure, Success, Verdict
from actors.backoff import CEILING_S_MAX
from actors.breaker import Breaker, Event, Permit, State
from tests.kit.actors import Act, Rig, running

HOUR_S = 3600.0
HURT_IN_THE_FIRST_HOUR_MAX, HURT_IN_A_LATER_HOUR_MAX = 15, 5

BROKEN = Fault("server_error")
NO_CREDITS = Fault("no_credits", grave=True)
PROBE_TAKES = Act(after_s=0.1)


def defaults(seed: int = 0):
    """A circuit as SMSP makes it by default, with a probe that takes a moment and passes."""
    return running(
        *[PROBE_TAKES] * 100,
        seed=seed,
        trip=FirstFailure(),
        base_s=5.0,
        cap_s=60.0,
        timeout_s=2.0,
        max_in_flight=256,
        mailbox_capacity=256,
    )


async def stream(
    rig: Rig, *says: Verdict, every_s: float, until_s: float, answer_s: float = 0.05
) -> None:
    """Begin a call every so often, whoever may still be waiting, and be told these verdicts in
    turn; while the circuit is open, whose refusals hurt nobody, only look at it."""
    turns = cycle(says)
    while trio.current_time() < until_s:
        shown = rig.now_shows
        if shown.state == "closed":
            rig.begin(Act(next(turns), after_s=answer_s))
            await trio.sleep(every_s)
            continue
        with trio.move_on_at(until_s):
            await rig.circuit.changed(shown.version)
        # The stream does not wait for the circuit: its next message comes when it comes.
        await trio.sleep(-trio.current_time() % every_s)


def hurt(rig: Rig) -> list[float]:
    """When the calls ended that were made and failed, from the first of them on, in seconds."""
    failed_at = [
        begun.replied_at
        for begun in rig.begun
        if begun.replied_at is not None
        and isinstance(begun.reply, Answered)
        and isinstance(begun.reply.answer, Fault)
    ]
    return [at - min(failed_at) for at in failed_at]


def assert_few(hurt_at: list[float]) -> None:
    """In the first hour and in each later one; also in a later hour by any other clock."""
    first = [at for at in hurt_at if at < HOUR_S]
    later = [at for at in hurt_at if at >= HOUR_S]
    assert max(hurt_at) > 4 * HOUR_S, "nothing was tried any more"
    assert len(first) <= HURT_IN_THE_FIRST_HOUR_MAX
    hours = [[at for at in later if begins <= at < begins + HOUR_S] for begins in later]
    assert max(map(len, hours)) <= HURT_IN_A_LATER_HOUR_MAX


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", [BROKEN, NO_CREDITS], ids=lambda fault: fault.reason)
@pytest.mark.parametrize("every_s", [0.02, 1.0, 30.0, 300.0, 514.0, 1200.0])
async def test_a_probe_that_is_wrong_hurts_few_messages(
    autojump_clock, every_s: float, fault: Fault, seed: int
):
    """However dense or sparse the mail: at most 15 in the first hour and 5 in any later one."""
    async with defaults(seed) as rig:
        await stream(rig, fault, every_s=every_s, until_s=6 * HOUR_S)
        assert_few(hurt(rig))


async def test_those_under_way_when_it_opens_first_are_counted(autojump_clock):
    """Fifty messages a second and an answer after a tenth of one: five more are hurt at once."""
    async with defaults() as rig:
        await stream(rig, BROKEN, every_s=0.02, until_s=6 * HOUR_S, answer_s=0.1)
        assert sum(at < 0.1 for at in hurt(rig)) == 5
        assert_few(hurt(rig))


async def test_faults_may_take_turns(autojump_clock):
    """Every relapse disproves the probe, whatever the fault is called this time."""
    faults = (BROKEN, Fault("connect_failed"), NO_CREDITS, Fault("timeout", timed_out=True))
    async with defaults() as rig:
        await stream(rig, *faults, every_s=0.02, until_s=6 * HOUR_S)
        assert_few(hurt(rig))


async def test_mail_that_is_declined_in_between_proves_nothing(autojump_clock):
    """Every second message is refused for its own sake before anybody looks at the credits."""
    async with defaults() as rig:
        says = (Success(declined=True), NO_CREDITS)
        await stream(rig, *says, every_s=0.02, until_s=6 * HOUR_S)
        assert_few(hurt(rig))


async def test_a_crowd_at_a_slow_far_side_is_let_through_one_by_one(autojump_clock):
    """After a relapse one call goes alone until one has succeeded, however long it takes."""
    async with defaults() as rig:
        for _ in range(2):
            await rig.ask(Act(BROKEN))
            await trio.sleep(12.0)
        assert (rig.now_shows.state, rig.now_shows.limit) == ("closed", 1)
        called = len(rig.far.called_at)
        await trio.sleep(100.0)
        for _ in range(50):
            rig.begin(Act(BROKEN, after_s=1.9))
        await trio.sleep(10.0)
        assert len(rig.far.called_at) == called + 1


async def test_one_success_lets_the_crowd_in_again(autojump_clock):
    """It proves that calls succeed, and the limit is what it would have been."""
    async with defaults() as rig:
        for _ in range(2):
            await rig.ask(Act(BROKEN))
            await trio.sleep(12.0)
        await trio.sleep(60.0)
        assert rig.now_shows.limit == 1
        await rig.ask()
        assert rig.now_shows.limit == 256


async def test_an_operator_who_has_mended_it_need_not_wait(autojump_clock):
    """``release`` probes an open circuit at once, and the next fault is a first one again."""
    async with defaults() as rig:
        await stream(rig, NO_CREDITS, every_s=0.5, until_s=2 * HOUR_S)
        assert rig.now_shows.state == "open"
        assert rig.now_shows.due_at is not None
        assert rig.now_shows.due_at - rig.now_shows.since == pytest.approx(CEILING_S_MAX)
        now = trio.current_time()
        shown = await rig.circuit.release()
        assert (shown.state, shown.reason) == ("open", "no_credits")
        await trio.sleep(0.5)
        assert (rig.now_shows.state, rig.far.probed_at[-1]) == ("closed", now)
        await rig.ask(Act(NO_CREDITS))
        assert rig.now_shows.due_at == trio.current_time() + 60.0


async def test_a_far_side_that_is_well_again_is_used_within_the_wait(autojump_clock):
    """Never later than what was waited for anyway, and a stray fault then costs the usual wait."""
    async with defaults() as rig:
        await stream(rig, BROKEN, every_s=0.5, until_s=2 * HOUR_S)
        due_at = rig.now_shows.due_at
        assert due_at is not None
        await stream(rig, Success(), every_s=0.5, until_s=due_at + 5.0)
        assert rig.now_shows.state == "closed"
        await rig.ask(Act(BROKEN))
        assert rig.now_shows.due_at is not None
        assert rig.now_shows.due_at - trio.current_time() <= 60.0


def wait_after(made: Breaker, *verdicts: Verdict) -> float:
    """Close it by a probe that passes, end these calls at once, and tell the wait of the last."""
    now = made.due_at
    made.record_probe(made.start_probe(now), Success(), now)
    for verdict in verdicts:
        assert made.state is State.CLOSED
        made.record(Permit(made.epoch), verdict, now, 0.1)
    return made.due_at - now


def relapsed(times: int) -> Breaker:
    """A breaker that has been opened by a grave fault and has relapsed so often."""
    made = Breaker(
        trip=FirstFailure(),
        ceiling=8,
        call_s=2.0,
        base_s=5.0,
        cap_s=60.0,
        random=Random(1),
        now=0.0,
    )
    made.record(Permit(made.epoch), NO_CREDITS, 0.0, 0.1)
    for _ in range(times):
        wait_after(made, NO_CREDITS)
    return made


@pytest.mark.parametrize(
    ("times", "wait_s"), [(0, 60), (1, 120), (2, 240), (3, 480), (4, 900), (9, 900)]
)
def test_each_relapse_doubles_the_ceiling(times: int, wait_s: float):
    """From the cap to a quarter of an hour. A grave fault waits it whole."""
    made = relapsed(times)
    assert made.due_at - made.since == wait_s


@pytest.mark.parametrize(
    ("before", "wait_s"),
    [
        ((), 900.0),
        ((Success(declined=True),), 900.0),
        ((Success(),), 60.0),
        ((Success(), Success(declined=True)), 60.0),
    ],
)
def test_only_work_that_was_done_ends_a_relapse(before: tuple[Verdict, ...], wait_s: float):
    """A message that was taken shows that sending works, one that was refused does not."""
    assert wait_after(relapsed(4), *before, NO_CREDITS) == wait_s


def test_a_failed_probe_after_a_relapse_is_followed_by_the_usual_wait():
    """Polls that fail agree with the calls, and cost none: they go on at their own rate."""
    made = relapsed(4)
    now = made.due_at
    made.record_probe(made.start_probe(now), BROKEN, now)
    assert 30.0 <= made.due_at - now <= 60.0
    now = made.due_at
    made.record_probe(made.start_probe(now), NO_CREDITS, now)
    assert made.due_at - now == 60.0
    assert wait_after(made, NO_CREDITS) == CEILING_S_MAX


def test_time_alone_ends_no_relapse():
    """A quiet circuit has shown nothing, be it closed for a day."""
    made = relapsed(4)
    now = made.due_at
    made.record_probe(made.start_probe(now), Success(), now)
    made.record(Permit(made.epoch), NO_CREDITS, now + 86400.0, 0.1)
    assert made.due_at - made.since == CEILING_S_MAX


@pytest.mark.parametrize("what", ["crash", "hold open", "hold closed", "quarantine"])
def test_neither_a_crash_nor_a_hold_that_ends_forgets_relapses(what: str):
    """They say nothing about the far side."""
    made = relapsed(4)
    match what:
        case "crash":
            made.crash(made.since + 1.0)
        case "hold open":
            made.hold(Event.HELD_OPEN, made.since + 1.0, until=made.since + 2.0)
        case "hold closed":
            made.hold(Event.HELD_CLOSED, made.since + 1.0, until=made.since + 2.0)
        case "quarantine":
            made.quarantine(made.since + 1.0, until=made.since + 2.0)
    made.release(made.since + 2.0, "its end")
    if made.state is State.OPEN:
        assert wait_after(made, NO_CREDITS) == CEILING_S_MAX
    else:
        made.record(Permit(made.epoch), NO_CREDITS, made.since + 2.0, 0.1)
        assert made.due_at - made.since == CEILING_S_MAX


@pytest.mark.parametrize("state", ["closed", "open", "probing", "held open", "held closed"])
def test_an_operator_who_says_auto_forgets_them(state: str):
    """In any state: whoever says so has looked."""
    made = relapsed(4)
    now = made.due_at
    match state:
        case "closed":
            made.record_probe(made.start_probe(now), Success(), now)
        case "open":
            pass
        case "probing":
            made.start_probe(now)
        case "held open":
            made.hold(Event.HELD_OPEN, now)
        case "held closed":
            made.hold(Event.HELD_CLOSED, now)
    made.reset(now)
    if made.state is State.OPEN:
        assert made.due_at == now
        made.start_probe(now)
    if made.state is State.PROBING:
        made.record_probe(Permit(made.epoch), Success(), now)
    assert made.state is State.CLOSED
    made.record(Permit(made.epoch), NO_CREDITS, now, 0.1)
    assert made.due_at - now == 60.0


def test_a_far_side_may_ask_for_more_than_the_ceiling():
    """The longer wait wins, up to the hour that a far side may ask for."""
    assert wait_after(relapsed(4), Fault("busy", grave=True, retry_after_s=2000.0)) == 2000.0
    assert wait_after(relapsed(4), Fault("busy", grave=True, retry_after_s=20.0)) == 900.0


def test_a_slow_success_is_no_relapse():
    """It opens a circuit whose rule says so, but the work was done."""
    made = relapsed(4)
    assert wait_after(made, Success(), BROKEN) <= 60.0
    assert made.due_at < inf
