"""What an SMTP server really sees, and what becomes of a message, wherever a dialogue goes wrong.

The real connector, threads and circuit against a server that follows a script: it refuses, drops,
holds or talks nonsense in each phase.

Needs the inside: the connector is run alone, and its outcomes are compared.
"""

from __future__ import annotations

import gc
import ssl

import pytest
import trio
import trustme

from actors import Answered, Cause, Settled, Unanswered
from functional_tests.kit.smtp_circuit import PATIENT_S, account, circuit_to, probe, send_through
from functional_tests.kit.smtp_peers import DROP, HOLD, PASSWORD, RESET, USER, Scripted, listening
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent, Unknown
from tests.kit.mails import mailbox, send

SMALL = send(text="hello", to=(mailbox("bob@example.org"), mailbox("ann@example.org")))
LARGE = send(text="x" * 16_000_000)
"""More than the socket buffers of both ends can hold."""
HELD_S = 0.3
"""How long a phase is held before time is up."""
BUILT_S = 2.0
"""By then the large message has been built and its writing begun, on a slow machine, too."""
LOGIN = {"username": USER, "password": PASSWORD}
OFFERS_LOGIN = ("SIZE", "AUTH PLAIN")

BEFORE_THE_DOT = ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
drops = pytest.mark.parametrize("drop", [DROP, RESET], ids=["close", "reset"])
# Either the caller's deadline or the provider's own time ends the wait: (timeout_s, deadline_s).
either_clock = pytest.mark.parametrize(
    "times", [(PATIENT_S, HELD_S), (HELD_S, PATIENT_S)], ids=["deadline", "timeout"]
)


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """What was forgotten open shows as a warning at the latest here, and a warning fails."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for ``localhost``."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority) -> ssl.SSLContext:
    """Our side of TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def outcome_of(server: Scripted, message=SMALL, *, tls=None, **changes):
    """What becomes of a message, once the server has seen all that comes."""
    async with listening(server) as port:
        outcome = await send_through(account(port, **changes), message, tls=tls)
        await server.read_to_the_end()
    return outcome


async def test_the_dialogue():
    """Each phase is one command; the size is declared, recipients come one by one."""
    server = Scripted()
    assert await outcome_of(server) == Sent("Q1", NOBODY_REFUSED)
    ehlo, mail, *rest = server.commands
    assert ehlo.upper() == "EHLO [127.0.0.1]"
    assert mail.startswith("MAIL FROM:<app@example.com> SIZE=")
    assert rest == ["RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>", "DATA", "QUIT"]
    # The declared size is that of the message before dots are doubled; here there are none.
    assert int(mail.partition("SIZE=")[2]) == len(server.body) - len(".\r\n")


