"""Every way a simulated provider can misbehave, and what the contract makes of it.

Each fault meets each provider alone, pinned, so that the answer is about one attempt.
"""

from __future__ import annotations

import pytest

from functional_tests.kit.audit import STATUS_AND_TIMES, audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.simulators import PROVIDERS
from smsp.simulator import FAULTS

SERVERS = ("smsp", "hypercorn")

SETTINGS = {"CALL_TIMEOUT": "0.6", "SETTLE_TIMEOUT": "0.6"}

CLOSED, OPENS = False, True

# fault: outcome of the message, of the attempt, reason, whether the circuit opens, times taken
ALIKE = {
    "anybody": ("sent", "sent", "accepted", CLOSED, 1),
    "slow-100ms": ("sent", "sent", "accepted", CLOSED, 1),
    "reject": ("rejected", "rejected", "bad_recipient", CLOSED, 0),
    "sender": ("rejected", "not_sent", "sender_not_allowed", CLOSED, 0),
    "throttle": ("not_sent", "not_sent", "throttled", OPENS, 0),
    "throttle-mute": ("not_sent", "not_sent", "throttled", CLOSED, 0),
    "unauthorised": ("not_sent", "not_sent", "unauthorised", OPENS, 0),
    "credits": ("not_sent", "not_sent", "no_credits", OPENS, 0),
    "redirect": ("not_sent", "not_sent", "misconfigured", OPENS, 0),
    "busy": ("unknown", "unknown", "server_error", OPENS, 0),
    "error": ("unknown", "unknown", "server_error", OPENS, 0),
    "accept-then-error": ("unknown", "unknown", "server_error", OPENS, 1),
    "slow": ("unknown", "unknown", "timeout", OPENS, 1),
    "hang": ("unknown", "unknown", "timeout", OPENS, 0),
    "accept-then-hang": ("unknown", "unknown", "timeout", OPENS, 1),
    "drop": ("unknown", "unknown", "connection_lost", OPENS, 0),
    "accept-then-drop": ("unknown", "unknown", "connection_lost", OPENS, 1),
    "garbage": ("unknown", "unknown", "connection_lost", OPENS, 0),
    "html": ("unknown", "unknown", "bad_answer", OPENS, 0),
}
# SendGrid's status line says it all; Mailgun's is in the body that was cut.
ONE_BY_ONE = {
    ("mailgun", "cut"): ("unknown", "unknown", "bad_answer", OPENS, 1),
    ("sendgrid", "cut"): ("sent", "sent", "accepted", CLOSED, 1),
}
TABLE = {(name, fault): row for name in PROVIDERS for fault, row in ALIKE.items()} | ONE_BY_ONE


@pytest.mark.parametrize(("provider", "fault"), TABLE)
def test_a_fault(smsp, simulators, provider, fault):
    """The status, the outcome, the reason and the circuit are the contract's; the answer is true.

    A circuit that has opened is polled, and closes again; the poll is no mail.
    """
    outcome, attempted, reason, opens, times = TABLE[provider, fault]
    before = smsp.openings(provider)
    answer = smsp.send(f"{fault}@example.org", provider=provider)
    status, _ = STATUS_AND_TIMES[outcome]
    assert (answer.status, answer.outcome) == (status, outcome)
    assert answer.attempts == [(provider, attempted, reason)]
    opened = [why for at, why in smsp.openings(provider) if (at, why) not in before]
    assert opened == ([reason] if opens else [])
    smsp.wait_for_state(provider, "closed")
    audit_all([answer], simulators.taken())
    assert sum(simulators.taken().values()) == times


def test_every_fault_is_in_the_table():
    """A fault that the simulators learn has to be judged here, too."""
    assert {fault for _, fault in TABLE} >= set(FAULTS)


def test_a_pause_that_is_asked_for(smsp):
    """A throttled caller is told to come back when the provider will; until then nobody asks it."""
    for provider in PROVIDERS:
        answer = smsp.send("throttle@example.org", provider=provider)
        assert int(answer.headers["Retry-After"]) in {1, 2, 3}
        assert smsp.send(provider=provider).attempts == [(provider, "refused", "open")]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_late_acceptance(smsp, provider):
    """A message that is taken after its caller was told *unknown* is found to be sent."""
    answer = smsp.send("slow@example.org", provider=provider)
    assert answer.outcome == "unknown"
    eventually(lambda: smsp.became_of(answer.id)["settled"], "the call has settled")
    assert smsp.became_of(answer.id)["outcome"] == "sent"
    eventually(lambda: (answer.id, "sent") in _settled(smsp), "the log tells it, too")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_large_message_that_stops_half_way(smsp, simulators, provider):
    """A provider that stops reading has not had the message: *not sent*, so another may try."""
    simulators.turn(provider, "stall")
    answer = smsp.send(plaintextbody="x" * 12_000_000, provider=provider)
    assert answer.attempts == [(provider, "not_sent", "write_timeout")]
    simulators.turn(provider, "up")
    smsp.wait_for_state(provider, "closed")
    audit_all([answer], simulators.taken())


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("switch", "outcome", "reason"),
    [("down", "not_sent", "connect_failed"), ("hang", "unknown", "timeout")],
)
def test_a_switch(smsp, simulators, provider, switch, outcome, reason):
    """A provider that cannot be reached has not had it; one that says nothing may have."""
    simulators.turn(provider, switch)
    answer = smsp.send(provider=provider)
    assert (answer.status, answer.outcome) == (STATUS_AND_TIMES[outcome][0], outcome)
    assert answer.attempts == [(provider, outcome, reason)]
    assert smsp.provider(provider)["state"] == "open"
    simulators.turn(provider, "up")
    smsp.wait_until_quiet()
    audit_all([answer], simulators.taken())


def _settled(smsp):
    """The calls that ended late, as the log has them."""
    events = [event for event in smsp.process.events if event["event"] == "email.settled"]
    return [(event["id"], event["outcome"]) for event in events]
