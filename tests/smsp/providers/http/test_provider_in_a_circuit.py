"""A provider over HTTP behind its circuit: what the caller is told, when, and what goes on."""

from __future__ import annotations

import pytest
import trio

from actors import Answered, Cause, Settled, Unanswered
from smsp.mail.outcome import Blame, NotSent, Reason, Sent, Unknown
from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.http.phases import Phase
from smsp.providers.http.provider import HttpProvider
from tests.kit.circuits import running_circuit
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import mailbox, send

TIMEOUT_S = 2.0
BEFORE_THE_LAST_BYTE = (Phase.WAITING, Phase.CONNECTING, Phase.SECURING, Phase.WRITING)
TAKEN = Answer(202, {"X-Message-Id": "m-1"})


def circuit_before(far, observe=lambda _: None):
    """A running circuit in front of SendGrid as this far side plays it; it probes it, too."""
    provider = HttpProvider(SendGrid("a-key"), far, far, mailbox("a@b.example"), TIMEOUT_S)
    return running_circuit(provider, observe, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
async def test_deadline_before_the_last_byte(autojump_clock, phase):
    """``not_sent`` is answered once the connection is closed, and nothing is written after it."""
    far = Far(Script(takes={phase: HANGS}, closing_s=0.125))
    async with circuit_before(far) as circuit:
        reply = await circuit.ask(send(), deadline=0.5)
        assert reply == Unanswered(Cause.DEADLINE, committed=False, stage=phase.name.lower())
        assert far.seen[0].closed_at == trio.current_time() == 0.625
        written = far.writes
        await trio.sleep(100.0)
        assert far.writes == written
        assert circuit.snapshot.state == "closed"


@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
async def test_time_out_before_the_last_byte(autojump_clock, phase):
    """The same when the phase's own time passes first; then it is the provider's fault."""
    far = Far(Script(takes={phase: HANGS}, closing_s=0.125))
    async with circuit_before(far) as circuit:
        reply = await circuit.ask(send(), deadline=10.0)
        assert isinstance(reply.answer, NotSent)
        assert far.seen[0].closed_at == trio.current_time() == TIMEOUT_S + 0.125
        ours = reply.answer.blame is Blame.NOBODY
        assert ours == (phase is Phase.WAITING)
        assert circuit.snapshot.state == ("closed" if ours else "open")


async def test_deadline_after_the_last_byte(autojump_clock):
    """The caller is told in time that nobody knows; the call goes on and settles as sent."""
    notices = []
    far = Far(Script(takes={Phase.WRITTEN: 1.0}, answer=TAKEN))
    async with circuit_before(far, notices.append) as circuit:
        reply = await circuit.ask(send(), deadline=0.5)
        assert reply == Unanswered(Cause.DEADLINE, committed=True)
        assert trio.current_time() == 0.5
        await trio.sleep_until(1.5)
        assert circuit.snapshot.state == "closed"
    (settled,) = [notice for notice in notices if isinstance(notice, Settled)]
    assert (settled.reply, settled.seconds) == (Answered(Sent("m-1")), 1.0)


async def test_time_out_after_the_last_byte(autojump_clock):
    """The provider's time passes: its circuit opens, and the late answer is still heard."""
    notices = []
    far = Far(Script(takes={Phase.WRITTEN: 20.0}, answer=TAKEN))
    async with circuit_before(far, notices.append) as circuit:
        reply = await circuit.ask(send(), deadline=10.0)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        assert trio.current_time() == TIMEOUT_S
        assert circuit.snapshot.state == "open"
        await trio.sleep_until(21.0)
    (settled,) = [notice for notice in notices if isinstance(notice, Settled)]
    assert (settled.reply, settled.seconds) == (Answered(Sent("m-1")), 20.0)


async def test_hanging_body(autojump_clock):
    """A body that hangs after a 202 does not keep the caller from its answer."""
    far = Far(Script(answer=Answer(202, TAKEN.headers, ends="hangs")))
    async with circuit_before(far) as circuit:
        assert await circuit.ask(send(), deadline=10.0) == Answered(Sent("m-1"))
        assert trio.current_time() < TIMEOUT_S
        assert far.seen[0].closed_at == trio.current_time()


async def test_slow_upload(autojump_clock):
    """An upload that goes on, but longer than the caller will wait, is nobody's fault."""
    far = Far(Script(takes={Phase.WRITING: 1.0}))
    async with circuit_before(far) as circuit:
        reply = await circuit.ask(send(text="x" * 1_000_000), deadline=5.0)
        assert reply == Unanswered(Cause.DEADLINE, committed=False, stage="writing")
        assert circuit.snapshot.state == "closed"


async def test_probe_closes_the_circuit(autojump_clock):
    """A broken provider opens its circuit, and the dummy message closes it."""
    broken = Script(answer=Answer(500))
    far = Far(broken, Script(answer=Answer(500)), Script(answer=Answer(200)))
    async with circuit_before(far) as circuit:
        reply = await circuit.ask(send(), deadline=10.0)
        assert reply == Answered(Unknown(Reason.SERVER_ERROR))
        await trio.sleep_until(5.5)
        assert (circuit.snapshot.state, len(far.seen)) == ("open", 2)
        await trio.sleep_until(16.0)
        assert (circuit.snapshot.state, len(far.seen)) == ("closed", 3)


REVOKED = Script(answer=Answer(401, {}, (b"Forbidden",)))
QUEUED = Script(answer=Answer(200, {}, (b'{"id": "<m-1>", "message": "Queued."}',)))
QUEUES = Script(answer=Answer(200, {}, (b'{"regular": {"is_disabled": false}}',)))


@pytest.mark.parametrize(
    ("message", "probes", "closed_at", "told"),
    [
        # A key that may only send: its look is passed over, and told of.
        (Script(answer=Answer(500)), [REVOKED, QUEUED], 5.0, [Reason.UNAUTHORISED]),
        # A key that was revoked: what its look is told may be just that. A minute each time.
        (REVOKED, [REVOKED, QUEUES, QUEUED], 120.0, []),
    ],
    ids=["may only send", "revoked"],
)
async def test_a_refused_look_after_a_message(autojump_clock, message, probes, closed_at, told):
    """A probe in test mode might pass without a valid key: what a message was told decides."""
    heard = []
    far, probe_far = Far(message), Far(*probes)
    mailgun = Mailgun(api_key="a-key", domain="mg.example.com")
    provider = HttpProvider(
        mailgun, far, probe_far, mailbox("a@b.example"), TIMEOUT_S, status_forbidden=heard.append
    )
    async with running_circuit(provider, timeout_s=TIMEOUT_S) as circuit:
        await circuit.ask(send(), deadline=10.0)
        assert circuit.snapshot.state == "open"
        version = circuit.snapshot.version
        with trio.fail_after(1000.0):
            while circuit.snapshot.state == "open":
                version = (await circuit.changed(version)).version
        assert (trio.current_time(), heard) == (closed_at, told)
        assert probe_far.scripts == []
