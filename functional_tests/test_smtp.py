"""Mail through a whole SMTP server: what it takes is what was meant, on terms that were asked for.

The real connector, threads and circuit against aiosmtpd on loopback. Messages are read back with
the standard library.

Needs the inside: the connector is run alone, and its outcomes are compared.
"""

from __future__ import annotations

import re
import ssl

import pytest
import trio
import trustme

from actors import Answered
from functional_tests.kit.smtp_circuit import (
    PATIENT_S,
    account,
    circuit_to,
    probe,
    provider_of,
    send_through,
)
from functional_tests.kit.smtp_peers import PASSWORD, USER, dispatcher
from smsp.mail import Attachment
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Sent
from tests.kit.mails import mailbox, send

# aiosmtpd's advice to those who run it; on loopback nobody listens.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

LOGIN = {"username": USER, "password": PASSWORD}
CRLF = re.compile(r"\r\n|\r|\n")


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


async def test_in_clear_text():
    """On loopback a message may go as it is; the server's name for it comes back."""
    with dispatcher() as room:
        assert await send_through(account(room.port), send(text="hello")) == Sent(
            "Q1", NOBODY_REFUSED
        )
    (envelope,) = room.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("app@example.com", ["bob@example.org"])


@pytest.mark.parametrize("mechanisms", [{"PLAIN"}, {"LOGIN"}, {"PLAIN", "LOGIN"}])
async def test_starttls_and_log_in(server_tls, client_tls, mechanisms):
    """The connection is encrypted before anything is said of who we are."""
    options = {"starttls": server_tls, "login": True, "mechanisms": frozenset(mechanisms)}
    with dispatcher(**options) as room:
        settings = account(room.port, host="localhost", security="starttls", **LOGIN)
        assert await send_through(settings, send(text="hello"), tls=client_tls) == Sent(
            "Q1", NOBODY_REFUSED
        )
    assert len(room.taken) == 1


async def test_tls_from_the_first_byte(server_tls, client_tls):
    """As on port 465 (RFC 8314)."""
    with dispatcher(tls=server_tls, login=True) as room:
        settings = account(room.port, host="localhost", security="tls", **LOGIN)
        assert await send_through(settings, send(text="hello"), tls=client_tls) == Sent(
            "Q1", NOBODY_REFUSED
        )
    assert len(room.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_stranger_gets_nothing(server_tls, client_tls, security, host):
    """A certificate that nobody we trust has given, or for another name, ends it."""
    strangers = ssl.create_default_context() if host == "localhost" else client_tls
    with dispatcher(**{security: server_tls}) as room:
        settings = account(room.port, host=host, security=security)
        outcome = await send_through(settings, send(text="hello"), tls=strangers)
    assert outcome == NotSent(Reason.TLS_FAILED, Blame.PROVIDER)
    assert room.taken == []


async def test_a_wrong_password():
    """It is our account's fault, said in the server's words and without the password."""
    with dispatcher(login=True) as room:
        settings = account(room.port, username=USER, password="wrong one")
        outcome = await send_through(settings, send(text="hello"))
    assert isinstance(outcome, NotSent)
    assert (outcome.reason, outcome.blame) == (Reason.UNAUTHORISED, Blame.ACCOUNT)
    assert outcome.detail.startswith("535")
    assert room.taken == []


async def test_a_server_that_wants_to_know_who_we_are():
    """Without a log-in it refuses at the latest our sender."""
    with dispatcher(login=True) as room:
        outcome = await send_through(account(room.port), send(text="hello"))
    assert isinstance(outcome, NotSent)
    assert (outcome.reason, outcome.blame) == (Reason.UNAUTHORISED, Blame.ACCOUNT)


async def test_everything_arrives():
    """Recipients, subject, bodies, headers and every byte of a file, in Unicode."""
    picture = bytes(range(256)) * 40
    message = send(
        sender=mailbox("app@example.com", "Bücher, Ünïted"),
        to=(mailbox("bob@example.org", "Bob 例え"), mailbox("ann@bücher.example")),
        cc=(mailbox("cyd@example.org"),),
        bcc=(mailbox("dan@example.org"), mailbox("bob@example.org")),
        reply_to=(mailbox("desk@example.com", 'The "desk"'),),
        subject="Grüße aus 東京 " + "lang " * 40,
        text="Schöne Grüße\n.\n..\n.a\n" + "x" * 5000 + "\nend without a line's end",
        html="<p>Schöne Grüße</p><img src='cid:logo'>",
        headers={"X-Trace": "abc", "X-Note": "ä" * 80, "List-Unsubscribe": "<https://x.y/z?a=b>"},
        attachments=(
            Attachment("ünï.png", "image/png", picture),
            Attachment("logo.png", "image/png", b"\x89PNG", "logo"),
            Attachment("dots.txt", "text/plain; charset=utf-8", b".\r\n.\r\n\n.\n"),
        ),
    )
    with dispatcher() as room:
        assert await send_through(account(room.port), message) == Sent("Q1", NOBODY_REFUSED)
    (envelope,) = room.taken
    assert envelope.rcpt_tos == [
        "bob@example.org",
        "ann@xn--bcher-kva.example",
        "cyd@example.org",
        "dan@example.org",
    ]
    assert "dan@" not in envelope.content.decode("ascii")
    parsed = room.parsed()
    assert [(each.display_name, each.addr_spec) for each in parsed["To"].addresses] == [
        ("Bob 例え", "bob@example.org"),
        ("", "ann@xn--bcher-kva.example"),
    ]
    assert parsed["From"].addresses[0].display_name == "Bücher, Ünïted"
    assert parsed["Reply-To"].addresses[0].display_name == 'The "desk"'
    assert parsed["Subject"] == message.mail.subject
    assert parsed["Message-ID"] == message.message_id
    assert parsed["Date"].datetime.tzinfo is not None
    assert parsed["Bcc"] is None
    assert {name: parsed[name] for name in message.mail.headers} == dict(message.mail.headers)
    assert body_of(parsed, "plain") == message.mail.text
    assert body_of(parsed, "html") == message.mail.html
    files = {part.get_filename(): part.get_payload(decode=True) for part in parsed.walk()}
    assert {one.filename: files[one.filename] for one in message.mail.attachments} == {
        one.filename: one.content for one in message.mail.attachments
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".\n",
        "\n.\n",
        "a\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<x@y.z>\r\nDATA\r\nX\r\n.\r\n",
        "a\n.\nb",
        "a\r.\rb",
        "." * 3000,
        "x" * 100_000,
        "\0 and \x1b",
    ],
)
async def test_no_text_ends_a_message(text):
    """Whatever it holds, one message arrives, and whole."""
    with dispatcher() as room:
        assert await send_through(account(room.port), send(text=text)) == Sent("Q1", NOBODY_REFUSED)
    assert body_of(room.parsed(), "plain") == CRLF.sub("\n", text).rstrip("\n")