@pytest.mark.parametrize(
    ("to", "answer", "reason", "blame"),
    [
        ("GREETING", b"421 go away", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("GREETING", b"554 not you", Reason.FORBIDDEN, Blame.PROVIDER),
        ("EHLO", b"502 what?", Reason.FORBIDDEN, Blame.PROVIDER),
        ("AUTH", b"535 wrong", Reason.UNAUTHORISED, Blame.ACCOUNT),
        ("AUTH", b"530 first STARTTLS", Reason.UNAUTHORISED, Blame.ACCOUNT),
        ("AUTH", b"454 not now", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("MAIL", b"451 not now", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("MAIL", b"550 not your address", Reason.SENDER_NOT_ALLOWED, Blame.NOBODY),
        ("MAIL", b"553 not your address", Reason.SENDER_NOT_ALLOWED, Blame.NOBODY),
        ("DATA", b"451 not now", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("DATA", b"554 no", Reason.REFUSED_4XX, Blame.NOBODY),
        ("DATA", b"250 ok", Reason.BAD_ANSWER, Blame.PROVIDER),
        ("END", b"451 not now", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("END", b"452 disk full", Reason.UNAVAILABLE, Blame.PROVIDER),
        ("END", b"550 no", Reason.REFUSED_4XX, Blame.NOBODY),
        ("END", b"454 Throttling failure", Reason.THROTTLED, Blame.THROTTLE),
    ],
)
async def test_not_sent(to, answer, reason, blame):
    """An answer that excludes acceptance, in each phase, and whose fault it is."""
    server = Scripted({to: answer}, OFFERS_LOGIN)
    outcome = await outcome_of(server, **LOGIN)
    assert outcome == NotSent(reason, blame, detail=answer.decode())
    assert server.ended is (to == "END")
    assert server.verbs[-1] == "QUIT"


@pytest.mark.parametrize(
    ("to", "answer", "reason"),
    [
        ("MAIL", b"552 too large", Reason.TOO_LARGE),
        ("END", b"552 too large", Reason.TOO_LARGE),
        ("END", b"554 spam", Reason.MESSAGE_REFUSED),
    ],
)
async def test_rejected(to, answer, reason):
    """The message itself is refused, in the server's words."""
    assert await outcome_of(Scripted({to: answer})) == Rejected(reason, answer.decode())


@pytest.mark.parametrize("answer", [b"550 no such user", b"554 no"])
async def test_one_rejected_recipient(answer):
    """Nobody gets a message that one recipient is refused; the refused one is named."""
    server = Scripted({"RCPT": answer})
    outcome = await outcome_of(server)
    assert outcome == Rejected(Reason.BAD_RECIPIENT, f"bob@example.org: {answer.decode()}")
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


async def test_one_recipient_that_is_refused_for_now():
    """It may be taken later, or elsewhere; the server is not to blame for a mailbox."""
    server = Scripted({"RCPT": b"450 greylisted"})
    detail = "bob@example.org: 450 greylisted"
    assert await outcome_of(server) == NotSent(Reason.UNAVAILABLE, Blame.NOBODY, detail=detail)
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


async def test_the_last_of_many_recipients_is_refused():
    """Those before it get nothing either."""

    class Choosy(Scripted):
        async def _answer(self, lines, to, usual):
            refused = self.commands[-1:] == ["RCPT TO:<ann@example.org>"] and to == "RCPT"
            await super()._answer(lines, to, b"550 no ann" if refused else usual)

    server = Choosy()
    outcome = await outcome_of(server)
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "ann@example.org: 550 no ann")
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "RSET", "QUIT"]


async def test_251_is_a_recipient_taken():
    """The server will forward."""
    assert await outcome_of(Scripted({"RCPT": b"251 will forward"})) == Sent("Q1", NOBODY_REFUSED)


@drops
@pytest.mark.parametrize("to", BEFORE_THE_DOT)
async def test_dropped_before_the_dot(to, drop):
    """A connection that ends in the middle proves that nothing was sent."""
    server = Scripted({to: drop}, OFFERS_LOGIN)
    outcome = await outcome_of(server, **LOGIN)
    assert isinstance(outcome, NotSent)
    assert outcome.blame is Blame.PROVIDER
    assert not server.ended


@drops
async def test_dropped_in_the_middle_of_the_message(drop):
    """The server had part of it, and cannot have taken it."""

    class Fickle(Scripted):
        async def _message(self, lines):
            self.body += await lines.next()
            self.answers = {"NEXT": drop}
            await self._answer(lines, "NEXT", b"")

    server = Fickle()
    outcome = await outcome_of(server, LARGE)
    assert outcome == NotSent(Reason.WRITE_FAILED, Blame.PROVIDER)
    assert not server.ended


@drops
async def test_dropped_after_the_dot(drop):
    """The server has the whole message, and may have taken it."""
    server = Scripted({"END": drop})
    assert await outcome_of(server) == Unknown(Reason.CONNECTION_LOST)
    assert server.ended


@pytest.mark.parametrize("answer", [DROP, RESET, HOLD, b"500 what?", b"nonsense"])
async def test_nothing_depends_on_quit(answer):
    """A message that was taken is sent, however the server says goodbye."""
    assert await outcome_of(Scripted({"QUIT": answer})) == Sent("Q1", NOBODY_REFUSED)


@pytest.mark.parametrize("answer", [DROP, RESET, b"500 what?", b"nonsense"])
async def test_nothing_depends_on_rset(answer):
    """A refusal that is known is not lost on the way out."""
    server = Scripted({"RCPT": b"550 no", "RSET": answer})
    assert await outcome_of(server) == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request",
        b"2500 ok",
        b"250ok",
        b"99 x",
        b"250-one\r\n251 two",
        b"x" * 10_000,
        b"\r\n".join([b"250-more"] * 1000),
    ],
)
@pytest.mark.parametrize("to", ["GREETING", "MAIL", "DATA", "END"])
async def test_nonsense(to, nonsense):
    """What is not SMTP never becomes ``sent``; after the dot it leaves everything open."""
    outcome = await outcome_of(Scripted({to: nonsense}))
    if to == "END":
        assert outcome == Unknown(Reason.BAD_ANSWER)
    else:
        assert isinstance(outcome, NotSent)
        assert outcome.reason is Reason.BAD_ANSWER


async def test_an_answer_before_its_question():
    """A server that speaks before the dot has not taken the message, whatever it says."""
    server = Scripted({"DATA": b"354 go on\r\n250 2.0.0 Ok: queued as EARLY"})
    assert await outcome_of(server) == NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
    assert not server.ended


async def test_starttls_is_not_offered():
    """Nothing more is said: the server cannot encrypt, or somebody on the way hides that it can."""
    server = Scripted(offers=OFFERS_LOGIN)
    outcome = await outcome_of(server, security="starttls", **LOGIN)
    assert isinstance(outcome, NotSent)
    assert (outcome.reason, outcome.blame) == (Reason.TLS_FAILED, Blame.PROVIDER)
    assert server.verbs == ["EHLO", "QUIT"]


@pytest.mark.parametrize("answer", [b"454 not now", b"502 no", DROP])
async def test_starttls_is_refused(answer):
    """Likewise."""
    server = Scripted({"STARTTLS": answer}, ("STARTTLS", *OFFERS_LOGIN))
    outcome = await outcome_of(server, security="starttls", **LOGIN)
    assert isinstance(outcome, NotSent)
    assert outcome.reason is Reason.TLS_FAILED
    assert set(server.verbs) <= {"EHLO", "STARTTLS", "QUIT"}


async def test_nothing_said_in_clear_text_counts_after_starttls(server_tls, client_tls):
    """Answers that somebody adds before the handshake are heard by nobody: the dialogue ends."""
    injected = b"220 go on\r\n250-injected\r\n250 AUTH PLAIN\r\n235 welcome"
    server = Scripted({"STARTTLS": injected}, ("STARTTLS", *OFFERS_LOGIN), server_tls)
    outcome = await outcome_of(
        server, tls=client_tls, host="localhost", security="starttls", **LOGIN
    )
    assert outcome == NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
    assert server.verbs == ["EHLO", "STARTTLS"]


async def test_no_way_to_log_in():
    """A server that offers no mechanism of ours is a mistake in the settings."""
    outcome = await outcome_of(Scripted(offers=("AUTH GSSAPI",)), **LOGIN)
    assert isinstance(outcome, NotSent)
    assert (outcome.reason, outcome.blame) == (Reason.MISCONFIGURED, Blame.ACCOUNT)


async def test_a_refused_password_is_tried_once():
    """Trying it by every mechanism would lock the account."""
    server = Scripted({"AUTH": b"535 wrong"}, ("AUTH LOGIN PLAIN CRAM-MD5",))
    await outcome_of(server, **LOGIN)
    assert server.verbs == ["EHLO", "AUTH", "QUIT"]


@pytest.mark.parametrize("challenge", [b"334 !!!", b"334 " + b"A" * 4])
async def test_an_endless_challenge(challenge):
    """A log-in that leads nowhere ends."""

    class Asking(Scripted):
        async def _answer(self, lines, to, usual):
            asking = "AUTH" in self.verbs and to != "QUIT"
            await super()._answer(lines, to, challenge if asking else usual)

    outcome = await outcome_of(Asking(offers=("AUTH PLAIN",)), **LOGIN)
    assert outcome == NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)


