"""Callers in front of slow and healthy providers: impatient ones, mistaken ones, leaving ones."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import httpx
import orjson
import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY

MESSAGE = {
    "fromaddress": "alice@mail.example.com",
    "toaddress": "bob@example.org",
    "subject": "hello",
    "plaintextbody": "Hello.",
}
JSON = {"Content-Type": "application/json"}


def changed(**fields: object) -> bytes:
    """The good message with some fields changed."""
    return orjson.dumps(MESSAGE | fields)


def without(field: str) -> bytes:
    """The good message without one field."""
    return orjson.dumps({name: value for name, value in MESSAGE.items() if name != field})


BAD_INPUT = {
    "no key": (orjson.dumps(MESSAGE), {"X-API-KEY": ""}, 401, "unauthorised"),
    "a wrong key": (orjson.dumps(MESSAGE), {"X-API-KEY": KEY + "x"}, 401, "unauthorised"),
    "no JSON type": (orjson.dumps(MESSAGE), {"Content-Type": "text/plain"}, 415, None),
    "no body": (b"", {}, 400, "invalid_json"),
    "no JSON": (b'{"fromaddress": ', {}, 400, "invalid_json"),
    "no object": (b'["a message"]', {}, 422, "invalid_message"),
    "no sender": (without("fromaddress"), {}, 422, "invalid_message"),
    "no recipient": (without("toaddress"), {}, 422, "invalid_message"),
    "an empty list of recipients": (changed(toaddress=[]), {}, 422, "invalid_message"),
    "no address": (changed(toaddress="bob"), {}, 422, "invalid_message"),
    "two addresses in one": (changed(toaddress="a@b.org, c@d.org"), {}, 422, "invalid_message"),
    "a header in the subject": (changed(subject="a\r\nBcc: c@d.org"), {}, 422, "invalid_message"),
    "a header of ours": (changed(headers={"Bcc": "c@d.org"}), {}, 422, "invalid_message"),
    "an unknown field": (changed(subjekt="hello"), {}, 422, "invalid_message"),
    "a number for a subject": (changed(subject=1), {}, 422, "invalid_message"),
    "an unknown provider": (changed(provider="carrier-pigeon"), {}, 422, "invalid_message"),
    "content that is no base64": (
        changed(attachments=[{"filename": "a", "contenttype": "text/plain", "content": "?"}]),
        {},
        422,
        "invalid_message",
    ),
    "too little patience": (changed(), {"SMSP-Deadline": "0.01"}, 400, "invalid_deadline"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input(smsp, simulators, kind):
    """It is answered with its own error, and no provider hears of it."""
    content, headers, status, code = BAD_INPUT[kind]
    counts = [one["counts"] for one in smsp.providers()]
    answer = smsp.post(content, JSON | headers)
    assert answer.status == status
    assert code in {None, answer.body["code"]}
    assert answer.body["message"]
    assert [one["counts"] for one in smsp.providers()] == counts
    assert simulators.taken() == {}


def test_rejected_messages_open_no_circuit(smsp, simulators):
    """A provider that judges messages is alive, however many it refuses."""
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(smsp.send, repeat("reject@example.org", 30)))
    assert {answer.outcome for answer in answers} == {"rejected"}
    assert smsp.states() == {"mailgun": "closed", "sendgrid": "closed"}
    audit_all(answers, simulators.taken())


def test_an_impatient_caller_opens_no_circuit(smsp, simulators):
    """It is answered when its own time is up, and the provider is not blamed for that."""
    openings = smsp.openings("mailgun")
    answer = smsp.send("slow-400ms@example.org", headers={"SMSP-Deadline": "0.05"})
    # How far 0.05 s bring a message depends on the machine.
    assert answer.outcome in {"unknown", "not_sent"}
    assert {reason for _, _, reason in answer.attempts} <= {"deadline", "expired"}
    smsp.wait_until_quiet()
    assert smsp.openings("mailgun") == openings
    audit_all([answer], simulators.taken())


def test_a_caller_who_hangs_up_in_mid_send(smsp, simulators):
    """Its message is sent all the same: once, and counted."""
    sent_before = smsp.provider("mailgun")["counts"]["sent"]
    content = changed(toaddress="slow-300ms@example.org", subject="hung up")
    with _connection(smsp) as caller:
        caller.sendall(_request(content, len(content)))
    eventually(
        lambda: smsp.provider("mailgun")["counts"]["sent"] == sent_before + 1, "it is counted"
    )
    assert [one["subject"] for one in simulators.outbox()["messages"]] == ["hung up"]


def test_a_caller_who_hangs_up_in_mid_message(smsp, simulators):
    """Half a message is no message: no provider hears of it."""
    content = changed(subject="half")
    with _connection(smsp) as caller:
        caller.sendall(_request(content[:-10], len(content)))
    answer = smsp.send()
    audit_all([answer], simulators.taken())
    assert simulators.accepted() == {"mailgun": 1}


def _connection(smsp):
    url = httpx.URL(smsp.url)
    return socket.create_connection((url.host, url.port), timeout=10)


def _request(content: bytes, length: int) -> bytes:
    head = (
        "POST /email HTTP/1.1\r\nHost: smsp\r\nContent-Type: application/json\r\n"
        f"X-API-KEY: {KEY}\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + content
