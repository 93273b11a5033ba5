"""What Prometheus is told, read back with Prometheus' own parser."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors import (
    SHOWN_STATES,
    Answered,
    Moved,
    Probed,
    Refusal,
    Refused,
    Replied,
    Settled,
    Transition,
    Unanswered,
)
from actors.ask import Cause
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
)
from smsp.telemetry.metrics import BUCKETS_S, Metrics
from tests.kit.mails import send
from tests.kit.web import snapshot

FAMILIES = {
    "smsp_attempts",
    "smsp_messages",
    "smsp_attempt_seconds",
    "smsp_circuit_state",
    "smsp_circuit_transitions",
    "smsp_probes",
    "smsp_recipients_refused",
    "smsp_in_flight",
    "smsp_actor_restarts",
    "smsp_http_requests",
    "smsp_http_request_seconds",
    "smsp_ledger_keys",
    "smsp_ledger_forgotten",
    "smsp_loop_lag_seconds",
    "smsp_log_lines_dropped",
    "smsp_build_info",
}

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def counted() -> Metrics:
    """Metrics over two circuits and a ledger."""
    snapshots = (
        snapshot("mailgun", state="open", in_flight=3, restarts=2),
        snapshot("sendgrid", state="closed"),
    )
    return Metrics("1.2.3", lambda: snapshots, lambda: (7, 1), lambda: 0.25, lambda: 5)


def samples(metrics: Metrics) -> Samples:
    """Everything that is exposed, by name and labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """One sample."""
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_every_family_of_the_contract_is_exposed(counted):
    """The names are the contract's, whether anything has happened yet or not."""
    for _ in range(2):
        families = text_string_to_metric_families(counted.exposition().decode())
        assert {family.name for family in families} == FAMILIES
        counted.message("sent")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Answered(Sent("id")), "sent"),
        (Answered(Rejected(Reason.BAD_RECIPIENT)), "rejected"),
        (Unanswered(Cause.DEADLINE, committed=False), "not_sent"),
        (Unanswered(Cause.TIMEOUT, committed=True), "unknown"),
        (Refused(Refusal.OPEN), "refused"),
    ],
)
def test_a_reply_is_counted_by_its_outcome(counted, reply, outcome):
    """Each reply of a circuit counts once, under the word that callers see."""
    counted.observe(Replied("mailgun", send(), reply, 0.02))

    assert value(counted, "smsp_attempts_total", provider="mailgun", outcome=outcome) == 1


def test_what_has_not_happened_yet_is_counted_as_0():
    """Prometheus sees a counter grow, and misses the first burst of one that was not there."""
    metrics = Metrics("1.2.3", tuple, lambda: (0, 0), providers=["mailgun", "sendgrid"])
    outcomes = ["sent", "rejected", "not_sent", "unknown"]
    counted_by = {
        "smsp_attempts_total": [("outcome", word) for word in (*outcomes, "refused")],
        "smsp_probes_total": [("outcome", word) for word in (*outcomes, "failed")],
        "smsp_recipients_refused_total": [
            ("reason", word) for word in ("bad_recipient", "suppressed", "message_refused")
        ],
    }
    expected = {("smsp_messages_total", (("outcome", word),)) for word in outcomes}
    for provider in (("provider", "mailgun"), ("provider", "sendgrid")):
        expected.add(("smsp_attempt_seconds_count", (provider,)))
        for name, labels in counted_by.items():
            expected |= {(name, tuple(sorted((label, provider)))) for label in labels}
    found = {
        key: number
        for key, number in samples(metrics).items()
        if re.match("smsp_(messages|attempts|probes|recipients_refused|attempt_seconds_c)", key[0])
    }
    assert found == dict.fromkeys(expected, 0)


def test_refused_recipients_are_counted_by_reason(counted):
    """Of messages that were sent to others, at once or late; named or only counted."""
    carol = RefusedRecipient("carol@example.org", Reason.SUPPRESSED)
    some = Answered(Sent("id", RefusedRecipients((carol,), 2, Reason.BAD_RECIPIENT)))
    counted.observe(Replied("mailgun", send(), some, 0.02))
    counted.observe(Settled("mailgun", send(), some, 3.0))
    for told in (Sent(), Sent("id", NOBODY_REFUSED), Rejected(Reason.SUPPRESSED)):
        counted.observe(Replied("sendgrid", send(), Answered(told), 0.02))
        counted.observe(Settled("sendgrid", send(), Answered(told), 0.02))

    found = {
        (labels["provider"], labels["reason"]): number
        for (name, pairs), number in samples(counted).items()
        if name == "smsp_recipients_refused_total" and (labels := dict(pairs))
    }
    assert found == {("mailgun", "suppressed"): 2, ("mailgun", "bad_recipient"): 4}


def test_only_calls_are_timed(counted):
    """A refusal took no call, so it says nothing about the provider's speed."""
    counted.observe(Replied("mailgun", send(), Refused(Refusal.OPEN), 0.0))
    counted.observe(Replied("mailgun", send(), Answered(Sent()), 0.02))

    assert value(counted, "smsp_attempt_seconds_count", provider="mailgun") == 1
    assert value(counted, "smsp_attempt_seconds_sum", provider="mailgun") == 0.02


def test_the_buckets_fit_what_providers_do():
    """From a fast answer on the same continent to one that a caller hardly waits for."""
    assert (BUCKETS_S[0], BUCKETS_S[-1]) == (0.005, 30.0)


def test_moves_and_probes_are_counted(counted):
    """Each by what it led to."""
    counted.observe(Moved("mailgun", Transition(1.0, "closed", "open", "timeout"), None))
    counted.observe(Probed("mailgun", False, "not_sent", "connect_failed", 0.1))

    labels = {"provider": "mailgun", "to": "open", "reason": "timeout"}
    assert value(counted, "smsp_circuit_transitions_total", **labels) == 1
    assert value(counted, "smsp_probes_total", provider="mailgun", outcome="not_sent") == 1


def test_the_state_is_one_hot(counted):
    """Exactly one state of a circuit is 1, and it is the one it is in."""
    states = {
        state: value(counted, "smsp_circuit_state", provider="mailgun", state=state)
        for state in SHOWN_STATES
    }

    assert states == {**dict.fromkeys(SHOWN_STATES, 0), "open": 1}


def test_circuits_ledger_and_log_are_read_when_scraped(counted):
    """What is present is not counted but looked at."""
    assert value(counted, "smsp_in_flight", provider="mailgun") == 3
    assert value(counted, "smsp_actor_restarts_total", provider="mailgun") == 2
    assert value(counted, "smsp_ledger_keys") == 7
    assert value(counted, "smsp_ledger_forgotten_total") == 1
    assert value(counted, "smsp_loop_lag_seconds") == 0.25
    assert value(counted, "smsp_log_lines_dropped_total") == 5
    assert value(counted, "smsp_build_info", version="1.2.3") == 1


def test_messages_and_requests_are_counted(counted):
    """A message by its outcome, a request by route, method and status."""
    counted.message("sent")
    counted.request("/email", "POST", 200, 0.03)

    assert value(counted, "smsp_messages_total", outcome="sent") == 1
    labels = {"route": "/email", "method": "POST", "status": "200"}
    assert value(counted, "smsp_http_requests_total", **labels) == 1


def test_what_a_stranger_sends_makes_no_new_label(counted):
    """Paths that lead nowhere and methods of one's own share a label each."""
    for number in range(50):
        counted.request(None, f"METHOD{number}", 404, 0.001)

    labels = {"route": "(none)", "method": "other", "status": "404"}
    assert value(counted, "smsp_http_requests_total", **labels) == 50