async def test_a_server_without_smtputf8():
    """It cannot be told a local part that is not ASCII, and is not; another provider may be."""
    server = Scripted()
    message = send(to=(mailbox("jürgen@example.org"),))
    assert await outcome_of(server, message) == NotSent(Reason.NEEDS_SMTPUTF8, Blame.NOBODY)
    assert server.verbs == ["EHLO", "QUIT"]


@pytest.mark.parametrize("to", [*BEFORE_THE_DOT, "STARTTLS"])
@either_clock
async def test_held_before_the_dot(to, times):
    """When time is up the connection is closed, then ``not_sent`` is answered; nothing follows."""
    timeout_s, deadline_s = times
    server = Scripted({to: HOLD}, (*OFFERS_LOGIN, "STARTTLS"))
    security = "starttls" if to == "STARTTLS" else "none"
    async with (
        listening(server) as port,
        circuit_to(account(port, security=security, **LOGIN), timeout_s=timeout_s) as circuit,
    ):
        reply = await circuit.ask(SMALL, deadline=trio.current_time() + deadline_s)
        threads = trio.testing.active_thread_count()
        await server.read_to_the_end()
    assert_not_sent(reply)
    assert threads == 0
    assert not server.ended
    assert bytes(server.rest) in (b"", b"QUIT\r\n")


@either_clock
async def test_a_server_that_stops_reading(times):
    """With the window full in the middle of a message time runs out; its end is never written."""
    timeout_s, deadline_s = (max(time_s, BUILT_S) for time_s in times)

    class Deaf(Scripted):
        async def _message(self, lines):
            self.body += await lines.next()
            self.answers = {"NEXT": HOLD}
            await self._answer(lines, "NEXT", b"")

    server = Deaf()
    async with (
        listening(server) as port,
        circuit_to(account(port), timeout_s=timeout_s) as circuit,
    ):
        reply = await circuit.ask(LARGE, deadline=trio.current_time() + deadline_s)
        threads = trio.testing.active_thread_count()
        await server.read_to_the_end()
    assert_not_sent(reply)
    assert threads == 0
    assert not server.ended
    assert 0 < len(server.rest) < 16_000_000


