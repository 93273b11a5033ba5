"""The actor core under many schedules: the six situations in which an actor can go wrong.

Each is small, so that ``test_schedules_exhausted.py`` can try every schedule of it. The laws of
``tests/kit/invariants.py`` hold after every step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from actors import (
    Answered,
    Cause,
    Fault,
    Progress,
    Refusal,
    Refused,
    Settled,
    Success,
    Unanswered,
    Verdict,
)
from actors.testing import cancellable, choose
from tests.kit.actors import DOWN, HUNG_S, Act, Rig, crash
from tests.kit.invariants import lawful

TIMED_OUT = Unanswered(Cause.DEADLINE, committed=True)
NEVER_BEGUN = Unanswered(Cause.FAILED, committed=False)
EVERY_SCHEDULE = pytest.mark.schedules(strategy="dfs", delays=3)
"""For situations so small that sampling would only repeat itself."""

# -- (a) the asker leaves


@pytest.mark.schedules(300)
async def test_an_asker_may_leave_at_any_moment():
    """Its call is finished or never made, its permit comes back, and others are served."""
    async with lawful(max_in_flight=2) as rig:
        beside = rig.begin(Act(after_s=1.0))
        with cancellable():
            await rig.ask(Act(before_s=1.0, after_s=1.0))
        assert await beside.answered() == Answered(Success())
        await trio.sleep_until(5.0)
        assert len(rig.far.committed) == len(rig.far.called_at)
        assert rig.now_shows.in_flight == 0
        assert await rig.ask() == Answered(Success())


@EVERY_SCHEDULE
async def test_a_question_whose_asker_has_left_is_not_put():
    """Who is gone before the actor reads the question has asked nothing."""
    async with lawful() as rig:
        gone = Act()
        with trio.CancelScope() as scope:
            scope.cancel()
            await rig.ask(gone)
        other = rig.begin()
        assert await other.answered() == Answered(Success())
        assert gone not in rig.far.committed


# -- (b) the answer and the deadline in one instant


@pytest.mark.schedules(300)
async def test_an_answer_in_the_instant_of_the_deadline():
    """It is passed on if it came first, and settled if not; it is never lost."""
    async with lawful() as rig:
        act = Act(after_s=1.0)
        reply = await rig.ask(act, within_s=1.0)
        await trio.sleep_until(2.0)
        settled = [notice.reply for notice in rig.seen.of(Settled)]
        assert (reply, settled) in (
            (Answered(Success()), []),
            (TIMED_OUT, [Answered(Success())]),
        )


@pytest.mark.schedules(strategy="dfs", delays=3, timer_races=1)
async def test_an_answer_on_its_way_while_the_deadline_passes():
    """A call that was woken with its answer in hand answers, although its time is up by now."""
    async with lawful() as rig:
        rig.far.play = _answering_after(rig, 1.0)  # type: ignore[method-assign]
        reply = await rig.ask(Act(commits=bool(choose(2))), within_s=1.5)
        assert reply == Answered(Success()) or trio.current_time() >= 1.5
        assert rig.far.answered == [] or reply in (Answered(Success()), TIMED_OUT)


@pytest.mark.schedules(strategy="dfs", delays=3, timer_races=1)
async def test_a_call_that_commits_while_its_deadline_passes():
    """What was told as uncertain is told once more, when nothing more can come of it."""
    async with lawful() as rig:
        act = Act(before_s=1.0, after_s=1.0)
        rig.far.play = _committing_after(rig, 1.0)  # type: ignore[method-assign]
        reply = await rig.ask(act, within_s=1.5)
        assert (reply == Unanswered(Cause.DEADLINE, committed=False)) == (rig.far.committed == [])


# -- (c) a result of an older epoch against the probe


@pytest.mark.schedules(300)
async def test_a_late_failure_against_a_passing_probe():
    """Both end in one instant; the probe alone decides, and the circuit is closed."""
    async with lawful(Act(after_s=1.0), timeout_s=20.0) as rig:
        late = await _open_around(rig, DOWN)
        asker = rig.begin(starts_at=6.0)
        await trio.sleep_until(7.0)
        assert await late.answered() == Answered(DOWN)
        assert await asker.answered() in (Answered(Success()), Refused(Refusal.OPEN))
        assert (rig.now_shows.state, rig.now_shows.epoch) == ("closed", 3)


@pytest.mark.schedules(300)
async def test_a_late_success_against_a_failing_probe():
    """The mirror: the late call went well, and the circuit stays open."""
    async with lawful(Act(Fault("still down"), after_s=1.0), timeout_s=20.0) as rig:
        late = await _open_around(rig, Success())
        asker = rig.begin(starts_at=6.0)
        await trio.sleep_until(7.0)
        assert await late.answered() == Answered(Success())
        assert isinstance(await asker.answered(), Refused)
        assert (rig.now_shows.state, rig.now_shows.epoch) == ("open", 3)


# -- (d) a probe is due


@pytest.mark.schedules(300)
async def test_three_questions_as_a_probe_is_due():
    """One probe is made, and a question is served only by a circuit that the probe has closed."""
    async with lawful(max_in_flight=2) as rig:
        await rig.trip()
        askers = [rig.begin(Act(after_s=1.0), starts_at=5.0) for _ in range(3)]
        replies = [await asker.answered() for asker in askers]
        await trio.sleep_until(7.0)
        assert rig.far.probed_at == [5.0]
        assert set(replies) <= {
            Answered(Success()),
            Refused(Refusal.OPEN),
            Refused(Refusal.OPEN, retry_at=5.0),
            Refused(Refusal.FULL),
        }
        # It has just closed: one call at a time.
        assert replies.count(Answered(Success())) <= 1


# -- (e) the end


@pytest.mark.schedules(300)
async def test_a_drain_with_a_call_and_a_probe_under_way():
    """The call is finished, the probe is not waited for, and who asks meanwhile is refused."""
    async with lawful(Act(after_s=HUNG_S), timeout_s=20.0) as rig:
        last = await _open_around(rig, Success())
        racing = [rig.begin(starts_at=6.0) for _ in range(2)]
        await trio.sleep_until(5.5)
        assert await rig.supervisor.drain(60.0)
        assert (await last.answered(), trio.current_time()) == (Answered(Success()), 6.0)
        for one in racing:
            assert await one.answered() == Refused(Refusal.DRAINING)
        assert (rig.far.probed_at, rig.now_shows.alive) == ([5.0], False)


@pytest.mark.schedules(300)
async def test_a_drain_while_a_probe_is_due():
    """No probe is begun by an actor that is about to leave."""
    async with lawful(Act(after_s=HUNG_S), timeout_s=20.0) as rig:
        last = await _open_around(rig, Success())
        drained_at = (4.5, 5.0)[choose(2)]
        rig.later(drained_at, rig.circuit.drain)
        assert await last.answered() == Answered(Success())
        assert rig.far.probed_at in ([], [5.0] if drained_at == 5.0 else [])


@EVERY_SCHEDULE
async def test_a_cut_in_the_instant_of_an_answer():
    """Who waits is answered at once: by the answer, if it has come."""
    async with lawful() as rig:
        act = Act(after_s=1.0)
        asker = rig.begin(act)
        await trio.sleep_until(1.0)
        rig.supervisor.cut()
        answered = act in rig.far.answered
        reply = await asker.answered()
        assert reply == Answered(Success()) if answered else reply is not None
        assert trio.current_time() == 1.0


# -- (f) a crash


@pytest.mark.schedules(300)
async def test_a_crash_with_running_and_unread_questions():
    """Everybody is answered by what is true of them, and the next life begins open."""
    async with lawful(Act(after_s=1.0)) as rig:
        committed, uncommitted = Act(after_s=HUNG_S), Act(before_s=HUNG_S)
        running = [rig.begin(committed), rig.begin(uncommitted)]
        await rig.quiet()
        rig.judge.breaks_on = lambda answer: answer == DOWN
        crashing, unread = rig.begin(Act(DOWN)), rig.begin(Act(after_s=HUNG_S))
        assert await crashing.answered() == Answered(DOWN)
        replies = [await one.answered() for one in running]
        assert replies == [Unanswered(Cause.FAILED, committed=True), NEVER_BEGUN]
        reply = await unread.answered()
        assert isinstance(reply, Refused) or reply == Unanswered(Cause.FAILED, committed=True)
        await rig.quiet()
        assert (rig.now_shows.state, rig.now_shows.restarts) == ("open", 1)


@EVERY_SCHEDULE
async def test_the_end_of_a_call_of_an_earlier_life():
    """It answers who asked in that life, and moves nothing in this one."""
    async with lawful(Act(after_s=2.0), Act()) as rig:
        old = rig.begin(Act(DOWN, before_s=1.0, deaf=True))
        await rig.quiet()
        await crash(rig)
        assert await old.answered() == Answered(DOWN)
        await trio.sleep_until(2.0)
        assert (rig.now_shows.in_flight, rig.now_shows.restarts) == (0, 1)
        await trio.sleep_until(4.0)
        assert (rig.now_shows.state, rig.now_shows.epoch) == ("closed", 3)


Play = Callable[[Act, Progress | None], Awaitable[Verdict]]


def _answering_after(rig: Rig, seconds: float) -> Play:
    """A far side whose answer somebody else brings, as a network does."""

    async def play(act: Act, progress: Progress | None) -> Verdict:
        answered = trio.Event()
        rig.later(seconds, answered.set)
        if act.commits and progress is not None:
            progress.commit()
        await answered.wait()
        return act.says

    return play


def _committing_after(rig: Rig, seconds: float) -> Play:
    """A far side that lets the call commit when somebody else says so, and then hangs."""

    async def play(act: Act, progress: Progress | None) -> Verdict:
        ready = trio.Event()
        rig.later(seconds, ready.set)
        await ready.wait()
        if progress is not None:
            progress.commit()
            rig.far.committed.append(act)
        await trio.sleep(HUNG_S)
        return act.says

    return play


async def _open_around(rig: Rig, says: Verdict):
    """Open the circuit at 0 with a call under way that ends at 6, when a probe begun at 5 does."""
    late = rig.begin(Act(says, after_s=6.0))
    await rig.quiet()
    await rig.trip()
    return late
