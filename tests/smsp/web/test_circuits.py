"""``/providers``: the circuits as they last published themselves, and an operator's orders."""

from __future__ import annotations

import json

import pytest
import trio

from actors import Transition
from actors.notices import LastFailure, ProbeRecord
from smsp.web.circuits import ORDER_BYTES_MAX
from tests.kit.web import (
    OBSERVE_KEY,
    SEND_KEY,
    Client,
    FakeDispatcher,
    fake_services,
    snapshot,
)

CIRCUIT = "/providers/mailgun/circuit"


def client_of(*snapshots):
    """A client of a node whose circuits have published these."""
    dispatcher = FakeDispatcher(snapshots=snapshots)
    kinds = {one.name: "mailgun" for one in snapshots}
    return Client(fake_services(dispatcher=dispatcher, kinds=kinds))


async def test_a_snapshot(autojump_clock):
    """Every field by its name in the contract; times of the run are times of day, in UTC."""
    await trio.sleep(100)
    moves = (Transition(at=40.0, source="closed", target="open", reason="timeout"),)
    client = client_of(
        snapshot(
            "eu",
            state="open",
            reason="timeout",
            since=40.0,
            epoch=7,
            in_flight=3,
            settling=2,
            limit=1,
            mailbox_depth=4,
            due_at=102.5,
            last_probe=ProbeRecord(at=95.0, outcome="not_sent", seconds=0.12345),
            last_failure=LastFailure(at=99.9996, reason="unavailable"),
            counts={"sent": 5, "unknown": 1},
            restarts=1,
            transitions=moves,
        )
    )
    answer = await client.ask("/providers/eu")
    shown = answer.json
    shown.pop("latency_seconds", None)  # computed when read; has tests of its own
    assert answer.status == 200
    assert shown == {
        "name": "eu",
        "kind": "mailgun",
        "state": "open",
        "reason": "timeout",
        "since": "2026-01-02T11:59:00.000Z",
        "epoch": 7,
        "in_flight": 3,
        "settling": 2,
        "limit": 1,
        "max_in_flight": 256,
        "mailbox": {"depth": 4, "capacity": 1024},
        "next_probe_at": "2026-01-02T12:00:02.500Z",
        "last_probe": {
            "at": "2026-01-02T11:59:55.000Z",
            "outcome": "not_sent",
            "seconds": 0.123,
        },
        "last_failure": {"at": "2026-01-02T11:59:59.999Z", "reason": "unavailable"},
        "counts": {"sent": 5, "rejected": 0, "not_sent": 0, "unknown": 1, "refused": 0},
        "restarts": 1,
        "alive": True,
        "transitions": [
            {
                "at": "2026-01-02T11:59:00.000Z",
                "from": "closed",
                "to": "open",
                "reason": "timeout",
            }
        ],
    }


async def test_a_limit_that_grows(autojump_clock):
    """It is told as of now, whenever the circuit was last heard of; one that does not grow is as it
    was."""
    growing, alone = snapshot("a", limit=2, limit_grows_from=0.0), snapshot("b", limit=2)
    client = client_of(growing, alone)
    told = []
    for _ in range(3):
        body = (await client.ask("/providers")).json
        told.append([one["limit"] for one in body["providers"]])
        await trio.sleep(15)
    assert told == [[2, 2], [128, 2], [256, 2]]


async def test_what_has_not_happened():
    """What there is not is null, not missing."""
    body = (await client_of(snapshot("eu")).ask("/providers/eu")).json
    assert (body["next_probe_at"], body["last_probe"], body["last_failure"]) == (None, None, None)
    assert body["transitions"] == []


@pytest.mark.parametrize("state", ["closed", "held_open", "held_closed", "quarantined"])
async def test_no_probe_without_an_open_circuit(state):
    """The end of a hold is no probe."""
    client = client_of(snapshot("eu", state=state, due_at=30.0))
    assert (await client.ask("/providers/eu")).json["next_probe_at"] is None


