"""How many bytes of bodies are held at once, and that every path gives its share back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from smsp.admission.budget import ByteBudget
from smsp.admission.keyring import Keyring
from smsp.keys import Key, digest_of
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.mails import SEND_ID
from tests.kit.web import (
    KEY,
    SEND_KEY,
    Client,
    FakeDispatcher,
    dispatched,
    fake_services,
    message,
)

BODY = message()
ROOM = len(BODY)


def services_with_room_for_one(**fields):
    """Services that hold one body of this size of each key, and not a byte more."""
    return fake_services(max_body_bytes=ROOM, body_budget=ByteBudget(2 * ROOM), **fields)


def test_what_fits_is_granted():
    """Bodies grow for as long as they fit together; one that does not stays as it is."""
    budget = ByteBudget(10)
    with budget.share("a", alone=True) as first, budget.share("a", alone=True) as second:
        assert first.grow(6)
        assert second.grow(3)
        assert not second.grow(2)
        assert second.grow(1)
        assert not first.grow(1)
    with budget.share("a", alone=True) as whole:
        assert whole.grow(10)


def test_a_key_holds_half():
    """One of several keys has half of the room for all its bodies; the other half stays free."""
    budget = ByteBudget(11)
    with budget.share("a", alone=False) as first, budget.share("a", alone=False) as second:
        assert first.grow(3)
        assert second.grow(2)
        assert not second.grow(1)
        with budget.share("b", alone=False) as other:
            assert other.grow(5)
            assert not other.grow(1)
    with budget.share("a", alone=False) as again:
        assert again.grow(5)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.integers(0, 8), max_size=4)), max_size=8
    ),
    st.booleans(),
)
def test_it_holds_what_it_granted(bodies, alone):
    """Never more than the bound is held, nor more than its part by one key; a refusal takes
    nothing, and in the end all of it is there again."""
    budget, held = ByteBudget(20), dict.fromkeys("abc", 0)
    with ExitStack() as stack:
        for owner, amounts in bodies:
            share = stack.enter_context(budget.share(owner, alone=alone))
            for amount in amounts:
                fits = sum(held.values()) + amount <= 20
                fits = fits and held[owner] + amount <= (20 if alone else 10)
                assert share.grow(amount) == fits
                held[owner] += amount if fits else 0
    with budget.share("a", alone=True) as whole:
        assert whole.grow(20)


def test_a_share_that_is_kept():
    """It outlives its block until each provider that still has the message has done with it."""
    budget = ByteBudget(10)
    with budget.share("a", alone=False) as share:
        assert share.grow(5)
        budget.keep(share, SEND_ID, ("mailgun", "sendgrid"))
    for provider in ("mailgun", "postmark", "mailgun"):
        budget.settled(SEND_ID, provider)
        with budget.share("a", alone=False) as other:
            assert not other.grow(1)
    budget.settled(SEND_ID, "sendgrid")
    budget.settled(SEND_ID, "sendgrid")
    with budget.share("a", alone=True) as whole:
        assert whole.grow(10)


def test_an_error_gives_it_back():
    """What is held comes back however the block ends."""
    budget = ByteBudget(10)

    def break_off():
        with budget.share("a", alone=True) as share:
            share.grow(10)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_off()
    with budget.share("a", alone=True) as whole:
        assert whole.grow(10)


async def test_text_that_takes_more_memory_than_its_bytes():
    """With one character beyond the first 65,536 all take four bytes each, and that is counted."""
    body = message(plaintextbody="a" * 200_000 + "\N{GRINNING FACE}")
    for room, status in ((3 * len(body), 503), (5 * len(body), 200)):
        services = fake_services(
            body_budget=ByteBudget(room), keyring=Keyring([Key("one", digest_of(KEY))])
        )
        assert (await Client(services).post(body)).status == status


@pytest.mark.parametrize("headers", [{"Content-Length": str(ROOM)}, {}], ids=["length", "none"])
async def test_bodies_that_do_not_come_take_no_room(nursery, headers):
    """Any number of callers who announce a body and send nothing: another is served at once."""
    services = services_with_room_for_one()
    app = create_app(services)
    silent = [Caller(app, headers=headers) for _ in range(11)]
    for caller in silent:
        nursery.start_soon(caller.exchange)
    await wait_all_tasks_blocked()
    assert [caller.status for caller in silent] == [None] * 11
    assert (await Client(services).post()).status == 200
    silent[0].says(BODY)
    await wait_all_tasks_blocked()
    assert silent[0].status == 200


async def test_a_body_that_cannot_grow(nursery):
    """It is refused in that moment, 503 ``busy`` and the connection's end, and takes no room any
    more; the one that has the room is read to its end."""
    dispatcher = FakeDispatcher()
    app = create_app(services_with_room_for_one(dispatcher=dispatcher))
    first, second = Caller(app), Caller(app)
    for caller in (first, second):
        nursery.start_soon(caller.exchange)
        caller.says(BODY[: ROOM // 2], more=True)
        await wait_all_tasks_blocked()
    second.says(BODY[ROOM // 2 :])
    await wait_all_tasks_blocked()
    assert first.status is None
    assert (second.status, second.json["code"]) == (503, "busy")
    assert (second.headers["retry-after"], second.headers["connection"]) == ("1", "close")
    assert dispatcher.sends == []
    first.says(BODY[ROOM // 2 :])
    await wait_all_tasks_blocked()
    assert first.status == 200


async def test_another_key_is_served(nursery):
    """However many bodies one key has begun, another key's message finds room."""
    services = services_with_room_for_one()
    app = create_app(services)
    for _ in range(3):
        greedy = Caller(app)
        nursery.start_soon(greedy.exchange)
        greedy.says(BODY[:-1], more=True)
        await wait_all_tasks_blocked()
    assert (await Client(services).post()).status == 503
    assert (await Client(services).post(key=SEND_KEY)).status == 200


async def test_the_only_key_has_all_of_it(nursery):
    """Where no second key may send, all the room is that key's."""
    only = Keyring((Key("all", digest_of(KEY)), Key("watcher", digest_of("w"), frozenset())))
    services = fake_services(max_body_bytes=ROOM, body_budget=ByteBudget(2 * ROOM), keyring=only)
    first = Caller(create_app(services))
    nursery.start_soon(first.exchange)
    first.says(BODY[:-1], more=True)
    await wait_all_tasks_blocked()
    assert (await Client(services).post()).status == 200


async def test_a_message_is_held_until_it_is_dispatched(nursery):
    """The room is taken for as long as the message is in memory, its dispatch included."""
    finish = trio.Event()

    async def slowly(_send):
        await finish.wait()
        return dispatched()

    client = Client(services_with_room_for_one(dispatcher=FakeDispatcher(slowly)))
    nursery.start_soon(client.post)
    await wait_all_tasks_blocked()
    assert (await client.post()).status == 503
    finish.set()
    await wait_all_tasks_blocked()
    nursery.start_soon(client.post)
    await wait_all_tasks_blocked()
    assert len(client.services.dispatcher.sends) == 2


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
    client = Client(services_with_room_for_one(dispatcher=FakeDispatcher(broken)))
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
