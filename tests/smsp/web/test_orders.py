"""An operator's orders, and what Prometheus scrapes."""

from __future__ import annotations

import json

import pytest

from smsp.web.orders import ORDER_BYTES_MAX
from tests.kit.web import OBSERVE_KEY, SEND_KEY, Client, FakeDispatcher, fake_services

CIRCUIT = "/providers/mailgun/circuit"


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
