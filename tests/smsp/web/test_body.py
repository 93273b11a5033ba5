"""A request's body: in how many pieces, how slowly and how large it may come."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.web.app import create_app
from smsp.web.body import BODY_GRACE_S, patience_until
from tests.kit.asgi import Caller
from tests.kit.web import fake_services, message


@pytest.fixture
def app():
    return create_app(fake_services())


async def test_a_body_in_pieces(app):
    """The pieces of a body are one body."""
    caller = Caller(app)
    body = message()
    for at in range(0, len(body), 10):
        caller.says(body[at : at + 10], more=True)
    caller.says(b"")
    await caller.exchange()
    assert caller.status == 200


async def test_a_body_that_trickles(app, nursery, autojump_clock):
    """After ten seconds a body must have come at 4 KiB a second on average; else it is given up."""
    caller = Caller(app)
    nursery.start_soon(caller.exchange)
    while caller.status is None:
        caller.says(b" " * 40, more=True)
        await trio.sleep(1)
    assert (caller.status, caller.json["code"]) == (408, "body_timeout")
    assert 10 < trio.current_time() < 12


async def test_a_slow_body_that_goes_on(app, nursery, autojump_clock):
    """Whoever keeps to that speed is read to the end, within the minute that a body has in all."""
    caller = Caller(app)
    nursery.start_soon(caller.exchange)
    for _ in range(50):
        caller.says(b" " * 4096, more=True)
        await trio.sleep(1)
    caller.says(message())
    await wait_all_tasks_blocked()
    assert caller.status == 200


@pytest.mark.parametrize("pieces", [1, 1000])
def test_how_long_a_body_may_take(pieces):
    """It is the amount that counts, not in how many pieces it comes."""
    deadline = patience_until(100.0, 0)
    assert deadline == 100.0 + BODY_GRACE_S
    for piece in range(pieces):
        deadline = patience_until(100.0, (piece + 1) * 40_960 // pieces)
    assert deadline == 120.0
