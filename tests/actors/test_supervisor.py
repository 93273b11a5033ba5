"""The supervisor: restarts with an intensity, quarantine, and the one exit when nothing is left."""

from __future__ import annotations

import pytest
import trio

from actors import (
    AllQuarantined,
    Answered,
    Crashed,
    Intensity,
    Refusal,
    Refused,
    Success,
    Supervisor,
)
from tests.kit.actors import DOWN, Act, Rig, config, crash, running


async def crash_times(rig: Rig, times: int) -> None:
    """Crash it so often in a row; each new life probes and closes first."""
    for _ in range(times):
        if rig.now_shows.state == "open":
            await rig.circuit.release()
        await crash(rig)


async def test_started_means_every_actor_takes_questions(autojump_clock):
    """``run`` reports started once each actor has published its first snapshot."""
    rig = Rig(config())
    circuits = [rig.another(config(name=f"far-{n}")) for n in range(3)]
    supervisor = Supervisor(circuits)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert all(circuit.snapshot.alive for circuit in circuits)
        for circuit in circuits:
            assert await circuit.ask(Act(), deadline=1.0) == Answered(Success())
        assert await supervisor.drain()


async def test_run_returns_when_everybody_has_drained(autojump_clock):
    """A drain is the orderly end, and no error."""
    rig = Rig(config())
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.supervisor.run)
        assert await rig.supervisor.drain()
    assert not rig.now_shows.alive


async def test_five_crashes_in_thirty_seconds_are_borne(autojump_clock):
    """Each is a restart."""
    async with running(beside=True) as rig:
        await crash_times(rig, 5)
        assert (rig.now_shows.restarts, rig.now_shows.alive) == (5, True)


async def test_the_sixth_crash_in_thirty_seconds_is_quarantined(autojump_clock):
    """No calls and no probes from then on, and the observer knows."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        assert rig.now_shows.state == "quarantined"
        assert [crashed.quarantined for crashed in rig.seen.of(Crashed)] == [False] * 5 + [True]
        probes = len(rig.far.probed_at)
        assert await rig.ask() == Refused(Refusal.QUARANTINED, retry_at=600.0)
        await rig.at(599.0)
        assert len(rig.far.probed_at) == probes


@pytest.mark.parametrize(("last_at", "state"), [(30.0, "quarantined"), (30.25, "closed")])
async def test_thirty_seconds_from_the_first_crash_to_the_sixth(
    autojump_clock, last_at: float, state: str
):
    """Six within them are too many; a moment later the first is forgotten."""
    async with running(beside=True) as rig:
        begun_at = trio.current_time()
        for moment in (0.0, 6.0, 12.0, 18.0, 24.0, last_at):
            await rig.at(begun_at + moment)
            await crash(rig)
        assert rig.now_shows.state == state


async def test_crashes_further_apart_are_borne_for_ever(autojump_clock):
    """Five in any thirty seconds is the limit, not five in all."""
    async with running(beside=True) as rig:
        for n in range(12):
            await rig.at(7.0 * n)
            await crash(rig)
        assert rig.now_shows.restarts == 12


async def test_a_quarantine_ends_by_itself(autojump_clock):
    """After 600 s the actor gets one more try, and its probe may close the circuit."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        shown = await rig.at(600.0)
        assert (shown.state, shown.alive) == ("closed", True)
        assert await rig.ask() == Answered(Success())


@pytest.mark.parametrize("order", ["release", "hold open", "hold closed"])
async def test_an_order_ends_a_quarantine(autojump_clock, order: str):
    """The operator knows better: the actor runs again and carries the order out."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        if order == "release":
            assert (await rig.circuit.release()).state == "open"
            assert (await rig.quiet()).state == "closed"
        else:
            shown = await rig.circuit.hold(open=order == "hold open")
            assert shown.state == order.replace("hold ", "held_")
        assert trio.current_time() == 0.0


async def test_a_revived_actor_has_a_clean_record(autojump_clock):
    """Its earlier crashes were paid for: as many as before are borne again."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        await rig.circuit.release()
        await rig.quiet()
        await crash_times(rig, 5)
        assert (rig.now_shows.state, rig.now_shows.restarts) == ("closed", 10)


