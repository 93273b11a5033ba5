"""How many bytes of bodies are held at once, and that every path gives its share back."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.web.app import create_app
from smsp.web.budget import ByteBudget
from tests.kit.asgi import Caller
from tests.kit.web import Client, FakeMailroom, dispatched, fake_services, message

BODY = message()
ROOM = len(BODY)


def services_with_room_for_one(**fields):
    """Services that hold one body of this size and not a byte more."""
    return fake_services(max_body_bytes=ROOM, body_budget=ByteBudget(ROOM), **fields)


def test_what_fits_is_granted():
    """Reservations are granted as long as they fit together."""
    budget = ByteBudget(10)
    with budget.reserved(6) as first, budget.reserved(4) as second, budget.reserved(1) as third:
        assert (first, second, third) == (True, True, False)
    with budget.reserved(10) as whole:
        assert whole


def test_an_error_gives_it_back():
    """What was reserved comes back however the block ends."""
    budget = ByteBudget(10)
    with pytest.raises(ValueError, match="broken"), budget.reserved(10):
        raise ValueError("broken")
    with budget.reserved(10) as whole:
        assert whole


@pytest.mark.parametrize("headers", [{"Content-Length": str(ROOM)}, {}], ids=["length", "none"])
async def test_busy_before_reading(nursery, headers):
    """While others hold the room, 503 ``busy`` comes without reading; a length is not needed."""
    mailroom = FakeMailroom()
    app = create_app(services_with_room_for_one(mailroom=mailroom))
    first, second = Caller(app, headers=headers), Caller(app, headers=headers)
    nursery.start_soon(first.exchange)
    await wait_all_tasks_blocked()
    nursery.start_soon(second.exchange)
    await wait_all_tasks_blocked()
    assert first.status is None
    assert (second.status, second.json["code"]) == (503, "busy")
    assert second.headers["retry-after"] == "1"
    assert mailroom.sends == []
    first.says(BODY)
    await wait_all_tasks_blocked()
    assert first.status == 200


async def test_a_message_is_held_until_it_is_dispatched(nursery):
    """The room is taken for as long as the message is in memory, its dispatch included."""
    finish = trio.Event()

    async def slowly(_send):
        await finish.wait()
        return dispatched()

    client = Client(services_with_room_for_one(mailroom=FakeMailroom(slowly)))
    nursery.start_soon(client.post)
    await wait_all_tasks_blocked()
    assert (await client.post()).status == 503
    finish.set()
    await wait_all_tasks_blocked()
    nursery.start_soon(client.post)
    await wait_all_tasks_blocked()
    assert len(client.services.mailroom.sends) == 2


async def broken(_send):
    """A dispatch with a bug."""
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda client: client.post(), 200),
        (lambda client: client.post(b"{"), 400),
        (lambda client: client.post(b"{}"), 422),
        (lambda client: client.post(query="?dryrun=true"), 200),
        (lambda client: client.post(headers={"SMSP-Deadline": "0"}), 400),
        (lambda client: client.post(headers={"Content-Length": str(ROOM + 1)}), 413),
    ],
    ids=["sent", "no json", "no message", "dry run", "no deadline", "too large"],
)
async def test_given_back_after_an_answer(request_of, status):
    """After every kind of answer there is room for another message."""
    client = Client(services_with_room_for_one())
    assert (await request_of(client)).status == status
    assert (await client.post()).status == 200


async def test_given_back_after_a_bug():
    """A bug behind the route costs one request and no room."""
    client = Client(services_with_room_for_one(mailroom=FakeMailroom(broken)))
    assert [(await client.post()).status for _ in range(2)] == [500, 500]


async def test_given_back_after_a_hang_up(nursery):
    """A caller who leaves in mid-body takes no room along."""
    services = services_with_room_for_one()
    caller = Caller(create_app(services))
    nursery.start_soon(caller.exchange)
    caller.says(BODY[:10], more=True)
    await wait_all_tasks_blocked()
    caller.hangs_up()
    await wait_all_tasks_blocked()
    assert (await Client(services).post()).status == 200


async def test_given_back_after_a_time_out(nursery, autojump_clock):
    """A body that does not come in time frees its room."""
    services = services_with_room_for_one()
    nursery.start_soon(Caller(create_app(services)).exchange)
    await trio.sleep(61)
    assert (await Client(services).post()).status == 200


async def test_given_back_after_a_cancellation():
    """A connection that is cancelled while its body comes frees its room."""
    services = services_with_room_for_one()
    async with trio.open_nursery() as connection:
        connection.start_soon(Caller(create_app(services)).exchange)
        await wait_all_tasks_blocked()
        connection.cancel_scope.cancel()
    assert (await Client(services).post()).status == 200
