"""How long an SMTP dialogue may take: in each phase, in sum, and what its circuit hears of it.

Servers that are always about to be done, in virtual time: one byte a second, a time-out of two.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trio
import trio.testing

from actors import Answered, Cause, Settled, Unanswered
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.providers.smtp.provider import SmtpProvider
from smsp.providers.smtp.session import GOODBYE_S, Terms
from tests.kit.circuits import running_circuit
from tests.kit.lines import MemoryNetwork
from tests.kit.mails import mailbox, send
from tests.kit.smtp_talk import ScriptedServer, TimedServer

TIMEOUT_S = 2.0
SETTLE_S = 5.0
PATIENCE_S = 300.0
JUST_IN_TIME_S = 1.9
MESSAGE = send(text="hello")
LOGIN = ("user", "pass word")
CLEAR = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For those who speak no TLS."""
OFFERS = ("SIZE 1000000", "AUTH LOGIN", "STARTTLS")
UNREACHED = NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
SILENT = NotSent(Reason.TIMEOUT, Blame.PROVIDER)
UNWRITTEN = NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER)
BUSY = b"421 4.3.2 " + b"o" * 100


@asynccontextmanager
async def provider_of(server, *, security="none", tls=None, login=LOGIN):
    """The provider, and the network to its server."""
    tls = tls or CLEAR
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, server)
        terms = Terms("mail.example.com", 25, security, tls, TIMEOUT_S, login)
        poll = mailbox("poll@example.com")
        yield SmtpProvider(terms, poll, lambda: datetime.now(UTC), network.dial), network
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def circuit_to(server, observe=lambda _: None, **terms):
    """A circuit in front of a server, and the network to it."""
    async with (
        provider_of(server, **terms) as (provider, network),
        running_circuit(provider, observe, timeout_s=TIMEOUT_S, settle_s=SETTLE_S) as circuit,
    ):
        yield circuit, network


async def outcome_of(server, message=MESSAGE, **terms):
    """What becomes of a message, and after how long: by then its connection is closed, its place
    is free, and the circuit has heard of it."""
    async with circuit_to(server, **terms) as (circuit, network):
        reply = await circuit.ask(message, deadline=PATIENCE_S)
        assert isinstance(reply, Answered), reply
        assert network.open == 0
        assert circuit.snapshot.in_flight == 0
        at_fault = isinstance(reply.answer, NotSent) and reply.answer.blame is Blame.PROVIDER
        assert circuit.snapshot.state == ("open" if at_fault else "closed")
        return reply.answer, trio.current_time()


# -- one reply


@pytest.mark.parametrize(
    ("to", "outcome"),
    [
        ("GREETING", UNREACHED),
        ("EHLO", SILENT),
        ("AUTH", SILENT),
        ("CHALLENGE", SILENT),
        ("MAIL", SILENT),
        ("RCPT", SILENT),
        ("DATA", SILENT),
    ],
)
async def test_a_reply_that_is_dribbled(autojump_clock, to, outcome):
    """It has one time, whatever the number of reads: nothing was sent, and the circuit opens."""
    answers = {"AUTH": b"334 UGFzc3dvcmQ6"} if to == "CHALLENGE" else {}
    server = TimedServer(to, answers=answers, offers=OFFERS)
    assert await outcome_of(server) == (outcome, TIMEOUT_S)
    assert "END" not in server.heard


@pytest.mark.parametrize("to", ["EHLO", "STARTTLS", "EHLO2", "AUTH", "MAIL", "RCPT", "DATA"])
async def test_a_reply_around_starttls_that_is_dribbled(autojump_clock, to, both_sides):
    """Nor does it have more in records of one byte each."""
    server_tls, tls = both_sides
    server = TimedServer(to, offers=OFFERS, tls=server_tls)
    outcome = UNREACHED if to == "STARTTLS" else SILENT
    assert await outcome_of(server, security="starttls", tls=tls) == (outcome, TIMEOUT_S)
    assert server.heard[-1] == to


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_handshake_that_is_dribbled(autojump_clock, both_sides, security):
    """A record that is announced and comes a byte at a time has the handshake's time."""
    endless = b"\x16\x03\x03\x3f\xff" + b"\x02" * 1000

    class Handshaking(TimedServer):
        async def _encrypt(self):
            for byte in endless:
                await trio.sleep(1.0)
                await self._stream.send_all(bytes([byte]))

    server = Handshaking(offers=OFFERS, tls_at_once=security == "tls")
    outcome = await outcome_of(server, security=security, tls=both_sides[1])
    assert outcome == (UNREACHED, TIMEOUT_S)