async def test_a_local_part_that_is_not_ascii():
    """A server with SMTPUTF8 is told it in UTF-8, in the envelope and in the header."""
    message = send(to=(mailbox("jürgen@bücher.example"),))
    with dispatcher() as room:
        assert await send_through(account(room.port), message) == Sent("Q1", NOBODY_REFUSED)
    (envelope,) = room.taken
    assert envelope.rcpt_tos == ["jürgen@xn--bcher-kva.example"]
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(envelope.mail_options)
    assert "To: jürgen@" in envelope.content.decode()


async def test_smtputf8_is_left_alone_where_it_is_not_needed():
    """Unicode in names, subject and bodies is encoded in ASCII."""
    message = send(to=(mailbox("bob@example.org", "Jürgen"),), subject="Grüße", text="Grüße")
    with dispatcher() as room:
        assert await send_through(account(room.port), message) == Sent("Q1", NOBODY_REFUSED)
    (envelope,) = room.taken
    assert not {"SMTPUTF8", "BODY=8BITMIME"} & set(envelope.mail_options)
    assert envelope.content.isascii()


async def test_a_probe_sends_nothing(server_tls, client_tls):
    """It goes through encryption, log-in and envelope."""
    with dispatcher(starttls=server_tls, login=True) as room:
        settings = account(room.port, host="localhost", security="starttls", **LOGIN)
        assert await probe(settings, tls=client_tls) == Sent()
    assert room.taken == []


async def test_many_at_once():
    """Each message has a thread and a connection, and none waits for another."""
    outcomes = []
    with dispatcher() as room:
        async with circuit_to(account(room.port)) as circuit:

            async def one(text: str) -> None:
                deadline = trio.current_time() + PATIENT_S
                outcomes.append(await circuit.ask(send(text=text), deadline=deadline))

            async with trio.open_nursery() as nursery:
                for number in range(32):
                    nursery.start_soon(one, str(number))
    assert all(isinstance(one, Answered) and isinstance(one.answer, Sent) for one in outcomes)
    assert len(outcomes) == len(room.taken) == 32


async def test_a_server_that_is_not_there():
    """It cannot be reached, and the message is not sent."""
    with dispatcher() as room:
        gone = account(room.port)
    outcome = await send_through(gone, send(text="hello"))
    assert outcome == NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)


async def test_a_name_that_nobody_knows():
    """The look-up is trio's, and holds no worker thread."""
    async with provider_of(account(25, host="smtp.invalid")) as provider:
        assert await provider.probe() == NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)


def test_smsp_with_an_smtp_server(start_smsp):
    """Set up by the environment alone, SMSP hands a message to an SMTP server."""
    with dispatcher(login=True) as room:
        smsp = start_smsp(
            PROVIDERS="smtp",
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(room.port),
            SMTP_SECURITY="none",
            SMTP_USERNAME=USER,
            SMTP_PASSWORD=PASSWORD,
        )
        answer = smsp.send("carol@example.org", subject="through SMSP")
        assert (answer.status, answer.body["provider"]) == (200, "smtp")
        assert (answer.body["messageid"], answer.body["refusedrecipients"]) == ("Q1", [])
    assert room.parsed()["Subject"] == "through SMSP"
    assert room.taken[0].rcpt_tos == ["carol@example.org"]


def body_of(parsed, kind: str) -> str:
    """The text of a body, its line ends aside; one encoding adds a last one, another does not."""
    return CRLF.sub("\n", parsed.get_body((kind,)).get_content()).rstrip("\n")
