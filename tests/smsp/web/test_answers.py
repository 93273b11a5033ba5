"""What the caller of ``POST /email`` is told about a message, for each outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.mail.dispatched import Skipped
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    AttemptRefused,
    Blame,
    NotSent,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from smsp.mail.parsing import parse
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.mails import SEND_ID
from tests.kit.web import MESSAGE, Client, FakeDispatcher, dispatched, fake_services, message

ID = str(SEND_ID)


def client_told(*answers, **dispatcher):
    """A client of a node whose messages end so."""
    return Client(fake_services(dispatcher=FakeDispatcher(list(answers), **dispatcher)))


async def test_sent():
    """200 with the provider and its id; the first SMSP's four fields are all that is needed."""
    answer = await client_told(dispatched(Sent("<1@mg.example.com>"))).post()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "id": ID,
        "outcome": "sent",
        "provider": "mailgun",
        "messageid": "<1@mg.example.com>",
        "refusedrecipients": None,
        "attempts": [
            {"provider": "mailgun", "outcome": "sent", "reason": "accepted", "seconds": 0.25}
        ],
    }


async def test_sent_by_the_second():
    """Every attempt is listed, in order; the one that took the message is named."""
    first = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER, detail="try later")
    answer = await client_told(dispatched(first, Sent())).post()
    assert (answer.status, answer.json["provider"]) == (200, "sendgrid")
    assert answer.json["messageid"] is None
    assert answer.json["attempts"] == [
        {
            "provider": "mailgun",
            "outcome": "not_sent",
            "reason": "unavailable",
            "seconds": 0.25,
            "detail": "try later",
        },
        {"provider": "sendgrid", "outcome": "sent", "reason": "accepted", "seconds": 0.25},
    ]


SUPPRESSED = RefusedRecipient("carol@example.org", Reason.SUPPRESSED, "hard_bounced")
CAROL = {"address": "carol@example.org", "reason": "suppressed", "detail": "hard_bounced"}


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (None, {"refusedrecipients": None}),
        (NOBODY_REFUSED, {"refusedrecipients": []}),
        (RefusedRecipients((SUPPRESSED,)), {"refusedrecipients": [CAROL]}),
        (
            RefusedRecipients((replace(SUPPRESSED, detail=None),)),
            {"refusedrecipients": [{"address": "carol@example.org", "reason": "suppressed"}]},
        ),
        (
            RefusedRecipients((), 2, Reason.BAD_RECIPIENT),
            {"refusedrecipients": None, "refusedrecipientscount": 2},
        ),
        (
            RefusedRecipients((SUPPRESSED,) * 100, 50, Reason.SUPPRESSED),
            {"refusedrecipients": [CAROL] * 100, "refusedrecipientscount": 150},
        ),
    ],
    ids=["not said", "nobody", "named", "without words", "counted", "very many"],
)
async def test_sent_to_some(refused, told):
    """It is sent, and says for whom not; a list is never shorter than it claims to be."""
    client = client_told(dispatched(Sent("id", refused)))
    answer = await client.post()
    assert (answer.status, answer.json["outcome"]) == (200, "sent")
    assert {name: answer.json[name] for name in answer.json if "refused" in name} == told
    record = await client.ask(f"/email/{ID}")
    assert {name: record.json[name] for name in record.json if "refused" in name} == told


async def test_sent_to_some_by_the_second():
    """Who was refused is told of the provider that has taken the message."""
    first = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)
    second = Sent("id", RefusedRecipients((SUPPRESSED,)))
    answer = await client_told(dispatched(first, second)).post()
    assert (answer.json["provider"], answer.json["refusedrecipients"]) == ("sendgrid", [CAROL])


@pytest.mark.parametrize(
    ("result", "status", "code", "reason"),
    [
        (Rejected(Reason.BAD_RECIPIENT), 422, "rejected", "bad_recipient"),
        (NotSent(Reason.THROTTLED, Blame.THROTTLE), 503, "not_sent", "throttled"),
        (Unknown(Reason.TIMEOUT), 504, "unknown", "timeout"),
        (AttemptRefused(Reason.OPEN), 503, "no_provider", "open"),
    ],
)
async def test_any_other_outcome(result, status, code, reason):
    """An error has message and code, and tells the id, the outcome and the attempts."""
    answer = await client_told(dispatched(result)).post()
    body = answer.json
    assert (answer.status, body["code"]) == (status, code)
    assert body["outcome"] == ("not_sent" if code == "no_provider" else code)
    assert body["id"] == ID
    assert [row["reason"] for row in body["attempts"]] == [reason]
    assert set(body) == {"message", "code", "id", "outcome", "attempts"}


async def test_when_to_try_again():
    """503 says after how many seconds; 422 and 504 do not ask to be tried again."""
    told = [
        dispatched(NotSent(Reason.UNAVAILABLE, Blame.PROVIDER), retry_after_s=17),
        dispatched(Rejected(Reason.BAD_CONTENT)),
        dispatched(Unknown(Reason.TIMEOUT)),
    ]
    client = client_told(*told)
    answers = [await client.post() for _ in told]
    assert [one.headers.get("Retry-After") for one in answers] == ["17", None, None]