async def test_a_connection_that_is_not_made(autojump_clock):
    """Name look-up and TCP have one time."""

    async def never(_host, _port):
        await trio.sleep_forever()

    terms = Terms("mail.example.com", 25, "none", CLEAR, TIMEOUT_S)
    provider = SmtpProvider(terms, mailbox("a@b.example"), lambda: datetime.now(UTC), never)
    async with running_circuit(provider, timeout_s=TIMEOUT_S) as circuit:
        reply = await circuit.ask(MESSAGE, deadline=PATIENCE_S)
        assert (reply, trio.current_time()) == (Answered(UNREACHED), TIMEOUT_S)
        assert (circuit.snapshot.state, circuit.snapshot.in_flight) == ("open", 0)


@pytest.mark.parametrize("to", ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT"])
async def test_a_command_that_is_not_taken(autojump_clock, to):
    """A command has no other time than its answer."""
    server = TimedServer(offers=OFFERS, deaf_after=to)
    assert await outcome_of(server) == (SILENT, TIMEOUT_S)


async def test_a_message_that_is_not_taken(autojump_clock):
    """The message has moved for as long as a stretch of it may take: its end never follows."""
    server = TimedServer(deaf_after="DATA")
    assert await outcome_of(server, login=None) == (UNWRITTEN, TIMEOUT_S)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("EHLO", b"250-more\r\n" * 99 + b"250 end"),
        ("MAIL", b"250 " + b"o" * 8000),
        ("MAIL", b"250-" + b"\r\n250-".join([b"o" * 600] * 99) + b"\r\n250 ok"),
    ],
)
async def test_a_long_reply_has_no_more_time(autojump_clock, to, words):
    """Nor has one of many lines: each byte comes in good time, the whole does not."""
    server = TimedServer(to, each_s=0.05, answers={to: words})
    assert await outcome_of(server, login=None) == (SILENT, TIMEOUT_S)


@pytest.mark.parametrize(
    "words",
    [b"250-more\r\n" * 101 + b"250 ok", b"250 " + b"o" * 9000, b"o" * 100_000],
)
@pytest.mark.parametrize("to", ["GREETING", "EHLO", "RCPT", "DATA"])
async def test_a_reply_without_end_ends_the_dialogue_at_once(autojump_clock, to, words):
    """It is not read on for as long as it may take."""
    server = TimedServer(answers={to: words})
    outcome = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
    assert await outcome_of(server, login=None) == (outcome, 0.0)


async def test_a_dot_that_there_is_no_room_for(autojump_clock):
    """The message is not whole before its last byte is taken: nothing is committed."""

    class Full(ScriptedServer):
        def send_now(self, data):
            return 0 if bytes(data) == b".\r\n" else super().send_now(data)

        async def wait_send_all_might_not_block(self):
            await trio.sleep_forever()

    far = Full(b"220 \r\n", b"250 \r\n", b"250 \r\n", b"250 \r\n", b"354 \r\n", b"250 Ok\r\n")
    terms = Terms("mail.example.com", 25, "none", CLEAR, TIMEOUT_S)
    provider = SmtpProvider(terms, mailbox("a@b.example"), lambda: datetime.now(UTC), far.dial)
    async with running_circuit(provider, timeout_s=TIMEOUT_S) as circuit:
        reply = await circuit.ask(MESSAGE, deadline=PATIENCE_S)
        assert (reply, trio.current_time()) == (Answered(UNWRITTEN), TIMEOUT_S)
    assert b".\r\n" not in far.heard


