"""The actor and its clock under many schedules: what is due just as something else happens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from actors import (
    Answered,
    Cause,
    Consecutive,
    Fault,
    Probed,
    Refusal,
    Refused,
    Success,
    Throttled,
    Unanswered,
)
from actors.testing import choose
from tests.kit.actors import DOWN, HUNG_S, Act
from tests.kit.invariants import lawful

EVERY_SCHEDULE = pytest.mark.schedules(strategy="dfs", delays=3)
"""For situations so small that every schedule of at most three delays can be tried."""

SERVED = Answered(Success())
FULL = Refused(Refusal.FULL)


@EVERY_SCHEDULE
async def test_a_probe_that_is_overdue():
    """It is given up at its time, and the next one is made after a longer wait."""
    async with lawful(Act(after_s=HUNG_S, closing_s=float(choose(2))), probe_s=15.0) as rig:
        await rig.trip()
        asker = rig.begin(starts_at=20.0)
        assert isinstance(await asker.answered(), Refused)
        await trio.sleep_until(31.5)
        assert (rig.now_shows.state, len(rig.far.probed_at)) == ("closed", 2)
        assert 25.0 <= rig.far.probed_at[1] <= 30.0
        assert [probed.reason for probed in rig.seen.of(Probed)] == ["overdue", "passed"]


@EVERY_SCHEDULE
async def test_a_probe_that_passes_in_the_instant_in_which_it_is_overdue():
    """It has passed or it is overdue, whichever the actor saw first; it is never both."""
    async with lawful(Act(after_s=15.0), probe_s=15.0) as rig:
        await rig.trip()
        asker = rig.begin(starts_at=20.0)
        await asker.answered()
        await trio.sleep_until(20.5)
        (probed,) = rig.seen.of(Probed)
        assert (probed.reason, rig.now_shows.state) in (("passed", "closed"), ("overdue", "open"))


@pytest.mark.schedules(300)
async def test_being_throttled_opens_until_the_pause_is_over():
    """In the instant of its end there is one probe, and only then a call."""
    async with lawful() as rig:
        early = [rig.begin(Act(Throttled("slow down", 8.0), after_s=1.0)) for _ in range(2)]
        racing = rig.begin(starts_at=1.0)
        for one in early:
            assert await one.answered() == Answered(Throttled("slow down", 8.0))
        assert await racing.answered() in (SERVED, Refused(Refusal.OPEN, retry_at=9.0))
        await trio.sleep_until(8.5)
        assert (rig.now_shows.state, rig.now_shows.due_at) == ("open", 9.0)
        late = rig.begin(starts_at=9.0)
        assert await late.answered() in (
            SERVED,
            Refused(Refusal.OPEN),
            Refused(Refusal.OPEN, retry_at=9.0),
        )
        await trio.sleep_until(9.5)
        assert (rig.now_shows.state, rig.far.probed_at) == ("closed", [9.0])


@EVERY_SCHEDULE
async def test_a_late_throttle_puts_a_probe_off_and_does_nothing_else():
    """It may come in the very instant of the probe, or just after the circuit has closed."""
    ends_at = float((4, 5, 6)[choose(3)])
    async with lawful(Act(after_s=1.0), timeout_s=20.0) as rig:
        late = rig.begin(Act(Throttled("slow down", 8.0), after_s=ends_at))
        await rig.quiet()
        await rig.trip()
        await late.answered()
        await trio.sleep_until(6.5)
        assert (rig.now_shows.due_at, rig.now_shows.state) in (
            *([(ends_at + 8.0, "open")] if ends_at <= 5.0 else []),
            *([(None, "closed")] if ends_at >= 5.0 else []),
        )
        await trio.sleep_until(15.0)
        assert (rig.now_shows.state, len(rig.far.probed_at)) == ("closed", 1)


@EVERY_SCHEDULE
async def test_a_late_throttle_does_not_bring_a_probe_forward():
    """A pause that is over before the wait is shortens nothing."""
    async with lawful(timeout_s=20.0) as rig:
        late = rig.begin(Act(Throttled("slow down", 1.0), after_s=2.0))
        await rig.quiet()
        await rig.trip()
        await late.answered()
        assert rig.now_shows.due_at == 5.0


@pytest.mark.schedules(300)
async def test_a_limit_that_falls_below_what_is_in_flight():
    """Nothing is cut; new calls are refused until enough of the old ones have ended."""
    async with lawful(max_in_flight=4, timeout_s=20.0) as rig:
        busy = [rig.begin(Act(after_s=3.0)) for _ in range(3)]
        await rig.quiet()
        assert await rig.ask(Act(Throttled("busy"))) == Answered(Throttled("busy"))
        assert (rig.now_shows.limit, rig.now_shows.in_flight) == (2, 3)
        assert await rig.ask() == FULL
        racing = [rig.begin(Act(after_s=1.0), starts_at=3.0) for _ in range(2)]
        replies = [await one.answered() for one in racing]
        assert set(replies) <= {SERVED, FULL}
        assert [await one.answered() for one in busy] == [SERVED] * 3


@EVERY_SCHEDULE
async def test_the_first_call_after_closing_goes_alone():
    """The limit is 1, and an asker who was told that time is up makes room for the next."""
    async with lawful(trip=Consecutive(2)) as rig:
        for _ in range(2):
            await rig.ask(Act(DOWN))
        await trio.sleep_until(5.5)
        first = rig.begin(Act(after_s=1.5), within_s=1.0)
        await rig.quiet()
        assert await rig.ask() == FULL
        racing = rig.begin(starts_at=6.5)
        assert await first.answered() == Unanswered(Cause.DEADLINE, committed=True)
        assert await racing.answered() in (FULL, SERVED)
        assert await rig.ask() == SERVED


@EVERY_SCHEDULE
async def test_a_call_after_a_wrong_probe_goes_alone_and_opens_for_longer():
    """Who asks in the instant of its end is refused, and time spent closed shortens no wait."""
    async with lawful(base_s=60.0, max_in_flight=300) as rig:
        await rig.trip()
        await trio.sleep_until(60.5)
        await rig.ask(Act(DOWN))
        assert (rig.now_shows.state, rig.now_shows.reason) == ("open", "down")
        assert rig.now_shows.due_at is not None
        closed_at = rig.now_shows.due_at
        assert 60.5 + 90.0 <= closed_at <= 60.5 + 120.0
        await trio.sleep_until(closed_at + 70.0)
        assert (rig.now_shows.state, rig.now_shows.limit) == ("closed", 1)
        alone = rig.begin(Act(DOWN, after_s=1.0))
        await rig.quiet()
        assert await rig.ask() == FULL
        racing = rig.begin(starts_at=closed_at + 71.0)
        assert await alone.answered() == Answered(DOWN)
        reply = await racing.answered()
        assert isinstance(reply, Refused)
        assert reply.reason in (Refusal.FULL, Refusal.OPEN)
        assert rig.now_shows.due_at is not None
        assert 210.0 <= rig.now_shows.due_at - trio.current_time() <= 240.0


@EVERY_SCHEDULE
async def test_a_call_is_judged_once():
    """By its time-out or by its end; a failure that settles late is not a second one."""
    async with lawful(trip=Consecutive(2), timeout_s=2.0) as rig:
        slow = rig.begin(Act(DOWN, after_s=float((3, 2)[choose(2)])))
        await slow.answered()
        await trio.sleep_until(4.0)
        assert (rig.now_shows.state, rig.now_shows.in_flight) == ("closed", 0)
        await rig.ask(Act(Fault("down again")))
        assert rig.now_shows.state == "open"


@pytest.mark.schedules(300)
async def test_hung_calls_never_keep_a_recovered_far_side_shut():
    """All bounds are reached by calls that hang; after the probe has passed a call is made."""
    await _recover_from([float(1 + choose(2)) for _ in range(4)])


@pytest.mark.schedules(10)
async def test_a_hundred_hung_calls_never_keep_a_recovered_far_side_shut():
    """The same at full size."""
    await _recover_from([1.0, 2.0] * 50)


async def _recover_from(patiences_s: Sequence[float]) -> None:
    hung = len(patiences_s)
    async with lawful(max_in_flight=hung, mailbox_capacity=2 * hung) as rig:
        for patience_s in patiences_s:
            rig.begin(Act(after_s=HUNG_S), within_s=patience_s)
        await rig.quiet()
        assert rig.now_shows.in_flight == hung
        await trio.sleep_until(2.5)
        assert (rig.now_shows.state, rig.now_shows.settling) == ("open", hung // 2)
        await trio.sleep_until(7.5)
        assert rig.now_shows.state == "closed"
        assert await rig.ask() == SERVED
