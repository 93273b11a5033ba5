"""An SMTP server that says each answer a byte at a time: it is always about to be done.

The real connector and circuit on loopback. No byte is late by the provider's time, each answer is.

Needs the inside: the connector is run alone, and its outcomes are compared.
"""

from __future__ import annotations

import ssl
from contextlib import closing

import pytest
import trio
import trustme

from actors import Answered, Cause, Settled, Unanswered
from functional_tests.kit.fault_proxy import FaultProxy, Script, Way
from functional_tests.kit.smtp_circuit import PATIENT_S, account, circuit_to
from functional_tests.kit.smtp_peers import DRIBBLE_S, PASSWORD, USER, Scripted, listening
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent
from tests.kit.mails import send

TIMEOUT_S = 4 * DRIBBLE_S
"""Less than any answer takes, more than any byte."""
SMALL = send(text="hello")
LOGIN = {"username": USER, "password": PASSWORD}
OFFERS = ("SIZE", "AUTH PLAIN", "STARTTLS")


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


async def reply_of(circuit):
    """What becomes of a message whose caller has all the time there is."""
    return await circuit.ask(SMALL, deadline=trio.current_time() + PATIENT_S)


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("GREETING", Reason.CONNECT_TIMEOUT),
        ("EHLO", Reason.TIMEOUT),
        ("AUTH", Reason.TIMEOUT),
        ("MAIL", Reason.TIMEOUT),
        ("RCPT", Reason.TIMEOUT),
        ("DATA", Reason.TIMEOUT),
    ],
)
async def test_an_answer_before_the_dot_that_is_dribbled(to, reason):
    """Its time is up however much has come: not sent, the circuit opens, no place is held."""
    server = Scripted(offers=OFFERS, dribbled=to)
    async with (
        listening(server) as port,
        circuit_to(account(port, **LOGIN), timeout_s=TIMEOUT_S) as circuit,
    ):
        reply = await reply_of(circuit)
        assert reply == Answered(NotSent(reason, Blame.PROVIDER))
        assert (circuit.snapshot.state, circuit.snapshot.in_flight) == ("open", 0)
        await server.read_to_the_end()
    assert not server.ended


@pytest.mark.parametrize("to", ["STARTTLS", "AUTH"])
async def test_an_answer_around_starttls_that_is_dribbled(to, server_tls, client_tls):
    """Encrypted it is no other answer."""
    server = Scripted(offers=OFFERS, dribbled=to, tls=server_tls)
    settings = {"host": "localhost", "security": "starttls", **LOGIN}
    async with (
        listening(server) as port,
        circuit_to(account(port, **settings), timeout_s=TIMEOUT_S, tls=client_tls) as circuit,
    ):
        reply = await reply_of(circuit)
        assert isinstance(reply.answer, NotSent)
        assert reply.answer.blame is Blame.PROVIDER
        assert circuit.snapshot.state == "open"
        await server.read_to_the_end()
    assert server.verbs[-1] == to


async def test_a_handshake_that_is_dribbled(server_tls, client_tls):
    """TLS has one time, whatever the number of its bytes."""
    server = Scripted(tls=server_tls, tls_at_once=True)
    async with listening(server) as port:
        with closing(FaultProxy(port, tests_near=True)) as proxy:
            async with trio.open_nursery() as nursery:
                await nursery.start(proxy.run)
                met = proxy.expect(Script(back=Way(delay_s=DRIBBLE_S, piece_bytes=1)))
                settings = account(proxy.port, host="localhost", security="tls")
                async with circuit_to(settings, timeout_s=TIMEOUT_S, tls=client_tls) as circuit:
                    reply = await reply_of(circuit)
                    assert reply == Answered(NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER))
                    assert (circuit.snapshot.state, circuit.snapshot.in_flight) == ("open", 0)
                await met.finish()
                nursery.cancel_scope.cancel()


async def test_the_answer_to_the_dot_that_is_dribbled():
    """Nobody knows, the circuit opens, and the call's place comes back when settling is over."""
    server = Scripted(dribbled="END", answers={"END": b"250 " + b"o" * 1000})
    times = {"timeout_s": TIMEOUT_S, "settle_s": TIMEOUT_S}
    cut = trio.Event()

    def observe(notice) -> None:
        if isinstance(notice, Settled):
            cut.set()

    async with (
        listening(server) as port,
        circuit_to(account(port), **times, observe=observe) as circuit,
    ):
        reply = await reply_of(circuit)
        assert reply == Unanswered(Cause.TIMEOUT, committed=True)
        assert circuit.snapshot.state == "open"
        with trio.fail_after(PATIENT_S):
            await cut.wait()
        await server.read_to_the_end()
        assert circuit.snapshot.in_flight == 0
    assert server.ended


async def test_a_goodbye_that_is_dribbled():
    """What is known is told, and nobody waits long for a farewell."""
    answers = {"RCPT": b"550 no", "RSET": b"250 " + b"o" * 1000}
    server = Scripted(answers, dribbled="RSET")
    async with (
        listening(server) as port,
        circuit_to(account(port), timeout_s=TIMEOUT_S) as circuit,
    ):
        reply = await reply_of(circuit)
        assert reply == Answered(Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no"))
        assert circuit.snapshot.in_flight == 0
        await server.read_to_the_end()


async def test_a_farewell_that_is_dribbled():
    """Nobody waits for it at all."""
    server = Scripted({"QUIT": b"221 " + b"o" * 1000}, dribbled="QUIT")
    async with (
        listening(server) as port,
        circuit_to(account(port), timeout_s=TIMEOUT_S) as circuit,
    ):
        assert await reply_of(circuit) == Answered(Sent("Q1", NOBODY_REFUSED))
        assert (circuit.snapshot.state, circuit.snapshot.in_flight) == ("closed", 0)
