"""A send that has begun is not forgotten half-way, whatever becomes of its caller."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.mail.outcome import Sent
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.web import FakeDispatcher, dispatched, fake_services, message


class SlowMailroom(FakeDispatcher):
    """Takes a message when it is told to; ``done`` are those whose dispatch ran to its end."""

    def __init__(self):
        super().__init__(self._slowly)
        self.finish = trio.Event()
        self.done = []

    async def _slowly(self, send):
        await self.finish.wait()
        self.done.append(send)
        return dispatched(Sent())


@pytest.fixture
def dispatcher():
    return SlowMailroom()


@pytest.fixture
def caller(dispatcher):
    return Caller(create_app(fake_services(dispatcher=dispatcher)))


async def test_a_hang_up_does_not_end_a_send(dispatcher, caller, nursery):
    """The caller is gone; its message is sent all the same."""
    nursery.start_soon(caller.exchange)
    caller.says(message())
    await wait_all_tasks_blocked()
    caller.hangs_up()
    await wait_all_tasks_blocked()
    assert (len(dispatcher.sends), dispatcher.done) == (1, [])
    dispatcher.finish.set()
    await wait_all_tasks_blocked()
    assert dispatcher.done == dispatcher.sends


async def test_a_cancelled_connection_does_not_end_a_send(dispatcher, caller):
    """The server cancels the connection's task: the send runs to its end, then the task ends."""
    async with trio.open_nursery() as nursery:
        connection = nursery.start_soon
        scope = trio.CancelScope()

        async def cancelled():
            with scope:
                await caller.exchange()

        connection(cancelled)
        caller.says(message())
        await wait_all_tasks_blocked()
        scope.cancel()
        await wait_all_tasks_blocked()
        assert dispatcher.done == []
        dispatcher.finish.set()
    assert dispatcher.done == dispatcher.sends
    assert caller.status is None


async def test_half_a_message(dispatcher, caller, nursery):
    """Who leaves before the message is whole has sent none."""
    nursery.start_soon(caller.exchange)
    caller.says(message()[:-1], more=True)
    caller.hangs_up()
    await wait_all_tasks_blocked()
    assert dispatcher.sends == []


async def test_nobody_is_waited_for_who_has_hung_up(caller, autojump_clock):
    """A caller who leaves in the middle of its message costs no time, so neither does stopping."""
    caller.says(message()[:10], more=True)
    caller.hangs_up()
    began_at = trio.current_time()

    await caller.exchange()

    assert trio.current_time() == began_at