# -- after the dot


async def test_the_answer_to_the_dot_that_is_dribbled(autojump_clock):
    """Nobody knows. The circuit opens when time is up; the place is free when settling is over."""
    notices = []
    server = TimedServer("END", answers={"END": b"250 " + b"o" * 1000})
    async with circuit_to(server, notices.append, login=None) as (circuit, network):
        reply = await circuit.ask(MESSAGE, deadline=PATIENCE_S)
        assert (reply, trio.current_time()) == (Unanswered(Cause.TIMEOUT, True), TIMEOUT_S)
        assert circuit.snapshot.state == "open"
        await trio.sleep_until(TIMEOUT_S + SETTLE_S)
        await trio.testing.wait_all_tasks_blocked()
        assert circuit.snapshot.in_flight == network.open == 0
    assert [notice.reply.committed for notice in notices if isinstance(notice, Settled)] == [True]


async def test_an_answer_to_the_dot_that_comes_late(autojump_clock):
    """It settles what nobody knew."""
    notices = []
    server = TimedServer("END", each_s=0.1)
    async with circuit_to(server, notices.append, login=None) as (circuit, _):
        reply = await circuit.ask(MESSAGE, deadline=PATIENCE_S)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        await trio.sleep(SETTLE_S)
    settled = [notice.reply for notice in notices if isinstance(notice, Settled)]
    assert settled == [Answered(Sent("Q1", NOBODY_REFUSED))]


async def test_an_endless_answer_to_the_dot(autojump_clock):
    """Its bytes are bounded as any reply's are; the message may have been taken."""
    server = TimedServer(answers={"END": b"250-more\r\n" * 101})
    async with circuit_to(server, login=None) as (circuit, network):
        reply = await circuit.ask(MESSAGE, deadline=PATIENCE_S)
        assert reply == Answered(Unknown(Reason.BAD_ANSWER))
        assert circuit.snapshot.in_flight == network.open == 0


# -- the sum


async def test_a_server_that_is_always_just_in_time(autojump_clock):
    """Each reply may take its time. What was slow in every phase is sent all the same."""
    three = send(to=tuple(mailbox(f"r{n}@example.org") for n in range(3)))
    server = TimedServer(pause_s=JUST_IN_TIME_S, offers=OFFERS)
    outcome, at = await outcome_of(server, three)
    assert outcome == Sent("Q1", NOBODY_REFUSED)
    replies = ("greeting", "EHLO", "AUTH", "MAIL", "RCPT", "RCPT", "RCPT", "DATA", "dot")
    assert at == pytest.approx(JUST_IN_TIME_S * len(replies))


@pytest.mark.parametrize("recipients", [20, 100, 1000])
async def test_many_recipients_have_a_time_together(autojump_clock, recipients):
    """A server that is just in time for each of a thousand does not hold a place for an hour."""
    many = send(to=tuple(mailbox(f"r{n}@example.org") for n in range(recipients)))
    server = TimedServer(pause_s=JUST_IN_TIME_S)
    begun = 2 * JUST_IN_TIME_S
    outcome, at = await outcome_of(server, many, login=None)
    assert outcome == SILENT
    assert at == pytest.approx(begun + (10 + recipients / 10) * TIMEOUT_S)


async def test_a_challenge_without_end(autojump_clock):
    """A log-in that leads nowhere ends, before each challenge has had its time."""
    challenges = {"AUTH": b"334 YQ==", "CHALLENGE": b"334 YQ=="}
    server = TimedServer(pause_s=JUST_IN_TIME_S, answers=challenges, offers=OFFERS)
    outcome, at = await outcome_of(server)
    assert outcome == NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
    assert at == pytest.approx(6 * JUST_IN_TIME_S)


# -- farewell


@pytest.mark.parametrize("each_s", [1.0, 0.01, PATIENCE_S])
async def test_a_farewell_that_is_dribbled(autojump_clock, each_s):
    """Our answer is known, and waits no longer than that."""
    answers = {"RCPT": b"550 no", "RSET": b"250 " + b"o" * 1000}
    server = TimedServer("RSET", each_s=each_s, answers=answers)
    outcome, at = await outcome_of(server, login=None)
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no")
    assert at == GOODBYE_S


