"""What ``POST /email`` refuses, each with its own status, code and field, and in which order.

No refusal reaches a provider, so none can open a circuit.
"""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.admission.budget import ByteBudget
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.web import (
    KEY,
    OBSERVE_KEY,
    SEND_KEY,
    Client,
    FakeDispatcher,
    fake_services,
    message,
)

MIB = 1024 * 1024
ATTACHMENT = {"filename": "a.txt", "contenttype": "text/plain", "content": "YQ=="}


@pytest.fixture
def dispatcher():
    return FakeDispatcher()


@pytest.fixture
def services(dispatcher):
    return fake_services(
        dispatcher=dispatcher,
        max_body_bytes=25 * MIB,
        body_budget=ByteBudget(256 * MIB),
        control_headers=("X-Sib-Sandbox",),
    )


@pytest.fixture
def client(services):
    return Client(services)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"subject": 7}, "subject"),
        ({"plaintextbody": ["a"]}, "plaintextbody"),
        ({"htmlbody": {}}, "htmlbody"),
        ({"fromaddress": ["a@b.c"]}, "fromaddress"),
        ({"fromaddress": "alice"}, "fromaddress"),
        ({"fromaddress": None}, "fromaddress"),
        ({"toaddress": "alice@"}, "toaddress"),
        ({"toaddress": []}, "toaddress"),
        ({"toaddress": ["a@b.c", 7]}, "toaddress[1]"),
        ({"toaddress": "a@b.c, d@e.f"}, "toaddress"),
        ({"toaddress": [f"a{n}@b.c" for n in range(1001)]}, "toaddress"),
        ({"toaddress": ["a@b.c"], "bccaddress": ["d@e.f"] * 1000}, "toaddress"),
        ({"fromaddress": "Shop\r\nBcc: eve@evil.example <shop@example.com>"}, "fromaddress"),
        ({"subject": "Hello\r\nBcc: eve@evil.example"}, "subject"),
        ({"subject": "a" * 999}, "subject"),
        ({"headers": {"X-Order": "1\r\nBcc: eve@evil.example"}}, "headers.X-Order"),
        ({"headers": {"X-Order": 1}}, "headers.X-Order"),
        ({"headers": {"Bcc": "eve@evil.example"}}, "headers.Bcc"),
        ({"headers": {"X-Sib-Sandbox": "drop"}}, "headers.X-Sib-Sandbox"),
        ({"headers": {"x-sib-sandbox": "drop"}}, "headers.x-sib-sandbox"),
        ({"attachments": [ATTACHMENT | {"filename": "a\r\nb.txt"}]}, "attachments[0].filename"),
        ({"attachments": [ATTACHMENT | {"content": "not base64!"}]}, "attachments[0].content"),
        ({"attachments": [ATTACHMENT | {"size": 1}]}, "attachments[0].size"),
        ({"provider": "pigeon"}, "provider"),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:60],
)
async def test_what_is_no_message(client, dispatcher, changes, field):
    """422 names the field that is wrong; nothing is sent."""
    answer = await client.post(message(**changes))
    assert (answer.status, answer.json["code"]) == (422, "invalid_message")
    assert answer.json["field"] == field
    assert answer.json["message"].startswith(f"{field}: ")
    assert dispatcher.sends == []


@pytest.mark.parametrize("missing", ["fromaddress", "toaddress"])
async def test_a_field_that_is_missing(client, dispatcher, missing):
    """422 names the field that is not there."""
    fields = json.loads(message())
    del fields[missing]
    answer = await client.post(json.dumps(fields).encode())
    assert (answer.status, answer.json["field"]) == (422, missing)
    assert dispatcher.sends == []


@pytest.mark.parametrize(
    "body", [b"", message()[:-1], b"{'a': 1}", b"\xff\xfe", b"NaN", message() + b"}"]
)
async def test_what_is_no_json(client, dispatcher, body):
    """400 says that the body is not JSON."""
    answer = await client.post(body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_json")
    assert dispatcher.sends == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'"a"', b"1"])
async def test_json_that_is_no_object(client, dispatcher, body):
    """JSON that is not an object is no message."""
    answer = await client.post(body)
    assert (answer.status, answer.json["code"]) == (422, "invalid_message")
    assert dispatcher.sends == []