async def test_all_providers(autojump_clock):
    """All are listed, in routing order."""
    client = client_of(snapshot("b"), snapshot("a"), snapshot("c"))
    body = (await client.ask("/providers")).json
    assert [one["name"] for one in body["providers"]] == ["b", "a", "c"]
    assert body["providers"][0] == (await client.ask("/providers/b")).json


async def test_an_unknown_provider():
    """404."""
    answer = await client_of(snapshot("a")).ask("/providers/b")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.fixture
def dispatcher() -> FakeDispatcher:
    """It remembers the orders that it got."""
    return FakeDispatcher()


@pytest.fixture
def client(dispatcher: FakeDispatcher) -> Client:
    """An operator's client."""
    return Client(fake_services(dispatcher=dispatcher))


@pytest.mark.parametrize(
    ("order", "carried_out"),
    [
        ({"state": "open"}, ("mailgun", "open", None)),
        ({"state": "closed", "for": 60}, ("mailgun", "closed", 60.0)),
        ({"state": "auto"}, ("mailgun", "auto", None)),
    ],
)
async def test_an_order_is_carried_out(client, dispatcher, order, carried_out):
    """And answered with the circuit's snapshot."""
    answer = await client.ask(CIRCUIT, "PUT", data=json.dumps(order))

    assert (answer.status, answer.json["name"]) == (200, "mailgun")
    assert dispatcher.orders == [carried_out]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"[]", ""),
        (b'{"state": "ajar"}', "state"),
        (b'{"for": 60}', "state"),
        (b'{"state": "open", "for": 0}', "for"),
        (b'{"state": "open", "for": "soon"}', "for"),
        (b'{"state": "open", "for": 1e9}', "for"),
        (b'{"state": "open", "until": 60}', "until"),
    ],
)
async def test_what_is_no_order_changes_nothing(client, dispatcher, body, field):
    """The answer names the field that is wrong."""
    answer = await client.ask(CIRCUIT, "PUT", data=body)

    assert (answer.status, answer.json["code"]) == (422, "invalid_order")
    assert answer.json["field"] == field
    assert dispatcher.orders == []


async def test_an_order_is_short(client, dispatcher):
    """What is longer than any order is not read to its end: it would be held by nobody's leave."""
    answer = await client.ask(CIRCUIT, "PUT", data=b'{"state": "open"}' + b" " * ORDER_BYTES_MAX)

    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert dispatcher.orders == []


@pytest.mark.parametrize("key", [SEND_KEY, OBSERVE_KEY])
async def test_only_an_operator_may_order(client, dispatcher, key):
    """A key that sends or watches is refused."""
    answer = await client.ask(CIRCUIT, "PUT", key=key, data=b'{"state": "open"}')

    assert answer.status == 403
    assert dispatcher.orders == []


async def test_an_unknown_provider_is_not_found(client, dispatcher):
    """By name."""
    answer = await client.ask("/providers/pigeon/circuit", "PUT", data=b'{"state": "open"}')

    assert answer.status == 404
    assert dispatcher.orders == []


async def test_metrics_are_for_observers(client):
    """In Prometheus' text format, and not for a key that can only send."""
    answer = await client.ask("/metrics", key=OBSERVE_KEY)
    refused = await client.ask("/metrics", key=SEND_KEY)

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'smsp_circuit_state{provider="mailgun",state="closed"} 1.0' in answer.body
    assert refused.status == 403


async def test_every_request_is_counted(client):
    """By the route's pattern, so that no path makes a series of its own."""
    await client.ask("/providers/mailgun")
    await client.ask("/nowhere/1")
    await client.ask("/nowhere/2")

    text = (await client.ask("/metrics")).body.decode()

    assert 'route="/providers/<name>",status="200"} 1.0' in text.replace('method="GET",', "")
    assert 'route="(none)",status="404"} 2.0' in text.replace('method="GET",', "")
