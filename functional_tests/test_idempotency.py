"""The same message again, with its caller's ``Idempotency-Key``: sent once, whatever happened."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually

SERVERS = ("smsp", "hypercorn")

SETTINGS = {"CALL_TIMEOUT": "0.6", "SETTLE_TIMEOUT": "2"}


@pytest.fixture
def key():
    """Headers with a key that nobody has used."""
    return {"Idempotency-Key": str(uuid4())}


@pytest.mark.parametrize("fault", ["bob", "reject", "drop", "accept-then-drop"])
def test_again(smsp, simulators, key, fault):
    """Who asks again gets the first answer, *unknown* included, and nothing is sent."""
    first, second = (smsp.send(f"{fault}@example.org", headers=key) for _ in range(2))
    assert (second.status, second.body) == (first.status, first.body)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    audit_all([first, second], simulators.taken())


def test_again_after_the_doubt_is_over(smsp, simulators, key):
    """What an *unknown* turns out to have been is what who asks again is told."""
    assert smsp.send("slow@example.org", headers=key).outcome == "unknown"
    smsp.wait_until_quiet()
    again = smsp.send("slow@example.org", headers=key)
    assert (again.status, again.outcome) == (200, "sent")
    audit_all([again], simulators.taken())


def test_again_after_not_sent(smsp, simulators, key):
    """Then the key is free, and the second try is a real one."""
    simulators.turn("mailgun", "down")
    simulators.turn("sendgrid", "down")
    first = smsp.send(headers=key)
    simulators.mend()
    smsp.wait_until_quiet()
    second = smsp.send(headers=key)
    assert (first.outcome, second.outcome) == ("not_sent", "sent")
    assert "Idempotency-Replayed" not in second.headers
    audit_all([first, second], simulators.taken())


def test_while_it_is_being_sent(smsp, simulators, key):
    """A twin is told to come back, and is not sent."""
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(smsp.send, "slow-400ms@example.org", headers=key)
        eventually(lambda: smsp.provider("mailgun")["in_flight"], "it is being sent")
        twin = smsp.send("slow-400ms@example.org", headers=key)
    assert (twin.status, twin.body["code"]) == (409, "in_progress")
    assert int(twin.headers["Retry-After"]) >= 1
    audit_all([first.result()], simulators.taken())


def test_another_message(smsp, simulators, key):
    """A key stands for one message; another under it is refused."""
    first = smsp.send(headers=key)
    other = smsp.send(subject="another", headers=key)
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    audit_all([first], simulators.taken())
