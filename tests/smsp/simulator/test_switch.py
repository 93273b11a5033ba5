"""The switch: waiting for a position, and doing something only while it lasts."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from smsp.simulator import Position
from smsp.simulator.switch import Switch

UP = frozenset({Position.UP})


async def test_waiting_for_a_position(nursery):
    """Whoever waits is woken by the position it waits for, and by no other."""
    switch = Switch(Position.DOWN)
    arrived = []

    async def wait():
        await switch.wait_in(UP)
        arrived.append(switch.position)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    switch.set(Position.HANG)
    await wait_all_tasks_blocked()
    assert arrived == []
    switch.set(Position.UP)
    await wait_all_tasks_blocked()
    assert arrived == [Position.UP]


async def test_a_position_that_is_there_already():
    """Nobody waits for it."""
    with trio.fail_after(0):
        await Switch(Position.UP).wait_in(UP)


async def test_an_action_is_held_back_and_begun_anew(nursery, autojump_clock):
    """It begins in its position, ends when that is left, and begins again when it returns."""
    switch = Switch(Position.STALL)
    begun = []
    done = []

    async def action():
        begun.append(switch.position)
        await trio.sleep(10)
        return "value"

    async def only_when_up():
        done.append(await switch.only_in(UP, action))

    nursery.start_soon(only_when_up)
    await trio.sleep(60)
    assert begun == []
    switch.set(Position.UP)
    await trio.sleep(5)
    switch.set(Position.STALL)
    await trio.sleep(60)
    assert (len(begun), done) == (1, [])
    switch.set(Position.UP)
    await trio.sleep(11)
    assert (len(begun), done) == (2, ["value"])


async def test_a_result_in_hand_is_kept():
    """An action that has finished before it notices the change has not been lost."""
    switch = Switch(Position.UP)

    async def action():
        switch.set(Position.DOWN)
        return "value"

    assert await switch.only_in(UP, action) == "value"