@pytest.mark.parametrize("to", ["RCPT", "DATA", "END"])
async def test_a_farewell_that_is_not_taken(autojump_clock, to):
    """Likewise, when the server stops taking anything with its answer."""
    server = TimedServer(answers={to: BUSY}, deaf_after=to)
    outcome, at = await outcome_of(server, login=None)
    assert isinstance(outcome, NotSent)
    assert at <= 2 * GOODBYE_S


async def test_a_farewell_has_a_time_of_its_own(autojump_clock):
    """Whatever is left of the refused command's: the server hears that we leave."""

    class Slow(TimedServer):
        async def _answer(self, to, usual):
            await trio.sleep({"RCPT": JUST_IN_TIME_S, "RSET": 0.9}.get(to, 0))
            await super()._answer(to, usual)

    server = Slow(answers={"RCPT": b"550 no"})
    outcome, at = await outcome_of(server, login=None)
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no")
    assert at == pytest.approx(JUST_IN_TIME_S + 0.9)
    await trio.testing.wait_all_tasks_blocked()
    assert server.heard[-2:] == ["RSET", "QUIT"]


def test_a_farewell_lasts_a_second():
    """No more: whoever waits has an answer that is known."""
    assert GOODBYE_S == 1.0


async def test_a_deadline_during_the_farewell(autojump_clock):
    """Whoever waits is answered in time, and told what is known."""
    deadline = GOODBYE_S / 4
    server = TimedServer("RSET", answers={"RCPT": b"550 no"})
    async with circuit_to(server, login=None) as (circuit, network):
        reply = await circuit.ask(MESSAGE, deadline=deadline)
        assert trio.current_time() == deadline
        assert network.open == 0
    assert reply == Answered(Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no"))


async def test_nobody_waits_for_quit(autojump_clock):
    """A message that is taken is sent, there and then."""
    server = TimedServer("QUIT", answers={"QUIT": b"221 " + b"o" * 1000})
    assert await outcome_of(server, login=None) == (Sent("Q1", NOBODY_REFUSED), 0.0)


# -- deadlines of those who wait, and probes


@pytest.mark.parametrize("to", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_callers_deadline(autojump_clock, to):
    """The caller is told in time, and how far it had come; that says nothing about the server."""
    async with circuit_to(TimedServer(to), login=None) as (circuit, network):
        reply = await circuit.ask(MESSAGE, deadline=0.5)
        assert isinstance(reply, Unanswered)
        assert (reply.committed, trio.current_time()) == (False, 0.5)
        assert reply.stage
        assert network.open == 0
        assert (circuit.snapshot.state, circuit.snapshot.in_flight) == ("closed", 0)


async def test_a_deadline_while_the_message_is_written(autojump_clock):
    """It is known to have been the writing, for which the server is not blamed."""
    async with circuit_to(TimedServer(deaf_after="DATA"), login=None) as (circuit, _):
        reply = await circuit.ask(MESSAGE, deadline=0.5)
    assert reply == Unanswered(Cause.DEADLINE, committed=False, stage="writing")


@pytest.mark.parametrize("to", ["GREETING", "EHLO", "MAIL", "RCPT"])
async def test_a_probe_is_bounded_likewise(autojump_clock, to):
    """It fails when its reply's time is up."""
    async with provider_of(TimedServer(to), login=None) as (provider, network):
        outcome = await provider.probe()
        assert isinstance(outcome, NotSent)
        assert (network.open, trio.current_time()) == (0, TIMEOUT_S)


async def test_a_probe_that_cannot_take_its_envelope_back(autojump_clock):
    """The server would have taken the message; that is all a probe wants to know."""
    async with provider_of(TimedServer("RSET"), login=None) as (provider, network):
        assert await provider.probe() == Sent()
        assert (network.open, trio.current_time()) == (0, GOODBYE_S)
