"""One question, one answer: the slot between an asker and an actor."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from actors.ask import ReplySlot


async def wait(slot: ReplySlot[str], got: list[str]) -> None:
    got.append(await slot.wait())


async def test_an_answer_reaches_the_asker_that_waits():
    """Put after the asker has begun to wait, it wakes it."""
    slot: ReplySlot[str] = ReplySlot()
    got: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, slot, got)
        await trio.testing.wait_all_tasks_blocked()
        slot.put("an answer")
    assert got == ["an answer"]


async def test_an_answer_may_come_first():
    """It is kept for the asker, even a cancelled one."""
    slot: ReplySlot[str] = ReplySlot()
    slot.put("an answer")
    with trio.CancelScope() as scope:
        scope.cancel()
        assert await slot.wait() == "an answer"
    assert not scope.cancelled_caught


async def test_whoever_takes_many_answers_lets_others_run():
    """To take what is in hand is a step like any other."""
    others_ran = trio.Event()

    async def other() -> None:
        others_ran.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(3):
            slot: ReplySlot[str] = ReplySlot()
            slot.put("an answer")
            await slot.wait()
        assert others_ran.is_set()


async def test_a_second_answer_is_a_bug():
    """Nobody is told two things."""
    slot: ReplySlot[str] = ReplySlot()
    slot.put("an answer")
    with pytest.raises(RuntimeError, match="answered twice"):
        slot.put("another")


async def test_an_asker_that_leaves_is_seen_to_have_left():
    """The actor can drop what nobody waits for, and an answer to it disturbs nobody."""
    slot: ReplySlot[str] = ReplySlot()
    with trio.CancelScope() as scope:
        scope.cancel()
        await slot.wait()
    assert slot.abandoned
    slot.put("too late")


async def test_an_answer_in_hand_is_never_thrown_away():
    """A cancellation that comes after the answer does not take it from the asker."""
    slot: ReplySlot[str] = ReplySlot()
    got: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, slot, got)
        await trio.testing.wait_all_tasks_blocked()
        slot.put("an answer")
        nursery.cancel_scope.cancel()
    assert (got, slot.abandoned) == (["an answer"], False)


async def test_none_is_an_answer():
    """The empty slot is told from a slot that holds nothing much."""
    slot: ReplySlot[None] = ReplySlot()
    slot.put(None)
    assert await slot.wait() is None
