"""The child tasks: whatever happens in one, one message says how it ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf

import pytest
import trio
import trio.testing

from actors.ask import Answered, ReplySlot
from actors.breaker import Permit
from actors.messages import Ask, Committed, Failed, Finished, Message, ProbeEnded, Stopped
from actors.tasks import Progress, Tasks
from actors.verdict import Verdict
from tests.kit.actors import DOWN, HUNG_S, Act, FarSide

Posted = list[Message[Act, Verdict]]


@asynccontextmanager
async def tasks(*probes: Act) -> AsyncGenerator[tuple[Tasks[Act, Verdict], Posted], None]:
    posted: Posted = []
    far = FarSide(*probes)
    made = Tasks("far", far.call, far.probe, posted.append)
    async with trio.open_nursery() as nursery:
        made.nursery = nursery
        yield made, posted
        nursery.cancel_scope.cancel()


def ask(act: Act, deadline: float = inf) -> Ask[Act, Verdict]:
    return Ask(act, deadline, 0.0, ReplySlot())


async def test_a_call_that_answers_posts_its_commit_and_its_end(autojump_clock):
    """In this order, with the moment of the commit."""
    async with tasks() as (made, posted):
        made.begin_call(3, ask(Act(DOWN, before_s=1.0, after_s=1.0)))
        await trio.sleep(5.0)
        assert posted == [Committed(3, 1.0), Finished(3, DOWN)]


async def test_the_deadline_stops_a_call_that_has_not_committed(autojump_clock):
    """Nothing of it happens afterwards."""
    async with tasks() as (made, posted):
        made.begin_call(3, ask(Act(before_s=2.0), deadline=1.0))
        await trio.sleep(5.0)
        assert posted == [Stopped(3)]


async def test_the_deadline_leaves_a_committed_call_alone(autojump_clock):
    """From its commit on only the actor ends it."""
    async with tasks() as (made, posted):
        scope = made.begin_call(3, ask(Act(after_s=HUNG_S), deadline=1.0))
        await trio.sleep(5.0)
        assert posted == [Committed(3, 0.0)]
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert posted[1:] == [Stopped(3)]


async def test_a_call_that_raises_posts_its_bug(autojump_clock):
    """It costs that call, and no other task."""
    bug = ValueError("a bug")
    async with tasks() as (made, posted):
        made.begin_call(3, ask(Act(commits=False, raises=bug)))
        made.begin_call(4, ask(Act(commits=False, before_s=1.0)))
        await trio.sleep(5.0)
        assert [type(message) for message in posted] == [Failed, Finished]
        assert posted[0] == Failed(3, bug)


async def test_a_commit_is_told_once(autojump_clock):
    """However often a call says it."""
    posted: list[Committed] = []
    scope = trio.CancelScope(deadline=1.0)
    progress = Progress(3, scope, posted.append)
    assert not progress.committed
    progress.commit()
    progress.commit()
    assert (progress.committed, posted, scope.deadline) == (True, [Committed(3, 0.0)], inf)


async def test_a_probe_posts_its_answer_and_its_time(autojump_clock):
    """With the permit it was given."""
    async with tasks(Act(DOWN, after_s=2.0)) as (made, posted):
        made.begin_probe(Permit(9))
        await trio.sleep(5.0)
        assert posted == [ProbeEnded(Permit(9), 2.0, Answered(DOWN))]


@pytest.mark.parametrize("bug", [ValueError("a bug"), ExceptionGroup("some", [ValueError("it")])])
async def test_a_probe_that_raises_posts_its_bug(autojump_clock, bug: Exception):
    """Not the same as a cancelled one."""
    async with tasks(Act(raises=bug)) as (made, posted):
        made.begin_probe(Permit(9))
        await trio.sleep(5.0)
        assert posted == [ProbeEnded(Permit(9), 0.0, error=bug)]


async def test_a_cancelled_probe_says_neither(autojump_clock):
    """The actor itself ended it."""
    async with tasks(Act(after_s=HUNG_S)) as (made, posted):
        made.begin_probe(Permit(9)).cancel()
        await trio.sleep(5.0)
        (ended,) = posted
        assert isinstance(ended, ProbeEnded)
        assert ended.cancelled