async def test_no_provider_can_carry_it():
    """422, and why not for each."""
    skipped = [Skipped("mailgun", Reason.TOO_LARGE), Skipped("sendgrid", Reason.NEEDS_SMTPUTF8)]
    answer = await client_told(dispatched(skipped=skipped)).post()
    assert (answer.status, answer.json["code"]) == (422, "rejected")
    assert [
        (row["provider"], row["outcome"], row["reason"]) for row in answer.json["attempts"]
    ] == [
        ("mailgun", "refused", "too_large"),
        ("sendgrid", "refused", "needs_smtputf8"),
    ]
    assert "mailgun: too_large" in answer.json["message"]


async def test_a_pin_is_no_attempt():
    """Providers that were left out because of the caller's own pin are not listed."""
    skipped = [Skipped("sendgrid", Reason.NOT_PINNED)]
    told = dispatched(Sent("1"), skipped=skipped)
    answer = await client_told(told).post(message(provider="mailgun"))
    assert [row["provider"] for row in answer.json["attempts"]] == ["mailgun"]


async def test_a_pin_that_cannot_carry_it():
    """The provider that the caller chose is named, the others are not."""
    skipped = [Skipped("mailgun", Reason.TOO_LARGE), Skipped("sendgrid", Reason.NOT_PINNED)]
    answer = await client_told(dispatched(skipped=skipped)).post(message(provider="mailgun"))
    assert "mailgun: too_large" in answer.json["message"]
    assert "sendgrid" not in answer.json["message"]


async def test_the_providers_own_words():
    """They are told to the caller, at most 200 characters of them, and never logged."""
    words = "No such mailbox. " * 20
    client = client_told(dispatched(Rejected(Reason.BAD_RECIPIENT, words)))
    (attempt,) = (await client.post()).json["attempts"]
    assert attempt["detail"] == words[:200]
    assert "No such mailbox" not in str(client.services.log.events)


async def test_what_is_sent_is_what_was_posted():
    """The dispatcher gets the message, a new id, and the caller's patience as a deadline."""
    client = client_told()
    before = trio.current_time()
    await client.post(headers={"SMSP-Deadline": "5"})
    (send,) = client.services.dispatcher.sends
    assert (send.id, send.mail) == (SEND_ID, parse(message()))
    assert 5 <= client.services.dispatcher.deadlines[0] - before < 6


@pytest.mark.parametrize("patience", ["0.05", "300"])
async def test_the_bounds_of_a_deadline(patience):
    """The least and the most that a caller may wait."""
    assert (await client_told().post(headers={"SMSP-Deadline": patience})).status == 200


async def test_a_deadline_counts_from_the_arrival(autojump_clock, nursery):
    """The time that the body took to come is part of the caller's patience."""
    client = client_told()
    caller = Caller(create_app(client.services), headers={"SMSP-Deadline": "30"})
    nursery.start_soon(caller.exchange)
    await trio.sleep(9)
    caller.says(message())
    await wait_all_tasks_blocked()
    assert client.services.dispatcher.deadlines == [30]


async def test_no_deadline():
    """Who sends none is taken to wait for five minutes."""
    client = client_told()
    before = trio.current_time()
    await client.post()
    assert 300 <= client.services.dispatcher.deadlines[0] - before < 301


async def test_a_dry_run():
    """It tells the route and who was left out, and sends nothing."""
    client = client_told(skipped=[Skipped("mailgun", Reason.TOO_LARGE)])
    answer = await client.post(query="?dryrun=true")
    assert answer.status == 200
    assert answer.json == {
        "valid": True,
        "route": ["sendgrid"],
        "skipped": [{"provider": "mailgun", "reason": "too_large"}],
    }
    assert client.services.dispatcher.sends == []


async def test_a_dry_run_without_a_route():
    """A valid message that nobody can carry is still valid."""
    both = [Skipped(name, Reason.TOO_LARGE) for name in ("mailgun", "sendgrid")]
    answer = await client_told(skipped=both).post(query="?dryrun=true")
    assert (answer.status, answer.json["valid"], answer.json["route"]) == (200, True, [])


async def test_a_dry_run_of_what_is_no_message():
    """It is refused as the real one would be."""
    client = client_told()
    assert (await client.post(b"{}", query="?dryrun=true")).status == 422
    assert (await client.post(message(provider="pigeon"), query="?dryrun=true")).status == 422


@pytest.mark.parametrize("query", ["?dryrun=false", ""])
async def test_no_dry_run(query):
    """Without ``dryrun=true`` a message is sent."""
    client = client_told()
    assert (await client.post(query=query)).status == 200
    assert len(client.services.dispatcher.sends) == 1


@pytest.mark.parametrize("query", ["?dryrun=1", "?dryrun=TRUE", "?dryrun=yes", "?dryrun"])
async def test_an_unclear_dry_run(query):
    """What may have been meant as a dry run is not sent: 400 says how to ask for one."""
    client = client_told()
    answer = await client.post(query=query)
    assert (answer.status, answer.json["field"]) == (400, "dryrun")
    assert client.services.dispatcher.sends == []


def test_the_first_smsps_fields():
    """The message of these tests is the first SMSP's: four fields."""
    assert set(MESSAGE) == {"fromaddress", "toaddress", "subject", "plaintextbody"}
