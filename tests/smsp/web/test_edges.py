"""The last value that is taken and the first that is not, as numbers; and who is told what."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.admission.budget import ByteBudget
from smsp.admission.keyring import Keyring
from smsp.admission.rates import Failures
from smsp.keys import Key, Scope, digest_of
from smsp.mail.outcome import Reason, Unknown
from smsp.sending.ledger import Claim, Ledger
from smsp.web.app import create_app
from smsp.web.body import patience_until
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

SEND, OBSERVE = frozenset({Scope.SEND}), frozenset({Scope.OBSERVE})


# -- bodies


@pytest.mark.parametrize("told", [True, False], ids=["its length is told", "it is not"])
@pytest.mark.parametrize(("spare", "status"), [(0, 200), (-1, 413)])
async def test_a_body_may_be_as_long_as_the_bound(told, spare, status):
    """And not a byte longer, however it comes."""
    body = message()
    services = fake_services(max_body_bytes=len(body) + spare, body_budget=ByteBudget(10**6))
    headers = {"Content-Length": str(len(body))} if told else {}
    caller = Caller(create_app(services), headers=headers)
    caller.says(body)
    await caller.exchange()
    assert caller.status == status


@pytest.mark.parametrize(
    ("received_bytes", "until"),
    [(0, 110.0), (4096, 111.0), (204_800, 160.0), (208_896, 160.0), (10**9, 160.0)],
)
def test_a_body_has_a_minute_at_most(received_bytes, until):
    """Ten seconds, and one for each 4,096 bytes; then a minute has passed."""
    assert patience_until(100.0, received_bytes) == until


@pytest.mark.parametrize(("body_bytes", "status"), [(65_536, 200), (65_537, 503)])
async def test_of_a_long_body_it_is_counted_what_is_made_of_it(body_bytes, status):
    """Above 64 KiB. One character beyond the first 65,536 makes four bytes of each."""
    empty = json.loads(message()) | {"plaintextbody": ""}
    face = "\N{GRINNING FACE}"
    around = len(json.dumps(empty | {"plaintextbody": face}, ensure_ascii=False).encode())
    text = face + "a" * (body_bytes - around)
    body = json.dumps(empty | {"plaintextbody": text}, ensure_ascii=False).encode()
    assert len(body) == body_bytes
    services = fake_services(
        body_budget=ByteBudget(2 * body_bytes), keyring=Keyring([Key("one", digest_of(KEY))])
    )
    assert (await Client(services).post(body)).status == status


async def test_a_message_with_a_call_that_goes_on_is_held():
    """After its answer as before, until the provider has done with it."""
    body = message()
    going_on = replace(dispatched(Unknown(Reason.TIMEOUT)), unsettled=frozenset({"mailgun"}))
    services = fake_services(
        dispatcher=FakeDispatcher([going_on]),
        body_budget=ByteBudget(2 * len(body)),
        max_body_bytes=999,
    )
    client = Client(services)
    assert [(await client.post(body)).status for _ in range(2)] == [504, 503]
    services.body_budget.settled(SEND_ID, "mailgun")
    assert (await client.post(body)).status == 200


# -- keys


@pytest.mark.parametrize(
    ("keys", "one_sends"),
    [
        ([], True),
        ([Key("a", b"1")], True),
        ([Key("a", b"1", SEND), Key("b", b"2", OBSERVE)], True),
        ([Key("a", b"1"), Key("a", b"2")], True),
        ([Key("a", b"1"), Key("b", b"2", SEND)], False),
    ],
    ids=["none", "one", "one sends", "one that is replaced", "two"],
)
def test_whether_a_second_key_may_send(keys, one_sends):
    """By name: a key that is being replaced is one. Who only watches wants no room."""
    assert Keyring(keys).one_sends is one_sends


def test_a_key_that_was_taken_out_opens_nothing():
    """Nor does one of the same name and other rights."""
    before, after = Key("a", b"1"), Key("a", b"1", SEND)
    keyring = Keyring([before])
    assert (keyring.has(before), keyring.has(after)) == (True, False)
    keyring.replace([after])
    assert (keyring.has(before), keyring.has(after)) == (False, True)


def test_a_key_whose_rate_is_changed_begins_anew():
    """With the new rate; one whose rate is taken away has none, and nothing to give back."""
    slow, quick = Key("a", b"1", per_second=1.0), Key("a", b"1", per_second=2.0)
    free = Key("a", b"1")
    keyring = Keyring([slow])
    assert [keyring.use(slow, 0.0) for _ in range(2)] == [0.0, 1.0]
    keyring.replace([quick])
    assert [keyring.use(quick, 0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    keyring.refund(quick)
    assert keyring.use(quick, 0.0) == 0.0
    keyring.replace([free])
    keyring.refund(free)
    assert [keyring.use(free, 0.0) for _ in range(50)] == [0.0] * 50


@pytest.mark.parametrize("shown", ["Bearer  {}", "bearer {} ", "BEARER \t{}"])
async def test_blanks_around_a_bearer_key_are_no_part_of_it(shown):
    """Between the scheme and the key there may be several (RFC 9110 section 11.1)."""
    client = Client(fake_services())
    answer = await client.post(key=None, headers={"Authorization": shown.format(KEY)})
    assert answer.status == 200


def test_ten_thousand_addresses_are_remembered():
    """Of wrong keys; then one is forgotten for each that comes."""
    failures = Failures()
    for number in range(10_001):
        failures.failed(str(number), 0.0)
    assert failures.addresses == 10_000


async def test_a_refused_request_is_logged_with_its_request_key():
    """So that whoever complains can be found, and without what was shown."""
    client = Client(fake_services(), peer="192.0.2.7")
    await client.post(key="a-wrong-key", headers={"RequestKey": "k-1"})
    (line,) = client.services.log.told("request.unauthorised")
    assert line == {
        "level": "warning",
        "requestkey": "k-1",
        "route": "/email",
        "client": "192.0.2.7",
    }


async def test_what_a_key_may_do_is_told_in_order():
    """The same each time, whatever the order of a set."""
    answer = await Client(fake_services()).ask("/healthcheck", key=KEY)
    assert answer.json["scopes"] == ["observe", "operate", "send"]


# -- the ledger, over HTTP


def keyed(**rights) -> Client:
    """Of a node whose one key has these rights."""
    keyring = Keyring([Key("all", digest_of(KEY), **rights)])
    return Client(fake_services(keyring=keyring, ledger=Ledger(2)))


@pytest.mark.parametrize(
    ("again", "statuses"),
    [({}, [200, 200, 200]), ({"subject": "another"}, [200, 422, 429])],
    ids=["a replay", "a mismatch"],
)
async def test_only_a_replay_gives_its_turn_back(autojump_clock, again, statuses):
    """Two a second may be sent; a mistake is one of them."""
    client = keyed(per_second=2)
    headers = {"Idempotency-Key": "order-42"}
    answers = [await client.post(headers=headers)]
    answers += [await client.post(message(**again), headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == statuses


async def test_a_ledger_that_is_full_of_messages_under_way():
    """503 ``busy``, to be tried again at once; without a key the message is sent."""
    client = keyed()
    client.services.ledger.begin(Claim(SEND_ID, "all", b"", "under way"), trio.current_time())
    answer = await client.post(headers={"Idempotency-Key": "order-42"})
    assert (answer.status, answer.json["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    assert client.services.dispatcher.sends == []
    assert (await client.post()).status == 200


async def test_each_message_is_counted_and_its_end_logged():
    """By its outcome; the line of its request has its id."""
    client = Client(fake_services())
    await client.post()
    (line,) = client.services.log.told("request.handled")
    assert (line["id"], line["outcome"]) == (str(SEND_ID), "sent")
    counted = client.services.metrics.exposition().decode()
    assert 'smsp_messages_total{outcome="sent"} 1.0' in counted


# -- orders


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("604800", 200),
        ("604800.5", 422),
        ("0.001", 200),
        ("0", 422),
        ("-1", 422),
        ("true", 422),
        ("1e999", 422),
        ("null", 200),
    ],
)
async def test_a_hold_may_be_a_week_long(text, status):
    """Above nothing and up to seven days; without a time it has no end."""
    client = Client(fake_services())
    body = f'{{"state": "open", "for": {text}}}'
    answer = await client.ask("/providers/mailgun/circuit", "PUT", data=body)
    assert answer.status == status
    assert len(client.services.dispatcher.orders) == (status == 200)


@pytest.mark.parametrize(("order_bytes", "status"), [(4096, 200), (4097, 413)])
async def test_an_order_may_be_four_kibibytes_long(order_bytes, status):
    """White space and all."""
    client = Client(fake_services())
    body = b'{"state": "open"}'.ljust(order_bytes)
    answer = await client.ask("/providers/mailgun/circuit", "PUT", data=body)
    assert answer.status == status


@pytest.mark.parametrize(
    ("body", "begins"), [(b'{"state": "ajar"}', "state: "), (b"[]", "Input should be ")]
)
async def test_what_is_wrong_with_an_order(body, begins):
    """The field first, where there is one."""
    answer = await Client(fake_services()).ask("/providers/mailgun/circuit", "PUT", data=body)
    assert answer.json["message"].startswith(begins)


# -- who may look


async def test_a_latency_is_told_in_milliseconds_of_the_last_minute(autojump_clock):
    """To whoever asks for a circuit, as of now; nothing is told of nothing."""
    client = Client(fake_services())
    latency = client.services.watching.latency
    for _ in range(99):
        latency.record("mailgun", 0.1, trio.current_time())
    latency.record("mailgun", 10.0, trio.current_time())
    shown = (await client.ask("/providers/mailgun")).json["latency_seconds"]
    assert shown["p50"] == shown["p90"] == pytest.approx(0.1, rel=0.1)
    assert all(round(seconds, 3) == seconds for seconds in shown.values())
    other = (await client.ask("/providers/sendgrid")).json["latency_seconds"]
    assert other == {"p50": None, "p90": None, "p99": None}
    await trio.sleep(61.0)
    later = (await client.ask("/providers/mailgun")).json["latency_seconds"]
    assert later == other


async def test_the_body_is_not_read_for_a_draining_node(nursery):
    """Nor for a key without the scope: the answer comes before the first byte."""
    services = fake_services()
    services.readiness.draining = True
    caller = Caller(create_app(services), headers={"X-API-KEY": SEND_KEY})
    nursery.start_soon(caller.exchange)
    await wait_all_tasks_blocked()
    assert (caller.status, caller.json["code"]) == (503, "draining")
    caller.hangs_up()
