"""A call that outlives its caller's patience goes on, and what it turns out to be is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import repeat
from uuid import uuid4

import pytest

from functional_tests.kit.audit import audit, audit_all
from functional_tests.kit.polling import eventually

SERVERS = ("smsp", "hypercorn")

LATE = "slow-2500ms@example.org"
HUNG = 100
OTHER_KEY = "functional-tests-key-of-another"
SETTINGS = {
    "API_KEYS": f"other:send:{sha256(OTHER_KEY.encode()).hexdigest()}",
    "CALL_TIMEOUT": "0.6",
    "SETTLE_TIMEOUT": "30",
    "MAX_IN_FLIGHT": str(HUNG),
    "TRIP": "first-failure",
}


@pytest.fixture
def key():
    """Headers with a key that nobody has used."""
    return {"Idempotency-Key": str(uuid4())}


def settled(smsp, message):
    """The line of the log that tells how a call ended after all, if there is one."""
    events = [one for one in smsp.process.events if one["event"] == "email.settled"]
    return next((one for one in events if one["id"] == message), None)


def test_a_late_outcome(smsp, simulators, key):
    """Unknown to its caller, then sent: by id, in replays and in the log; and sent once."""
    first = smsp.send(LATE, headers=key)
    assert (first.status, first.attempts) == (504, [("mailgun", "unknown", "timeout")])
    doubt = smsp.became_of(first.id)
    assert (doubt["outcome"], doubt["settled"]) == ("unknown", False)
    assert smsp.provider("mailgun")["settling"] == 1

    doubted = smsp.send(LATE, headers=key)
    assert (doubted.status, doubted.headers["Idempotency-Replayed"]) == (504, "true")

    line = eventually(lambda: settled(smsp, first.id), "it is logged")
    assert (line["provider"], line["outcome"], line["reason"]) == ("mailgun", "sent", "accepted")
    assert line["seconds"] == pytest.approx(2.5, abs=1.0)
    known = smsp.became_of(first.id)
    assert (known["outcome"], known["settled"], known["provider"]) == ("sent", True, "mailgun")
    assert known["messageid"]
    assert [one["outcome"] for one in known["attempts"]] == ["sent"]

    replayed = smsp.send(LATE, headers=key)
    assert (replayed.status, replayed.id) == (200, first.id)
    assert replayed.body["messageid"] == known["messageid"]
    audit_all([replayed], simulators.taken())


def test_an_impatient_caller_may_ask_later(smsp, simulators):
    """``SMSP-Deadline`` is the caller's own; what became of the message can be asked by its id."""
    answer = smsp.send("slow-400ms@example.org", headers={"SMSP-Deadline": "0.2"})
    assert answer.attempts == [("mailgun", "unknown", "deadline")]
    eventually(lambda: smsp.became_of(answer.id)["settled"], "it has settled")
    assert smsp.became_of(answer.id)["outcome"] == "sent"
    assert smsp.provider("mailgun")["state"] == "closed"
    assert set(simulators.taken().values()) == {1}


def test_of_an_id_that_is_none(smsp):
    """What was never sent, or was forgotten, is not found."""
    for message in (str(uuid4()), "not-an-id"):
        assert smsp.http.get(f"/email/{message}").status_code == 404


def test_only_the_key_that_sent_it_may_ask(smsp, key):
    """For another caller it is as if the message had never been, and so is its idempotency key."""
    answer = smsp.send(headers=key)
    other = {"X-API-KEY": OTHER_KEY}
    found = smsp.http.get(f"/email/{answer.id}", headers=other)
    assert (found.status_code, found.json()["code"]) == (404, "not_found")
    theirs = smsp.send(headers=key | other)
    assert (theirs.status, "Idempotency-Replayed" in theirs.headers) == (200, False)
    assert theirs.id != answer.id


def test_a_hundred_hung_calls(start_smsp, simulators):
    """They fill every place there is, and hang on; still the poll passes, and the next message is
    sent."""
    smsp = start_smsp(**SETTINGS, PROVIDERS="mailgun", SENDGRID_API_KEY="", SENDGRID_BASE_URL="")
    with ThreadPoolExecutor(HUNG) as callers:
        answers = list(callers.map(smsp.send, repeat("hang@example.org", HUNG)))
    assert {one for answer in answers for one in answer.attempts} <= {
        ("mailgun", "unknown", "timeout"),
        ("mailgun", "refused", "open"),
        ("mailgun", "refused", "full"),
    }
    smsp.wait_for_state("mailgun", "closed")
    shown = smsp.provider("mailgun")
    assert shown["settling"] > 0
    assert shown["in_flight"] <= HUNG
    last = smsp.send()
    assert last.outcome == "sent"
    audit([*answers, last], simulators.taken())
