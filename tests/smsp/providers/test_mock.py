"""The in-process provider of mock mode."""

from __future__ import annotations

import pytest
import trio

from actors import Cause, Unanswered
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent, word
from smsp.providers.mock import MockProvider
from tests.kit.circuits import running_circuit
from tests.kit.mails import SEND_ID, send


@pytest.mark.parametrize(
    ("subject", "outcome"),
    [
        ("", Sent(f"mock-{SEND_ID}", NOBODY_REFUSED)),
        ("anything", Sent(f"mock-{SEND_ID}", NOBODY_REFUSED)),
        ("fail", NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)),
        ("reject", Rejected(Reason.MESSAGE_REFUSED, "the subject asked for it")),
    ],
)
async def test_the_subject_decides(autojump_clock, subject, outcome):
    """Each outcome can be had by a subject of its name."""
    async with running_circuit(MockProvider()) as circuit:
        reply = await circuit.ask(send(subject=subject), deadline=10.0)
        assert reply.answer == outcome
        assert circuit.snapshot.counts == {word(outcome): 1}


async def test_timeout(autojump_clock):
    """A message that is never answered is unknown once the provider's time has passed."""
    async with running_circuit(MockProvider(), timeout_s=2.0) as circuit:
        reply = await circuit.ask(send(subject="timeout"), deadline=10.0)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        assert trio.current_time() == 2.0


async def test_probe(autojump_clock):
    """The dummy message is always taken, so a circuit that was opened closes again."""
    assert await MockProvider().probe() == Sent()
    async with running_circuit(MockProvider(), base_s=5.0) as circuit:
        await circuit.ask(send(subject="fail"), deadline=10.0)
        assert circuit.snapshot.state == "open"
        await trio.sleep(5.5)
        assert circuit.snapshot.state == "closed"
