"""What a circuit tells whoever watches: every field of a snapshot, every notice, after a story."""

from __future__ import annotations

from math import inf

import trio

from actors import Answered, Fault, Moved, Neutral, Probed, SlowCalls, Snapshot, Success, Transition
from actors.notices import LastFailure, ProbeRecord
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, config, running


async def test_every_field_of_a_circuit_that_has_lived(autojump_clock):
    """It failed at 1, was probed at 6 for a quarter of a second, and has three calls since: one
    that is over, one whose asker was told that time is up, and one that is waited for."""
    async with running(Act(after_s=0.25)) as rig:
        await rig.at(1.0)
        await rig.ask(Act(Fault("server_error"), after_s=0.0))
        await rig.at(6.25)
        await rig.ask(Act(after_s=0.25))
        await rig.ask(Act(after_s=HUNG_S), within_s=0.5)
        rig.begin(Act(after_s=1.0))
        shown = await rig.quiet()
        assert shown == Snapshot(
            name="far",
            version=shown.version,
            state="closed",
            reason="probe_passed",
            since=6.25,
            epoch=3,
            probing=False,
            in_flight=2,
            settling=1,
            limit=2,
            max_in_flight=8,
            mailbox_depth=0,
            mailbox_capacity=16,
            due_at=None,
            last_probe=ProbeRecord(6.25, "success", 0.25),
            last_failure=LastFailure(1.0, "server_error"),
            counts={"fault": 1, "success": 1, "deadline": 1},
            restarts=0,
            alive=True,
            draining=False,
            limit_grows_from=6.25,
            transitions=(
                Transition(1.0, "closed", "open", "server_error"),
                Transition(6.25, "open", "closed", "probe_passed"),
            ),
        )


async def test_a_probe_that_is_overdue_is_told_like_any_other(autojump_clock):
    """It has failed, after its fifteen seconds, and nobody knows what it did."""
    async with running(Act(after_s=HUNG_S)) as rig:
        await rig.trip()
        shown = await rig.at(20.0)
        assert rig.seen.of(Probed) == [Probed("far", False, "unknown", "overdue", 15.0)]
        assert shown.last_probe == ProbeRecord(20.0, "unknown", 15.0)
        assert shown.last_failure == LastFailure(20.0, "overdue")
        assert (shown.reason, shown.since) == ("overdue", 0.0)


async def test_the_end_of_a_hold_is_told_with_its_time(autojump_clock):
    """A held circuit is open from then on, and probed at once."""
    async with running(Act(after_s=0.5)) as rig:
        await rig.circuit.hold(open=True, until=10.0)
        shown = await rig.at(10.0)
        assert (shown.state, shown.since, shown.reason) == ("open", 10.0, "hold_ended")
        assert rig.far.probed_at == [10.0]
        moves = [notice.transition for notice in rig.seen.of(Moved)]
        assert moves == [
            Transition(0.0, "closed", "held_open", "operator"),
            Transition(10.0, "held_open", "open", "hold_ended"),
        ]
        assert [notice.due_at for notice in rig.seen.of(Moved)] == [10.0, None]


async def test_a_hold_that_ends_beside_a_probe_begins_no_other(autojump_clock):
    """One that began before the hold and does not hear that it is over keeps its place."""
    async with running(Act(after_s=30.0, deaf=True)) as rig:
        await rig.trip()
        await rig.at(5.0)
        await rig.circuit.hold(open=True, until=10.0)
        shown = await rig.at(20.0)
        assert (shown.state, rig.far.probed_at) == ("open", [5.0])
        await rig.at(35.0)
        assert rig.far.probed_at == [5.0, 35.0]


async def test_a_minute_closed_is_credited_and_less_is_not(autojump_clock):
    """The wait of a circuit that opens again is a level lower for each minute since it closed."""
    waits_s = []
    for closed_s in (60.0, 59.0):
        async with running() as rig:
            begun_at = rig.now_shows.since
            await rig.trip()
            assert (await rig.at(begun_at + 5.0)).state == "closed"
            await rig.ask()
            await rig.at(begun_at + 5.0 + closed_s)
            await rig.ask(Act(DOWN))
            waits_s.append((rig.now_shows.due_at or inf) - rig.now_shows.since)
    credited_s, as_before_s = waits_s
    assert credited_s == 5.0
    assert 5.0 < as_before_s <= 10.0


async def test_under_a_rule_for_slow_calls_a_failed_one_counts_too(autojump_clock):
    """Whatever it took: it is no better than a slow one."""
    async with running(trip=SlowCalls(100, 1.0, 2)) as rig:
        await rig.ask(Act(DOWN))
        assert rig.now_shows.state == "closed"
        await rig.ask(Act(DOWN))
        assert (rig.now_shows.state, rig.now_shows.reason) == ("open", "down")


async def test_a_probe_that_we_could_not_make_is_made_again_after_the_same_wait(autojump_clock):
    """It has told nothing of the far side: the level does not rise."""
    async with running(Act(Neutral("no_resources", ours=True))) as rig:
        await rig.trip()
        shown = await rig.at(5.0)
        assert (shown.state, shown.reason, shown.due_at) == ("open", "no_resources", 10.0)
        assert (await rig.at(10.0)).state == "closed"
        assert await rig.ask() == Answered(Success())


async def test_a_circuit_can_be_read_before_it_runs(autojump_clock):
    """Whoever looks early sees one that is not there yet."""
    shown = Rig(config()).now_shows
    assert (shown.version, shown.state, shown.reason) == (1, "closed", "started")
    assert (shown.alive, shown.in_flight, shown.limit, dict(shown.counts)) == (False, 0, 8, {})


async def test_a_task_is_named_after_its_circuit(autojump_clock):
    """Who looks at the tree of tasks sees what each is for."""
    async with running(Act(after_s=1.0)) as rig:
        rig.begin(Act(after_s=1.0))
        await rig.quiet()
        assert "call:far" in names_of_tasks()
        await rig.at(1.0)
        await rig.trip()
        await rig.at(6.0)
        assert "probe:far" in names_of_tasks()


def names_of_tasks() -> set[str]:
    """Of every task of the run."""
    names: set[str] = set()
    tasks = [trio.lowlevel.current_root_task()]
    while tasks:
        task = tasks.pop()
        assert task is not None
        names.add(task.name)
        tasks.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return names
