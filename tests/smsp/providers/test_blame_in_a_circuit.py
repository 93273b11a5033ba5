"""Whose fault it is: what is not the provider's opens no circuit, however often it happens and
however nervous the rule."""

from __future__ import annotations

import json
from math import inf

import pytest
import trio

from actors import Answered, Consecutive, FailureRate, FailureRateOver, FirstFailure, SlowCalls
from smsp.mail.outcome import NotSent, Reason, Sent, Unknown, reason_of, word
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.http.exchange import WRITE_BYTES
from smsp.providers.http.phases import Phase
from smsp.providers.http.provider import HttpProvider
from smsp.sending.circuit_outcomes import result_of
from tests.kit.circuits import running_circuit
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import mailbox, send

TIMEOUT_S, PATIENCE_S = 2.0, 60.0
MANY, SOME = 1000, 30
AT_ONCE = (FirstFailure(), Consecutive(1), FailureRate(1, 1), SlowCalls(1, 0.5, 1))
"""Rules that open at the first thing which counts."""
NERVOUS = (*AT_ONCE, FailureRateOver(1, 3600.0))
"""And one that does so after ten calls."""


def refusal(status, field, message):
    """What SendGrid says of a message that it will not take."""
    errors = [{"message": message, "field": field, "help": None}]
    return Script(answer=Answer(status, pieces=(json.dumps({"errors": errors}).encode(),)))


REJECTS = refusal(400, "personalizations.0.to.0.email", "Does not contain a valid address.")
SENDER_UNKNOWN = refusal(
    403, "from", "The from address does not match a verified Sender Identity. Mail cannot be sent."
)
TAKES = Answer(202, {"X-Message-Id": "m-1"})
ANSWERS_LATE = Script(takes={Phase.WRITTEN: 0.4}, answer=TAKES)
CONNECTS_SLOWLY = Script(takes={Phase.CONNECTING: 0.4}, answer=TAKES)

BLAMELESS = [
    pytest.param(REJECTS, PATIENCE_S, ("rejected", "bad_recipient"), id="rejected messages"),
    pytest.param(
        SENDER_UNKNOWN, PATIENCE_S, ("not_sent", "sender_not_allowed"), id="an unverified domain"
    ),
    pytest.param(ANSWERS_LATE, 0.05, ("unknown", "deadline"), id="impatient callers"),
    pytest.param(CONNECTS_SLOWLY, 0.05, ("not_sent", "deadline"), id="impatient from the start"),
]


def circuit_before(far, trip):
    """A running circuit with this rule in front of SendGrid as this far side plays it."""
    provider = HttpProvider(SendGrid("a-key"), far, far, mailbox("a@b.example"), TIMEOUT_S)
    return running_circuit(provider, timeout_s=TIMEOUT_S, trip=trip)


async def asked(circuit, times, patience_s):
    """What became of so many messages, one after the other."""
    ends = set()
    for _ in range(times):
        reply = await circuit.ask(send(), deadline=trio.current_time() + patience_s)
        result = result_of(reply)
        ends.add((word(result), reason_of(result).value))
    return ends


@pytest.mark.parametrize(("script", "patience_s", "end"), BLAMELESS)
async def test_a_thousand_of_them(autojump_clock, script, patience_s, end):
    """The provider is alive: its circuit never opens, and the next message is sent."""
    far = Far(*[script] * MANY, Script(answer=TAKES))
    async with circuit_before(far, FirstFailure()) as circuit:
        assert await asked(circuit, MANY, patience_s) == {end}
        await trio.sleep(1.0)
        assert (circuit.snapshot.state, circuit.snapshot.transitions) == ("closed", ())
        assert circuit.snapshot.limit == circuit.snapshot.max_in_flight
        assert await circuit.ask(send(), deadline=PATIENCE_S * MANY) == Answered(Sent("m-1"))


@pytest.mark.parametrize("rule", NERVOUS, ids=str)
@pytest.mark.parametrize(("script", "patience_s", "end"), BLAMELESS)
async def test_under_every_rule(autojump_clock, script, patience_s, end, rule):
    """No rule counts what is nobody's fault."""
    async with circuit_before(Far(*[script] * SOME), rule) as circuit:
        assert await asked(circuit, SOME, patience_s) == {end}
        await trio.sleep(1.0)
        assert circuit.snapshot.transitions == ()


class SlowLine(Far):
    """Takes a second for each piece. A large mail is encoded in a thread, which takes real time:
    outside of requests the clock stands still."""

    def __init__(self, clock):
        super().__init__(*[Script(takes={Phase.WRITING: 1.0}, answer=TAKES)] * 2)
        self._clock = clock

    async def handle_async_request(self, request):
        self._clock.autojump_threshold = 0.0
        try:
            return await super().handle_async_request(request)
        finally:
            self._clock.autojump_threshold = inf


@pytest.mark.parametrize("rule", NERVOUS, ids=str)
async def test_a_large_mail_over_a_slow_line(mock_clock, rule):
    """20 MB, 64 KiB a second: whether its caller stays to the end or not, the provider has done
    nothing wrong, and has not been slow either."""
    large = send(text="x" * 20_000_000)
    async with circuit_before(SlowLine(mock_clock), rule) as circuit:
        impatient = result_of(await circuit.ask(large, deadline=300.0))
        assert isinstance(impatient, NotSent)
        assert trio.current_time() == pytest.approx(300.0, abs=TIMEOUT_S)
        assert await circuit.ask(large, deadline=1000.0) == Answered(Sent("m-1"))
        assert trio.current_time() - 300.0 > 20_000_000 / WRITE_BYTES
        assert circuit.snapshot.transitions == ()


@pytest.mark.parametrize("rule", AT_ONCE, ids=str)
async def test_impatience_hides_no_fault(autojump_clock, rule):
    """A provider that hangs is found out by its own time, whoever had left before that."""
    far = Far(Script(takes={Phase.WRITTEN: HANGS}))
    async with circuit_before(far, rule) as circuit:
        reply = await circuit.ask(send(), deadline=0.05)
        assert isinstance(result_of(reply), Unknown)
        assert circuit.snapshot.state == "closed"
        await trio.sleep_until(TIMEOUT_S + 0.1)
        assert circuit.snapshot.transitions[0].reason == Reason.TIMEOUT


@pytest.mark.parametrize("rule", AT_ONCE, ids=str)
async def test_a_fault_is_one(autojump_clock, rule):
    """The same rules open at the first thing that is the provider's fault."""
    async with circuit_before(Far(Script(answer=Answer(500))), rule) as circuit:
        assert await asked(circuit, 1, PATIENCE_S) == {("unknown", "server_error")}
        assert circuit.snapshot.state == "open"


async def test_an_answer_that_comes_slowly_is_slow(autojump_clock):
    """The provider's own time is what a rule about slowness looks at."""
    slow = Script(takes={Phase.WRITTEN: 0.6}, answer=TAKES)
    async with circuit_before(Far(slow), SlowCalls(1, 0.5, 1)) as circuit:
        assert await asked(circuit, 1, PATIENCE_S) == {("sent", "accepted")}
        assert circuit.snapshot.transitions[0].reason == "slow"
