"""An actor, its operator and its watchers under many schedules."""

from __future__ import annotations

from functools import partial
from math import inf

import pytest
import trio

from actors import Answered, Intensity, Refusal, Refused, Snapshot, Success
from actors.testing import cancellable, choose
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, crash
from tests.kit.invariants import lawful

EVERY_SCHEDULE = pytest.mark.schedules(strategy="dfs", delays=3)
"""For situations so small that every schedule of at most three delays can be tried."""


@pytest.mark.schedules(300)
async def test_a_hold_in_any_state_is_released_or_ends():
    """Whatever the circuit was doing, afterwards it is automatic again and takes calls."""
    async with lawful(Act(after_s=3.0, closing_s=float(choose(2)))) as rig:
        await _some_state(rig)
        held_open, expires = bool(choose(2)), bool(choose(2))
        now = trio.current_time()
        asker = rig.begin(starts_at=now + 1.0)
        held = await rig.circuit.hold(open=held_open, until=now + 1.0 if expires else inf)
        assert held.state == ("held_open" if held_open else "held_closed")
        if not expires:
            await rig.circuit.release()
        await asker.answered()
        await trio.sleep(5.0)
        assert rig.now_shows.state == "closed"
        assert await rig.ask() == Answered(Success())


@EVERY_SCHEDULE
async def test_a_hold_that_comes_and_goes_while_a_probe_runs():
    """However slowly the old probe leaves, there is one at a time; an old one decides nothing."""
    deaf = bool(choose(2))
    failing = Act(DOWN, after_s=2.0, deaf=True) if deaf else Act(after_s=HUNG_S, closing_s=2.0)
    async with lawful(failing, Act(after_s=1.0)) as rig:
        await rig.trip()
        await trio.sleep_until(5.5)
        await rig.circuit.hold(open=True)
        rig.nursery.start_soon(rig.circuit.release)
        asker = rig.begin()
        assert isinstance(await asker.answered(), Refused)
        await trio.sleep_until(9.0)
        assert (rig.now_shows.state, len(rig.far.probed_at)) == ("closed", 2)


@EVERY_SCHEDULE
async def test_an_operator_ends_a_long_wait():
    """Two say so at once, perhaps in the instant in which it is over: one probe is made, and a
    fault after it is a first one again."""
    early = bool(choose(2))
    async with lawful(Act(), Act(after_s=1.0), base_s=60.0) as rig:
        await rig.trip()
        await trio.sleep_until(60.5)
        await rig.trip()
        waits_until = rig.now_shows.due_at
        assert waits_until is not None
        ends_at = 70.0 if early else waits_until
        for _ in range(2):
            rig.nursery.start_soon(_at, ends_at, rig.circuit.release)
        asker = rig.begin(starts_at=ends_at)
        assert isinstance(await asker.answered(), Refused)
        await trio.sleep_until(ends_at + 1.5)
        assert (rig.now_shows.state, rig.far.probed_at) == ("closed", [60.0, ends_at])
        await rig.trip()
        assert rig.now_shows.due_at is not None
        assert rig.now_shows.due_at <= trio.current_time() + 60.0


@EVERY_SCHEDULE
async def test_a_hold_survives_a_crash_at_any_moment():
    """It was in force, or it waits in the mailbox for the next life; it is never lost."""
    async with lawful() as rig:
        held_open = bool(choose(2))
        rig.begin(Act(after_s=HUNG_S, closing_s=1.0))
        await rig.quiet()
        shown: list[Snapshot] = []

        async def hold() -> None:
            shown.append(await rig.circuit.hold(open=held_open))

        rig.nursery.start_soon(hold)
        await crash(rig)
        await trio.sleep_until(2.0)
        state = "held_open" if held_open else "held_closed"
        assert [one.state for one in shown] == [state]
        assert (rig.now_shows.state, rig.now_shows.restarts) == (state, 1)


@pytest.mark.schedules(300)
async def test_an_order_ends_a_quarantine():
    """Whatever the order is, it is carried out by a new life, and nobody waits for the old one."""
    async with lawful(intensity=Intensity(restarts_max=0), beside=True) as rig:
        await crash(rig)
        assert rig.now_shows.state == "quarantined"
        hold = rig.circuit.hold
        order, state = (
            (rig.circuit.release, "open"),
            (partial(hold, open=True), "held_open"),
            (partial(hold, open=False), "held_closed"),
        )[choose(3)]
        askers = [rig.begin() for _ in range(2)]
        assert (await order()).state == state
        for asker in askers:
            assert isinstance(await asker.answered(), Answered | Refused)
        await trio.sleep(1.0)
        assert rig.now_shows.state == ("closed" if state == "open" else state)


@pytest.mark.schedules(300)
async def test_an_operator_is_answered_while_the_actor_leaves():
    """An order that races with the drain is carried out or not, but nobody waits for it."""
    async with lawful() as rig:
        last = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        orders = [rig.circuit.release, lambda: rig.circuit.hold(open=True)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.supervisor.drain)
            for order in orders:
                nursery.start_soon(_at, 1.0, order)
        assert await last.answered() == Answered(Success())
        assert await rig.ask() == Refused(Refusal.DRAINING)


@pytest.mark.schedules(300)
async def test_a_watcher_sees_the_end():
    """However late it looks, it never sleeps through the last snapshot; one may leave."""
    async with lawful() as rig, trio.open_nursery() as nursery:
        nursery.start_soon(_watch_to_the_end, rig)
        nursery.start_soon(_watch_for_a_while, rig)
        rig.begin(Act(after_s=1.0))
        await rig.ask(Act(after_s=1.0))
        await rig.supervisor.drain()


async def _some_state(rig: Rig) -> None:
    match choose(5):
        case 0:
            pass
        case 1:
            await rig.trip()
        case 2:
            await rig.trip()
            await trio.sleep_until(5.0)
        case 3:
            await rig.circuit.hold(open=True)
        case 4:
            await rig.circuit.hold(open=False, until=1.0)


async def _at(when: float, order) -> None:
    await trio.sleep_until(when)
    await order()


async def _watch_to_the_end(rig: Rig) -> None:
    shown = rig.circuit.snapshot
    while not shown.draining or shown.alive:
        later = await rig.circuit.changed(shown.version)
        assert later.version > shown.version
        shown = later


async def _watch_for_a_while(rig: Rig) -> None:
    with cancellable():
        await _watch_to_the_end(rig)