async def test_the_same_actor_may_be_quarantined_again(autojump_clock):
    """Only those in quarantine now are counted, or twice one would pass for all."""
    async with running(beside=True, intensity=Intensity(restarts_max=0)) as rig:
        for _ in range(3):
            await crash(rig)
            assert rig.now_shows.state == "quarantined"
            await rig.circuit.release()
            assert (await rig.quiet()).state == "closed"


async def test_an_order_that_arrives_with_the_last_crash_does_not_wait_it_out(autojump_clock):
    """Given while the crashed actor tidies up, it is answered, not kept for 600 s."""
    async with running(beside=True, intensity=Intensity(restarts_max=1)) as rig:
        await crash_times(rig, 1)
        rig.begin(Act(after_s=1e6, closing_s=1.0))
        await rig.quiet()
        await crash(rig)
        with trio.fail_after(2.0):
            assert (await rig.circuit.release()).state == "open"


async def test_a_quarantined_circuit_drains_at_once(autojump_clock):
    """Nobody has to wait out a quarantine to leave."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        assert await rig.supervisor.drain()
        assert trio.current_time() == 0.0


async def test_a_quarantined_circuit_is_cut_at_once(autojump_clock):
    """Nor does whoever leaves in a hurry."""
    async with running(beside=True) as rig:
        await crash_times(rig, 6)
        rig.circuit.cut()
        assert not (await rig.quiet()).alive
        assert await rig.ask() == Refused(Refusal.DRAINING)
        assert trio.current_time() == 0.0


async def test_a_crash_while_draining_is_not_quarantined(autojump_clock):
    """An actor that is leaving anyway has nothing to wait for."""
    async with running(beside=True, intensity=Intensity(restarts_max=1)) as rig:
        await crash_times(rig, 1)
        rig.judge.breaks_on = lambda answer: answer is DOWN
        rig.begin(Act(DOWN, before_s=1.0))
        await rig.quiet()
        assert await rig.supervisor.drain()
        assert trio.current_time() == 1.0


async def test_all_quarantined_ends_the_run(autojump_clock):
    """When no actor is left to serve only a new process can help."""
    rig = Rig(config(), intensity=Intensity(restarts_max=0))
    with pytest.raises(ExceptionGroup) as raised:
        await _run_until_it_crashes(rig)
    assert raised.group_contains(AllQuarantined)


async def test_the_last_crash_is_reported_and_shown_like_any_other(autojump_clock):
    """Telemetry hears of the crash that ended the process."""
    rig = Rig(config(), intensity=Intensity(restarts_max=0))
    with pytest.raises(ExceptionGroup):
        await _run_until_it_crashes(rig)
    assert [crashed.quarantined for crashed in rig.seen.of(Crashed)] == [True]
    assert rig.now_shows.state == "quarantined"


async def _run_until_it_crashes(rig: Rig) -> None:
    async with trio.open_nursery() as nursery:
        rig.nursery = nursery
        await nursery.start(rig.supervisor.run)
        await crash(rig)


async def test_one_actor_left_is_enough(autojump_clock):
    """The others may all be quarantined while one still serves."""
    async with running(beside=True, intensity=Intensity(restarts_max=0)) as rig:
        await crash(rig)
        assert rig.now_shows.state == "quarantined"
        await rig.at(300.0)
        assert (await rig.circuit.release()).state == "open"


async def test_a_cancellation_passes_through(autojump_clock):
    """It is no crash: nothing begins anew."""
    rig = Rig(config())
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.supervisor.run)
        nursery.cancel_scope.cancel()
    assert (rig.now_shows.restarts, rig.seen.of(Crashed)) == (0, [])