async def test_all_faults_are_told(client):
    """Beside the first fault, all are listed by field."""
    answer = await client.post(message(subject=1, colour="red"))
    assert {fault["field"] for fault in answer.json["faults"]} == {"subject", "colour"}


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"],
)
async def test_what_does_not_say_that_it_is_json(client, dispatcher, content_type):
    """415, also without any content type."""
    answer = await client.post(headers={"Content-Type": content_type})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert dispatcher.sends == []


async def test_a_content_type_with_parameters(client):
    """Parameters and case of the content type do not matter."""
    answer = await client.post(headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.status == 200


async def test_a_body_whose_length_is_too_large(services, dispatcher, nursery, autojump_clock):
    """413 comes at once, when no byte of the body has been read."""
    caller = Caller(create_app(services), headers={"Content-Length": str(26 * MIB)})
    nursery.start_soon(caller.exchange)
    await wait_all_tasks_blocked()
    assert (caller.status, caller.json["code"]) == (413, "too_large")
    assert dispatcher.sends == []
    caller.hangs_up()


async def test_a_body_that_grows_too_large(services, dispatcher, nursery):
    """Without a length, 413 comes as soon as too much has come; the rest is not kept."""
    caller = Caller(create_app(services))
    nursery.start_soon(caller.exchange)
    for _ in range(26):
        caller.says(b" " * MIB, more=True)
    await wait_all_tasks_blocked()
    assert (caller.status, caller.json["code"]) == (413, "too_large")
    assert dispatcher.sends == []
    caller.hangs_up()


async def test_a_body_that_does_not_come(services, dispatcher, nursery, autojump_clock):
    """408 after a minute: nobody holds a part of a message for ever."""
    caller = Caller(create_app(services))
    caller.says(message()[:10], more=True)
    nursery.start_soon(caller.exchange)
    await trio.sleep(61)
    assert (caller.status, caller.json["code"]) == (408, "body_timeout")
    assert dispatcher.sends == []


@pytest.mark.parametrize("patience", ["0", "0.01", "-1", "nan", "inf", "301", "1e9", "soon", ""])
async def test_a_deadline_out_of_range(client, dispatcher, patience):
    """400 for a patience below 0.05 s, above 300 s, or that is no number."""
    answer = await client.post(headers={"SMSP-Deadline": patience})
    assert (answer.status, answer.json["code"]) == (400, "invalid_deadline")
    assert answer.json["field"] == "SMSP-Deadline"
    assert dispatcher.sends == []


async def test_a_node_that_is_stopping(client, dispatcher):
    """503 ``draining``: another node, or this one's successor, will take it."""
    client.services.readiness.draining = True
    answer = await client.post()
    assert (answer.status, answer.json["code"]) == (503, "draining")
    assert answer.headers["Retry-After"] == "1"
    assert dispatcher.sends == []


async def test_the_order_of_the_checks(client, dispatcher):
    """Key, scope, size, type, deadline, JSON, message: who fails in several hears the first."""
    wrong = {"Content-Type": "text/plain", "SMSP-Deadline": "0", "Content-Length": str(26 * MIB)}
    right = {"Content-Type": "application/json", "SMSP-Deadline": "5", "Content-Length": "1"}
    seen = [(await client.post(b"{", headers=wrong, key="a wrong key")).status]
    seen.append((await client.post(b"{", headers=wrong, key=OBSERVE_KEY)).status)
    for name in ("Content-Length", "Content-Type", "SMSP-Deadline"):
        seen.append((await client.post(b"{", headers=wrong, key=SEND_KEY)).status)
        wrong[name] = right[name]
    seen.append((await client.post(b"{", headers=wrong, key=SEND_KEY)).status)
    seen.append((await client.post(b"{}", headers=wrong | {"Content-Length": "2"})).status)
    assert seen == [401, 403, 413, 415, 400, 400, 422]
    assert dispatcher.sends == []


async def test_a_refusal_shows_nothing_of_the_key(client):
    """No answer and no log line holds the key that was shown."""
    for answer in (await client.post(b"{"), await client.post(message(colour="red"))):
        assert KEY.encode() not in answer.body
    assert KEY not in str(client.services.log.events)
