"""Both sides of the wire agree: what an adapter encodes, its simulated provider takes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given

from smsp.mail.outcome import Blame, Reason, Sent, word
from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.protocols import HttpReply
from smsp.simulator import (
    MailgunWire,
    Request,
    SendGridWire,
    SimulatedAnswer,
    Submission,
    fault_for,
)
from tests.kit.mails import mailbox, send, sends

KEY = "key-of-sixteen-characters"
DOMAIN = "mail.example.com"
NOW = 1_750_000_000.0
PAIRS = (
    (Mailgun(api_key=KEY, domain=DOMAIN), MailgunWire(api_key=KEY, domain=DOMAIN)),
    (SendGrid(api_key=KEY), SendGridWire(api_key=KEY)),
)


def read(wire, call):
    """What the wire makes of an adapter's call."""
    headers = {name.lower(): value for name, value in call.headers}
    return wire.read(Request(call.method, urlsplit(call.url).path, headers, call.body))


def reply(answer):
    """The wire's answer as an adapter sees it."""
    headers = {name.lower(): value for name, value in answer.headers}
    return HttpReply(answer.status, headers, answer.body, received_at=NOW)


def outcome_for(adapter, wire, local_part):
    """What the adapter makes of the answer to a message for this recipient."""
    submission = read(wire, adapter.encode(send(to=(mailbox(f"{local_part}@example.org"),))))
    fault = fault_for(submission.recipients)
    if isinstance(fault.says, SimulatedAnswer):
        return adapter.decode(reply(fault.says))
    return adapter.decode(reply(wire.answer(fault.says, submission, number=1, now=NOW)))


@pytest.mark.parametrize(("adapter", "wire"), PAIRS)
@given(send=sends)
def test_every_message_is_understood(adapter, wire, send):
    """Any message that comes through the door is taken, under its id, for all its recipients."""
    submission = read(wire, adapter.encode(send))
    assert isinstance(submission, Submission), submission
    assert submission.smsp_id == str(send.id)
    assert not submission.test
    assert {address.lower() for address in submission.recipients} == {
        mailbox.address.lower() for mailbox in send.mail.recipients
    }


@pytest.mark.parametrize(("adapter", "wire"), PAIRS)
def test_a_success_is_sent(adapter, wire):
    """With the provider's id for it."""
    outcome = outcome_for(adapter, wire, "bob")
    assert isinstance(outcome, Sent)
    assert outcome.message_id


@pytest.mark.parametrize(("adapter", "wire"), PAIRS)
def test_a_probe_passes_and_is_no_mail(adapter, wire):
    """Each step is answered with a success, and the one that sends is let go."""
    for step in adapter.probe(mailbox("poll@example.com")):
        answer = read(wire, step.call)
        assert isinstance(answer, Submission) == step.sends
        if isinstance(answer, Submission):
            assert answer.test
            answer = wire.answer(fault_for(()).says, answer, number=1, now=NOW)
        assert isinstance(step.decode(reply(answer)), Sent)


@pytest.mark.parametrize(("adapter", "wire"), PAIRS)
@pytest.mark.parametrize(
    ("local_part", "outcome", "reason"),
    [
        ("reject", "rejected", Reason.BAD_RECIPIENT),
        ("sender", "not_sent", Reason.SENDER_NOT_ALLOWED),
        ("throttle", "not_sent", Reason.THROTTLED),
        ("unauthorised", "not_sent", Reason.UNAUTHORISED),
        ("credits", "not_sent", Reason.NO_CREDITS),
        ("redirect", "not_sent", Reason.MISCONFIGURED),
        ("busy", "unknown", Reason.SERVER_ERROR),
        ("error", "unknown", Reason.SERVER_ERROR),
        ("html", "unknown", Reason.BAD_ANSWER),
    ],
)
def test_each_fault_is_read_as_it_is_meant(adapter, wire, local_part, outcome, reason):
    """The simulated answers are those that the adapters know from the real providers."""
    found = outcome_for(adapter, wire, local_part)
    assert (word(found), found.reason) == (outcome, reason)


@pytest.mark.parametrize(("adapter", "wire"), PAIRS)
def test_the_pause_of_a_throttled_message(adapter, wire):
    """Each provider names it in its own place, and each adapter finds it there."""
    outcome = outcome_for(adapter, wire, "throttle")
    assert (outcome.blame, outcome.retry_after_s) == (Blame.THROTTLE, 2.0)
