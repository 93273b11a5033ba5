"""Idempotency keys, and how a message ended: what the ledger knows, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
import trio

from actors import Answered, Cause, Settled, Unanswered
from smsp.mail.dispatched import Dispatched
from smsp.mail.outcome import (
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from tests.kit.mails import send as a_send
from tests.kit.web import (
    KEY,
    SEND_KEY,
    Client,
    FakeDispatcher,
    dispatched,
    fake_services,
    message,
)

KEYED = {"Idempotency-Key": "order-42", "Content-Type": "application/json"}


LEFT_OUT = RefusedRecipients((RefusedRecipient("carol@example.org", Reason.SUPPRESSED),))


def counting_ids():
    """A new id for every message, unlike the one that the other tests use."""
    numbers = iter(range(1, 1000))
    return lambda: UUID(int=next(numbers))


def caller(*answers: Dispatched) -> tuple[Client, FakeDispatcher]:
    """A client of a node whose dispatcher answers so."""
    dispatcher = FakeDispatcher(list(answers))
    return Client(fake_services(dispatcher=dispatcher, new_id=counting_ids())), dispatcher


async def post(client: Client, body: bytes | None = None, **request):
    """One message with the key."""
    return await client.ask(
        "/email", "POST", headers=KEYED, data=message() if body is None else body, **request
    )


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Sent("id"), 200),
        (Sent("id", LEFT_OUT), 200),
        (Rejected(Reason.BAD_RECIPIENT), 422),
        (Unknown(Reason.TIMEOUT), 504),
    ],
)
async def test_the_first_answer_is_given_again(outcome: Outcome, status: int):
    """Status and body, marked as a replay, and no second call to any provider."""
    client, dispatcher = caller(dispatched(outcome))

    first, again = await post(client), await post(client)

    assert (first.status, again.status) == (status, status)
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(dispatcher.sends) == 1


async def test_after_not_sent_a_repetition_is_a_real_try():
    """The key is free again."""
    failed = dispatched(NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER))
    client, dispatcher = caller(failed, dispatched(Sent("id")))

    first, again = await post(client), await post(client)

    assert (first.status, again.status) == (503, 200)
    assert "Idempotency-Replayed" not in again.headers
    assert len(dispatcher.sends) == 2


async def test_another_message_with_the_same_key_is_refused():
    """It is a mistake of the caller's, and nothing is sent."""
    client, dispatcher = caller(dispatched(Sent("id")))
    await post(client)

    refused = await post(client, message(subject="another"))

    assert (refused.status, refused.json["code"]) == (422, "idempotency_mismatch")
    assert len(dispatcher.sends) == 1


async def test_the_spelling_of_the_same_message_does_not_matter():
    """The parsed message is compared, not its bytes."""
    client, dispatcher = caller(dispatched(Sent("id")))
    await post(client)

    spelled_otherwise = json.dumps(dict(reversed(json.loads(message()).items())), indent=3)
    again = await post(client, spelled_otherwise.encode())

    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(dispatcher.sends) == 1


async def test_a_recipient_who_is_named_again_does_not_matter():
    """Not even in another spelling: the message that would be sent is the same."""
    client, dispatcher = caller(dispatched(Sent("id")))
    await post(client, message(toaddress="bob@example.org", ccaddress="eve@example.org"))

    repeated = message(
        toaddress=["bob@example.org", "Bob <bob@EXAMPLE.org>"],
        ccaddress=["eve@example.org", "bob@example.org"],
        bccaddress="eve@Example.Org",
    )
    again = await post(client, repeated)

    assert again.headers["Idempotency-Replayed"] == "true"
    (sent,) = dispatcher.sends
    assert [box.address for box in sent.mail.recipients] == ["bob@example.org", "eve@example.org"]


async def test_a_twin_that_still_runs_is_a_conflict(nursery, autojump_clock):
    """The second of two at once is told to come back; the first is sent once."""
    going_on = trio.Event()

    async def answer(_send):
        await going_on.wait()
        return dispatched(Sent("id"))

    dispatcher = FakeDispatcher(answer)
    client = Client(fake_services(dispatcher=dispatcher, new_id=counting_ids()))
    nursery.start_soon(post, client)
    await trio.testing.wait_all_tasks_blocked()

    twin = await post(client)
    going_on.set()

    assert (twin.status, twin.json["code"]) == (409, "in_progress")
    assert twin.headers["Retry-After"] == "1"
    assert len(dispatcher.sends) == 1


async def test_another_api_key_has_keys_of_its_own():
    """One application's keys mean nothing to another."""
    client, dispatcher = caller(dispatched(Sent("one")), dispatched(Sent("two")))

    await post(client)
    other = await post(client, key=SEND_KEY)

    assert other.json["messageid"] == "two"
    assert len(dispatcher.sends) == 2


@pytest.mark.parametrize("key", ["", "k" * 257, "tab\there", "clé"])
async def test_a_key_that_cannot_be_kept_is_refused(key: str):
    """Before the body is read."""
    client, dispatcher = caller()
    headers = {**KEYED, "Idempotency-Key": key}

    refused = await client.ask("/email", "POST", headers=headers, data=message())

    assert (refused.status, refused.json["code"]) == (400, "invalid_idempotency_key")
    assert dispatcher.sends == []


