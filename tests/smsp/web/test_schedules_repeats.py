"""A caller who leaves at any moment and repeats its message with its key, under many schedules: one
mail, and the truth about it."""

from __future__ import annotations

import pytest
import trio

from actors.testing import always, cancellable, choose
from smsp.outcome import Blame, NotSent, Reason, Rejected, Unknown
from tests.kit.node import SETTLE_S, TIMEOUT_S, Act, running_node

KEY = "order-42"
NEVER_S = 1e6
REJECTS = Act(Rejected(Reason.BAD_RECIPIENT))
BREAKS = Act(Unknown(Reason.CONNECTION_LOST), takes=True)
HAS_NOT_HAD_IT = Act(NotSent(Reason.THROTTLED, Blame.THROTTLE))
TOO_LATE = Act(after_s=TIMEOUT_S + 1.0)


def at_most_one_mail(node):
    """The law that holds after every step."""
    return always(lambda: len(node.provider.taken) <= 1)


def tells_the_truth(node, answered):
    """An answer, held against what the provider has."""
    may_be_taken = {"sent": {1}, "rejected": {0}, "not_sent": {0}, "unknown": {0, 1}}
    return len(node.provider.taken) in may_be_taken[answered.json["outcome"]]


@pytest.mark.schedules(60)
async def test_who_is_cut_off_and_repeats():
    """The server cancels the caller's task at any step; the message is sent once all the same."""
    async with running_node() as node:
        with at_most_one_mail(node):
            with cancellable():
                await node.post(KEY)
            again = await node.insist(KEY)
        assert (again.status, again.json["outcome"]) == (200, "sent")
        assert len(node.provider.taken) == 1


@pytest.mark.schedules(60)
async def test_who_hangs_up_and_repeats():
    """The connection is gone at any step, and the caller is back at once."""
    async with running_node() as node, trio.open_nursery() as nursery:
        with at_most_one_mail(node):
            first = node.caller(KEY)
            nursery.start_soon(first.exchange)
            for _ in range(choose(6)):
                await trio.lowlevel.checkpoint()
            first.hangs_up()
            again = await node.insist(KEY)
        assert again.json["outcome"] == "sent"
        assert len(node.provider.taken) == 1


@pytest.mark.schedules(60)
@pytest.mark.parametrize(
    ("act", "status", "asked"),
    [(REJECTS, 422, 1), (BREAKS, 504, 1), (HAS_NOT_HAD_IT, 200, 2), (TOO_LATE, 200, 1)],
    ids=["rejected", "in doubt", "not sent", "too late"],
)
async def test_what_a_repetition_is_told(act, status, asked):
    """What became of the message, whatever it is: only after *not sent* is it a real try, and a
    doubt is no more one once the late answer has come."""
    async with running_node(act) as node:
        with at_most_one_mail(node):
            with cancellable():
                await node.post(KEY)
            await trio.sleep(2 * TIMEOUT_S)
            again = await node.insist(KEY)
        assert tells_the_truth(node, again)
        begun = node.provider.asked
        assert (again.status, begun) == (status, asked) or begun < asked


@pytest.mark.schedules(60)
async def test_twins():
    """Two callers with one key at one time: one mail, and both are told of the same message."""
    answers = []

    async def call():
        answers.append(await node.insist(KEY))

    async with running_node() as node:
        with at_most_one_mail(node):
            async with trio.open_nursery() as callers:
                callers.start_soon(call)
                callers.start_soon(call)
        first, second = answers
        assert (first.status, second.status) == (200, 200)
        assert first.json == second.json
        replayed = ["idempotency-replayed" in one.headers for one in answers]
        assert sorted(replayed) == [False, True]


@pytest.mark.schedules(60)
async def test_while_the_node_stops():
    """The same while the node drains: a repetition is told what became of the message if it had
    begun, and else that nothing was sent; nothing is left in progress."""
    async with running_node() as node, trio.open_nursery() as nursery:
        with at_most_one_mail(node):
            nursery.start_soon(node.stop)
            with cancellable():
                await node.post(KEY)
            await trio.sleep(1.0)
            again = await node.post(KEY)
        if node.provider.taken:
            assert (again.status, again.json["outcome"]) == (200, "sent")
        else:
            assert (again.status, again.json["code"]) in {
                (503, "draining"),
                (503, "no_provider"),
            }
        assert not node.ledger.holds("all", KEY) or node.provider.taken


@pytest.mark.schedules(60, timer_races=20)
async def test_a_late_outcome_meets_a_repetition():
    """The answer of a call that was given up comes at the very moment when somebody asks again, and
    clocks may go on at any moment: a doubt may be lifted, and never becomes another."""
    async with running_node(Act(after_s=TIMEOUT_S)) as node:
        with at_most_one_mail(node):
            told = [await node.insist(KEY) for _ in range(2)]
            await trio.sleep(2 * SETTLE_S)
            told += [await node.insist(KEY) for _ in range(2)]
        assert all(tells_the_truth(node, one) for one in told)
        assert len(node.provider.taken) == 1
        outcomes = [one.json["outcome"] for one in told]
        assert outcomes == sorted(outcomes, reverse=True)
        assert outcomes[-1] == outcomes[-2]


@pytest.mark.schedules(60)
async def test_a_call_that_hangs_for_ever_is_no_secret():
    """Its doubt is told to whoever asks, in progress or settling or given up; never sent again."""
    async with running_node(Act(after_s=NEVER_S)) as node:
        with at_most_one_mail(node):
            with cancellable():
                await node.post(KEY)
            for pause_s in (0.0, TIMEOUT_S, 60.0):
                await trio.sleep(pause_s)
                again = await node.post(KEY)
                assert again.status in {409, 504}
        assert again.status == 504
        assert node.provider.asked == 1
