"""One request on its connection: nothing is read before it is asked for, and nobody is cut off."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.web.app import create_app
from smsp.web.asgi import LINGER_BYTES_MAX, LINGER_S
from tests.kit.asgi import Caller
from tests.kit.web import FakeDispatcher, fake_services, message

MIB = 1024 * 1024
QUEUE = 10
"""How many messages hypercorn keeps for an application that does not read them."""


@pytest.fixture
def dispatcher():
    return FakeDispatcher()


@pytest.fixture
def app():
    return create_app(fake_services())


@pytest.fixture
def refused(app):
    """A caller with a wrong key."""
    return Caller(app, headers={"X-API-KEY": "a-wrong-key"})


async def test_a_large_body_is_read_aside(dispatcher):
    """Over 1 MiB; it becomes the same message, with and without an idempotency key."""
    app = create_app(fake_services(dispatcher=dispatcher, max_body_bytes=10 * MIB))
    for headers in ({}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "a"}):
        caller = Caller(app, headers=headers)
        caller.says(message(plaintextbody="a" * (2 * MIB)))
        await caller.exchange()
        assert caller.status == 200
    assert caller.headers["idempotency-replayed"] == "true"
    assert [len(one.mail.text) for one in dispatcher.sends] == [2 * MIB] * 2


async def test_a_large_body_that_is_no_message(dispatcher):
    """It is refused as a small one would be."""
    caller = Caller(create_app(fake_services(dispatcher=dispatcher, max_body_bytes=10 * MIB)))
    caller.says(b"[" * (2 * MIB))
    await caller.exchange()
    assert (caller.status, caller.json["code"]) == (400, "invalid_json")


async def test_a_caller_who_is_still_writing_is_heard_out(refused, nursery, autojump_clock):
    """A refused upload is read on, so that the refusal is not lost to a reset; then it is over."""
    nursery.start_soon(refused.exchange)
    await wait_all_tasks_blocked()
    assert (refused.status, refused.over) == (401, False)
    await trio.sleep(LINGER_S / 2)
    refused.says(b"a" * MIB, more=True)
    refused.says(b"a" * MIB)
    await wait_all_tasks_blocked()
    assert refused.over


async def test_not_for_ever(refused, nursery, autojump_clock):
    """Who neither writes nor ends has two seconds."""
    nursery.start_soon(refused.exchange)
    await trio.sleep(LINGER_S - 0.1)
    assert not refused.over
    await trio.sleep(0.2)
    assert refused.over


async def test_not_for_any_amount(refused, nursery, autojump_clock):
    """Who writes on and on has 64 MiB."""
    nursery.start_soon(refused.exchange)
    for _ in range(LINGER_BYTES_MAX // MIB):
        refused.says(b"a" * MIB, more=True)
    await wait_all_tasks_blocked()
    assert refused.over
    assert trio.current_time() == 0


async def test_nothing_is_left_to_hear(app, nursery, autojump_clock):
    """Who has said everything is not waited for."""
    caller = Caller(app)
    caller.says(message())
    nursery.start_soon(caller.exchange)
    await wait_all_tasks_blocked()
    assert caller.over
    assert trio.current_time() == 0


async def test_a_server_whose_queue_is_full(app, autojump_clock):
    """hypercorn tells of the end through the queue that the body comes in: while the last piece
    of the answer is sent, somebody must read on, or both wait for each other for ever."""
    say, hear = trio.open_memory_channel(QUEUE)
    piece = {"type": "http.request", "body": b"a" * MIB, "more_body": True}
    told = []

    async def tell(answer):
        await trio.lowlevel.checkpoint()
        told.append(answer)
        if answer.get("more_body") is False:
            with suppress(trio.WouldBlock):
                while True:
                    say.send_nowait(piece)
            await say.send({"type": "http.disconnect"})

    say.send_nowait(piece)
    with trio.fail_after(60):
        await app(Caller(app, headers={"X-API-KEY": "a-wrong-key"}).scope, hear.receive, tell)
    assert told[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
