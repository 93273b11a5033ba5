"""Past a dead provider and back again: no message is lost, none is doubled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually

NEVER_S = "3600"
"""A poll interval that no test lives to see the end of."""


def test_priority(smsp, simulators):
    """While all is well the first provider takes everything."""
    answers = [smsp.send() for _ in range(5)]
    assert {answer.body["provider"] for answer in answers} == {"mailgun"}
    audit_all(answers, simulators.taken())
    assert simulators.accepted() == {"mailgun": 5}


def test_past_a_dead_provider(start_smsp, simulators):
    """When the first provider is down the second takes every message, and each of them once."""
    smsp = start_smsp()
    simulators.turn("mailgun", "down")
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(smsp.send, repeat("bob@example.org", 40)))
    assert [answer.outcome for answer in answers] == ["sent"] * 40
    audit_all(answers, simulators.taken())
    assert simulators.accepted() == {"sendgrid": 40}


def test_past_a_silent_provider(smsp, simulators):
    """Who met its silence is told that nobody knows, and all after them are sent elsewhere."""
    simulators.turn("mailgun", "hang")
    first = smsp.send()
    assert first.attempts == [("mailgun", "unknown", "timeout")]
    later = [smsp.send() for _ in range(5)]
    assert {answer.body["provider"] for answer in later} == {"sendgrid"}
    simulators.mend()
    smsp.wait_until_quiet()
    audit_all([first, *later], simulators.taken())


def test_past_an_account_fault(start_smsp, simulators):
    """An account that is not let in costs no message: the other one takes it."""
    smsp = start_smsp(MAILGUN_API_KEY="a-key-that-mailgun-does-not-know", POLL_INTERVAL_MAX=NEVER_S)
    answers = [smsp.send() for _ in range(3)]
    reasons = [answer.attempts[0] for answer in answers]
    assert reasons[0] == ("mailgun", "not_sent", "unauthorised")
    assert reasons[1:] == [("mailgun", "refused", "open")] * 2
    assert {answer.attempts[1] for answer in answers} == {("sendgrid", "sent", "accepted")}
    audit_all(answers, simulators.taken())


def test_past_a_provider_that_stops_reading(smsp, simulators):
    """A large message that one provider had half of is sent whole by the other, once."""
    simulators.turn("mailgun", "stall")
    answer = smsp.send(plaintextbody="x" * 12_000_000)
    assert [reason for _, _, reason in answer.attempts] == ["write_timeout", "accepted"]
    simulators.mend()
    smsp.wait_until_quiet()
    audit_all([answer], simulators.taken())


def test_recovery(smsp, simulators):
    """When the provider is back the poll closes its circuit, and the poll is no mail."""
    simulators.turn("mailgun", "down")
    answers = [smsp.send()]
    eventually(lambda: _last_probe(smsp) == "not_sent", "a poll has failed")
    simulators.turn("mailgun", "up")
    smsp.wait_for_state("mailgun", "closed")
    answers.append(smsp.send())
    assert answers[-1].body["provider"] == "mailgun"
    last = smsp.provider("mailgun")["transitions"][-1]
    assert (last["from"], last["to"], last["reason"]) == ("open", "closed", "probe_passed")
    assert simulators.outbox()["tested"] == {"mailgun": 1}
    audit_all(answers, simulators.taken())
    assert simulators.accepted() == {"mailgun": 1, "sendgrid": 1}


def test_no_real_mail_down_an_open_circuit(start_smsp, simulators):
    """Even a provider that is well again sees no message before the poll has passed."""
    smsp = start_smsp(POLL_INTERVAL=NEVER_S, POLL_INTERVAL_MAX=NEVER_S)
    simulators.turn("mailgun", "down")
    answers = [smsp.send()]
    simulators.turn("mailgun", "up")
    answers += [smsp.send() for _ in range(10)]
    assert [answer.attempts[0] for answer in answers[1:]] == [("mailgun", "refused", "open")] * 10
    assert simulators.outbox()["tested"] == {}
    assert simulators.accepted() == {"sendgrid": 11}
    audit_all(answers, simulators.taken())


def test_nobody_left(smsp, simulators):
    """With every provider down the message is not sent; after that no call is made at all."""
    simulators.turn("mailgun", "down")
    simulators.turn("sendgrid", "down")
    first, second = smsp.send(), smsp.send()
    assert [answer.body["code"] for answer in (first, second)] == ["not_sent", "no_provider"]
    assert second.attempts == [("mailgun", "refused", "open"), ("sendgrid", "refused", "open")]
    assert int(second.headers["Retry-After"]) >= 1
    assert smsp.http.get("/healthcheck").json()["status"] == "down"
    simulators.mend()
    smsp.wait_until_quiet()
    assert smsp.http.get("/healthcheck").json()["status"] == "ok"
    audit_all([first, second], simulators.taken())


def test_failover_open(start_smsp, simulators):
    """``open``: the caller of the first failure hears of it, only later ones go elsewhere."""
    smsp = start_smsp(FAILOVER="open", POLL_INTERVAL=NEVER_S, POLL_INTERVAL_MAX=NEVER_S)
    simulators.turn("mailgun", "down")
    answers = [smsp.send(), smsp.send()]
    assert answers[0].attempts == [("mailgun", "not_sent", "connect_failed")]
    assert answers[1].attempts == [("mailgun", "refused", "open"), ("sendgrid", "sent", "accepted")]
    audit_all(answers, simulators.taken())


def test_failover_any(start_smsp, simulators):
    """``any``: a doubted message goes elsewhere, and when that doubles it the log says so."""
    smsp = start_smsp(FAILOVER="any", SETTLE_TIMEOUT="30")
    simulators.turn("mailgun", "hang")
    answer = smsp.send()
    assert answer.status == 200
    assert answer.attempts == [
        ("mailgun", "unknown", "timeout"),
        ("sendgrid", "sent", "accepted"),
    ]
    assert simulators.taken() == {answer.id: 1}
    simulators.turn("mailgun", "up")
    doubled = eventually(lambda: smsp.process.event("email.duplicated"), "the double is logged")
    assert doubled["id"] == answer.id
    assert simulators.taken() == {answer.id: 2}


@pytest.mark.parametrize("name", ["mailgun", "sendgrid"])
def test_pinned(smsp, simulators, name):
    """A message for one provider by name goes to it, whatever the order."""
    answer = smsp.send(provider=name)
    assert answer.attempts == [(name, "sent", "accepted")]
    assert simulators.accepted() == {name: 1}


def test_pinned_to_a_dead_provider(smsp, simulators):
    """It does not go elsewhere, though somebody else would have taken it."""
    simulators.turn("mailgun", "down")
    answer = smsp.send(provider="mailgun")
    assert (answer.status, answer.outcome) == (503, "not_sent")
    assert answer.attempts == [("mailgun", "not_sent", "connect_failed")]
    assert simulators.taken() == {}


def test_several_accounts_of_one_kind(start_smsp, simulators):
    """Two accounts have two circuits: one's key being refused does not stop the other."""
    smsp = start_smsp(
        PROVIDERS="mailgun,mailgun-eu,sendgrid",
        MAILGUN_API_KEY="a-key-that-mailgun-does-not-know",
        MAILGUN_EU_KIND="mailgun",
        MAILGUN_EU_API_KEY="simulated-api-key",
        MAILGUN_EU_DOMAIN="mail.example.com",
        MAILGUN_EU_BASE_URL=simulators.urls["mailgun"],
        POLL_INTERVAL_MAX=NEVER_S,
    )
    answer = smsp.send()
    assert answer.attempts == [
        ("mailgun", "not_sent", "unauthorised"),
        ("mailgun-eu", "sent", "accepted"),
    ]
    assert smsp.states() == {"mailgun": "open", "mailgun-eu": "closed", "sendgrid": "closed"}
    assert smsp.provider("mailgun-eu")["kind"] == "mailgun"
    audit_all([answer], simulators.taken())


def _last_probe(smsp):
    probe = smsp.provider("mailgun")["last_probe"]
    return probe and probe["outcome"]
