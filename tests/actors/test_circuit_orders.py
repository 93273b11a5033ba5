"""One circuit and its operator: holds, their end, and what they do to a probe under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from actors import Answered, Fault, Refusal, Refused, Success
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, running


async def _closed(rig: Rig) -> None:
    await rig.ask()


async def _open(rig: Rig) -> None:
    await rig.trip()


async def _probing(rig: Rig) -> None:
    rig.far.probes = [Act(after_s=3.0)]
    await rig.trip()
    await rig.at(5.0)


async def _held_open(rig: Rig) -> None:
    await rig.circuit.hold(open=True, until=50.0)


async def _held_closed(rig: Rig) -> None:
    await rig.circuit.hold(open=False, until=50.0)


anywhere = pytest.mark.parametrize("begin", [_closed, _open, _probing, _held_open, _held_closed])
Begin = Callable[[Rig], Awaitable[None]]


@anywhere
async def test_a_circuit_can_be_held_open_in_any_state(autojump_clock, begin: Begin):
    """Held open it makes no call, and probes nothing."""
    async with running() as rig:
        await begin(rig)
        probes = len(rig.far.probed_at)
        assert (await rig.circuit.hold(open=True)).state == "held_open"
        assert await rig.ask() == Refused(Refusal.HELD_OPEN)
        await trio.sleep(1000)
        assert len(rig.far.probed_at) == probes


@anywhere
async def test_a_circuit_can_be_held_closed_in_any_state(autojump_clock, begin: Begin):
    """Held closed it takes calls, and no failure opens it."""
    async with running() as rig:
        await begin(rig)
        assert (await rig.circuit.hold(open=False)).state == "held_closed"
        for _ in range(5):
            assert await rig.ask(Act(DOWN)) == Answered(DOWN)
        assert rig.now_shows.state == "held_closed"


@anywhere
async def test_a_release_is_answered_in_any_state(autojump_clock, begin: Begin):
    """Whatever the state, afterwards the circuit is automatic again."""
    async with running() as rig:
        await begin(rig)
        assert (await rig.circuit.release()).state in {"closed", "open"}


async def test_a_circuit_held_open_is_probed_when_released(autojump_clock):
    """The end of a hold does not close it: a probe does, at once."""
    async with running() as rig:
        await rig.circuit.hold(open=True)
        await trio.sleep(10)
        assert (await rig.circuit.release()).state == "open"
        shown = await rig.quiet()
        assert (shown.state, rig.far.probed_at) == ("closed", [10.0])


async def test_a_circuit_held_closed_is_closed_when_released(autojump_clock):
    """Nothing needs proving: it has been taking calls, and trips again like any other."""
    async with running() as rig:
        await rig.circuit.hold(open=False)
        assert (await rig.circuit.release()).state == "closed"
        await rig.trip()


async def test_a_hold_open_ends_by_itself(autojump_clock):
    """At its time the circuit is open and its probe runs."""
    async with running() as rig:
        await rig.circuit.hold(open=True, until=60.0)
        assert await rig.ask() == Refused(Refusal.HELD_OPEN, retry_at=60.0)
        assert (await rig.at(59.9)).state == "held_open"
        assert (await rig.at(60.0)).state == "closed"
        reasons = [transition.reason for transition in rig.now_shows.transitions]
        assert reasons == ["operator", "hold_ended", "probe_passed"]


async def test_a_hold_closed_ends_by_itself(autojump_clock):
    """At its time the circuit is closed, and failures count again from none."""
    async with running() as rig:
        await rig.circuit.hold(open=False, until=60.0)
        await rig.ask(Act(DOWN))
        shown = await rig.at(60.0)
        assert (shown.state, shown.reason) == ("closed", "hold_ended")


async def test_a_hold_whose_time_is_past_ends_at_once(autojump_clock):
    """A moment that is over already holds nothing."""
    async with running() as rig:
        await trio.sleep(10)
        await rig.circuit.hold(open=False, until=5.0)
        assert (await rig.quiet()).state == "closed"


async def test_a_new_hold_replaces_the_old(autojump_clock):
    """The last order counts, and so does its end."""
    async with running() as rig:
        await rig.circuit.hold(open=True, until=10.0)
        await rig.circuit.hold(open=True, until=100.0)
        assert (await rig.at(99.0)).state == "held_open"
        assert (await rig.at(100.0)).state == "closed"


async def test_the_answer_to_an_order_shows_it_done(autojump_clock):
    """An operator reads their own order in the snapshot they get."""
    async with running() as rig:
        shown = await rig.circuit.hold(open=True, until=9.0)
        assert (shown.state, shown.reason, shown.due_at) == ("held_open", "operator", 9.0)
        assert shown == rig.now_shows


async def test_a_hold_that_comes_and_goes_leaves_one_probe(autojump_clock):
    """A probe that a hold cancels has to be over before the next one begins."""
    async with running(Act(after_s=HUNG_S, closing_s=2.0), Act()) as rig:
        await rig.trip()
        await rig.at(5.0)
        await rig.circuit.hold(open=True)
        await rig.circuit.release()
        shown = await rig.quiet()
        assert (shown.state, rig.far.probes_running) == ("open", 1)
        assert (await rig.at(7.0)).state == "closed"
        assert (rig.far.probed_at, rig.far.probes_peak) == ([5.0, 7.0], 1)


async def test_a_probe_from_before_a_hold_decides_nothing(autojump_clock):
    """It is of an older epoch, and so is what it says."""
    failing = Act(Fault("from before the hold"), after_s=3.0, deaf=True)
    async with running(failing, Act(after_s=1.0)) as rig:
        await rig.trip()
        await rig.at(5.0)
        await rig.circuit.hold(open=True)
        await rig.circuit.release()
        shown = await rig.at(8.5)
        assert (shown.state, shown.probing) == ("open", True)
        assert (await rig.at(9.0)).state == "closed"


async def test_calls_that_run_into_a_hold_finish(autojump_clock):
    """A hold refuses what is new, and cuts nothing."""
    async with running() as rig:
        running_call = rig.begin(Act(after_s=1.0))
        await rig.quiet()
        await rig.circuit.hold(open=True)
        assert await running_call.answered() == Answered(Success())


async def test_an_operator_who_leaves_is_not_waited_for(autojump_clock):
    """An order is carried out although nobody reads the answer."""
    async with running() as rig:
        with trio.CancelScope() as scope:
            scope.cancel()
            await rig.circuit.hold(open=True)
        assert (await rig.quiet()).state == "held_open"