async def test_a_dry_run_uses_no_key():
    """It sends nothing, so there is nothing to remember; and a key that is known tells nothing."""
    client, dispatcher = caller(dispatched(Sent("id")))

    dry = await client.ask("/email?dryrun=true", "POST", headers=KEYED, data=message())
    assert dry.json["valid"] is True
    assert (dispatcher.sends, client.services.ledger.keys) == ([], 0)

    real = await post(client)
    assert (real.json["outcome"], len(dispatcher.sends)) == ("sent", 1)
    dry = await client.ask("/email?dryrun=true", "POST", headers=KEYED, data=message())
    assert dry.json["valid"] is True
    assert len(dispatcher.sends) == 1


async def test_the_key_and_its_owner_go_with_the_message():
    """A provider that knows repetitions by a key of ours must get the same one after a crash: it
    is made of these two."""
    client, dispatcher = caller(dispatched(Sent("id")), dispatched(Sent("id")))

    await post(client)
    await client.post(key=SEND_KEY)

    told = [(send.owner, send.idempotency_key) for send in dispatcher.sends]
    assert told == [("all", "order-42"), ("sender", None)]


async def test_a_node_that_stops_still_tells_what_it_knows():
    """A repetition has its answer to the end; what is new is refused."""
    client, dispatcher = caller(dispatched(Unknown(Reason.TIMEOUT)))
    first = await post(client)
    client.services.readiness.draining = True

    again, new = await post(client), await client.post()

    assert (again.status, again.body) == (first.status, first.body)
    assert (new.status, new.json["code"]) == (503, "draining")
    assert len(dispatcher.sends) == 1


async def test_a_bug_leaves_no_key_in_progress():
    """Nobody knows what the dispatch did, so what is remembered is ``unknown``."""

    async def breaks(_send):
        raise RuntimeError("a bug")

    client = Client(fake_services(dispatcher=FakeDispatcher(breaks), new_id=counting_ids()))

    first, again = await post(client), await post(client)

    assert first.status == 500
    assert (again.status, again.json["outcome"]) == (504, "unknown")
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_how_a_message_ended_can_be_asked():
    """By its id, with all that its first answer said."""
    client, _ = caller(dispatched(Sent("<id@provider>")))
    sent = await client.ask("/email", "POST", headers=KEYED, data=message())

    found = await client.ask(f"/email/{sent.json['id']}")

    assert found.status == 200
    assert found.json == {
        "id": sent.json["id"],
        "settled": True,
        "outcome": "sent",
        "attempts": sent.json["attempts"],
        "provider": "mailgun",
        "messageid": "<id@provider>",
        "refusedrecipients": None,
    }


async def test_only_the_key_that_sent_it_may_ask():
    """To another key it is as if it had never been; so is an id that is none."""
    client, _ = caller(dispatched(Sent("id")))
    sent = await client.ask("/email", "POST", headers=KEYED, data=message())

    for path, key in ((sent.json["id"], SEND_KEY), ("not-a-uuid", KEY), ("0" * 32, KEY)):
        found = await client.ask(f"/email/{path}", key=key)
        assert (found.status, found.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("end", "status", "outcome"),
    [
        (Answered(Sent("late")), 200, "sent"),
        (Answered(Rejected(Reason.BAD_RECIPIENT)), 422, "rejected"),
        (Unanswered(Cause.CUT, committed=True), 504, "unknown"),
    ],
)
async def test_a_late_outcome_is_told_to_whoever_asks_again(end, status: int, outcome: str):
    """In replays and by id it replaces ``unknown``, once the call that went on has ended."""
    doubtful = replace(dispatched(Unknown(Reason.TIMEOUT)), unsettled=frozenset({"mailgun"}))
    client, _ = caller(doubtful)
    first = await post(client)
    before = await client.ask(f"/email/{first.json['id']}")

    question = replace(a_send(), id=UUID(first.json["id"]))
    client.services.ledger.observe(Settled("mailgun", question, end, 3.0), trio.current_time())
    after, again = await client.ask(f"/email/{first.json['id']}"), await post(client)

    assert (before.json["outcome"], before.json["settled"]) == ("unknown", False)
    assert (after.json["outcome"], after.json["settled"]) == (outcome, True)
    assert again.status == status


async def test_who_was_refused_is_told_late_as_well():
    """When a call that was too slow turns out to be sent to some, by id and in replays."""
    doubtful = replace(dispatched(Unknown(Reason.TIMEOUT)), unsettled=frozenset({"mailgun"}))
    client, _ = caller(doubtful)
    first = await post(client)
    question = replace(a_send(), id=UUID(first.json["id"]))
    end = Answered(Sent("late", LEFT_OUT))

    client.services.ledger.observe(Settled("mailgun", question, end, 3.0), trio.current_time())
    found, again = await client.ask(f"/email/{first.json['id']}"), await post(client)

    carol = {"address": "carol@example.org", "reason": "suppressed"}
    assert "refusedrecipients" not in first.json
    assert found.json["refusedrecipients"] == again.json["refusedrecipients"] == [carol]