async def test_a_tls_handshake_that_hangs(client_tls):
    """It is given up with its connection."""
    server = Scripted({"GREETING": HOLD})
    async with (
        listening(server) as port,
        circuit_to(account(port, host="localhost", security="tls"), tls=client_tls) as circuit,
    ):
        reply = await circuit.ask(SMALL, deadline=trio.current_time() + HELD_S)
        assert trio.testing.active_thread_count() == 0
        await server.read_to_the_end()
    assert_not_sent(reply)


async def test_a_slow_answer_after_the_dot():
    """The server's time passes and nobody knows; what it says at last is still heard."""

    class Slow(Scripted):
        async def _answer(self, lines, to, usual):
            if to == "END":
                await self.freed.wait()
            await super()._answer(lines, to, usual)

    server, settled, settling = Slow(), [], trio.Event()

    def observe(notice) -> None:
        if isinstance(notice, Settled):
            settled.append(notice.reply)
            settling.set()

    async with (
        listening(server) as port,
        circuit_to(account(port), timeout_s=HELD_S, observe=observe) as circuit,
    ):
        reply = await circuit.ask(SMALL, deadline=trio.current_time() + PATIENT_S)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        await server.read_to_the_end()
        with trio.fail_after(PATIENT_S):
            await settling.wait()
    assert settled == [Answered(Sent("Q1", NOBODY_REFUSED))]


async def test_silence_after_the_dot():
    """A call that never settles is cut with its connection, and its thread with it."""
    server = Scripted({"END": HOLD})
    async with (
        listening(server) as port,
        circuit_to(account(port), timeout_s=HELD_S, settle_s=HELD_S) as circuit,
    ):
        reply = await circuit.ask(SMALL, deadline=trio.current_time() + PATIENT_S)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        with trio.fail_after(PATIENT_S):
            await trio.testing.wait_all_threads_completed()
        await server.read_to_the_end()


async def test_a_deadline_after_the_dot():
    """The caller is told that nobody knows, and the server is not blamed."""
    server = Scripted({"END": HOLD})
    async with listening(server) as port, circuit_to(account(port)) as circuit:
        reply = await circuit.ask(SMALL, deadline=trio.current_time() + HELD_S)
    assert reply == Unanswered(Cause.DEADLINE, committed=True)


async def test_deadlines_around_the_dot():
    """Whenever a deadline strikes, ``not_sent`` is never answered for a message whose end came."""
    for step in range(40):
        server = Scripted()
        async with listening(server) as port, circuit_to(account(port)) as circuit:
            reply = await circuit.ask(SMALL, deadline=trio.current_time() + step * 0.0005)
        if isinstance(reply, Unanswered) and not reply.committed:
            assert not server.ended


async def test_a_probe():
    """It gives the poll's envelope, takes it back, and sends nothing."""
    server = Scripted(offers=OFFERS_LOGIN)
    async with listening(server) as port:
        assert await probe(account(port, **LOGIN)) == Sent()
        await server.read_to_the_end()
    assert server.verbs == ["EHLO", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"]
    assert "RCPT TO:<poll@example.com>" in server.commands


@pytest.mark.parametrize(
    ("to", "answer", "reason"),
    [
        ("GREETING", b"421 away", Reason.UNAVAILABLE),
        ("AUTH", b"535 wrong", Reason.UNAUTHORISED),
        ("MAIL", b"550 not you", Reason.SENDER_NOT_ALLOWED),
        ("RCPT", b"450 later", Reason.UNAVAILABLE),
        ("RCPT", DROP, Reason.CONNECTION_LOST),
    ],
)
async def test_a_probe_that_fails(to, answer, reason):
    """A server that would not take mail is not let back."""
    async with listening(Scripted({to: answer}, OFFERS_LOGIN)) as port:
        outcome = await probe(account(port, **LOGIN))
    assert isinstance(outcome, NotSent)
    assert outcome.reason is reason


def assert_not_sent(reply) -> None:
    """The proof, whether the phase ended by itself or by the caller's deadline."""
    match reply:
        case Unanswered(cause=Cause.DEADLINE, committed=committed):
            assert not committed
        case Answered(answer=answer):
            assert isinstance(answer, NotSent)
        case _:
            pytest.fail(f"unexpected: {reply}")
