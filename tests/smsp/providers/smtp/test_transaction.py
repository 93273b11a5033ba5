"""An SMTP dialogue, word for word: what is said in which order, and what ends it when."""

from __future__ import annotations

import re
import ssl
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
import trio
import trustme

from smsp.mail import Mailbox
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.providers.encoding.mime import build
from smsp.providers.smtp.provider import SmtpProvider
from smsp.providers.smtp.session import Terms
from tests.kit.lines import MemoryNetwork
from tests.kit.mails import mailbox, send
from tests.kit.smtp_talk import TimedServer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
USER, PASSWORD = "app@example.com", "correct horse battery"
LOGIN = (USER, PASSWORD)
OFFERS = ("SIZE 1000000", "AUTH PLAIN", "STARTTLS")
MESSAGE = send(text="hello")
TAKEN = Sent("Q1", NOBODY_REFUSED)
POLL = mailbox("poll@example.com")
FAREWELL = ["QUIT"]
TAKE_BACK = ["RSET", "QUIT"]


def base64(text: str) -> str:
    """A text in base64."""
    return b64encode(text.encode()).decode()


@dataclass
class Listening(TimedServer):
    """It writes down what it hears; a message without its end."""

    lines: list[str] = field(default_factory=list)

    def _name(self, line: bytes) -> str:
        self.lines.append(line.decode())
        return super()._name(line)


@dataclass
class Progress:
    """Whoever waits for a message."""

    stage: str = ""
    commits: int = 0

    def commit(self) -> None:
        """The end of the message has been handed over."""
        self.commits += 1


@asynccontextmanager
async def provider_of(server, *, security="none", login=None, both=None, watch=lambda line: line):
    """The provider, and the network to its server; ``watch`` is given each line that is made."""
    server.tls_at_once = security == "tls"
    server.tls, tls = both or (None, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, server)

        async def dial(host, port):
            return watch(await network.dial(host, port))

        terms = Terms("mail.example.com", 2525, security, tls, 2.0, login)
        yield SmtpProvider(terms, POLL, lambda: NOW, dial), network
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def outcome_of(server, message=MESSAGE, *, progress=None, **terms):
    """What becomes of a message; its connection is closed by then."""
    async with provider_of(server, **terms) as (provider, network):
        outcome = await provider.send(message, progress or Progress())
        assert network.open == 0
    return outcome


# -- in which order


def envelope(size: int | None = None) -> list[str]:
    """What is said of the message before its text."""
    declared = "" if size is None else f" SIZE={size}"
    return [f"MAIL FROM:<app@example.com>{declared}", "RCPT TO:<bob@example.org>", "DATA"]


TEXT = build(MESSAGE, date=NOW)
WRITTEN = TEXT.decode().removesuffix("\r\n")


async def test_without_encryption(autojump_clock):
    """Greeting, hello, envelope, message, farewell; and nothing else."""
    server, progress = Listening(), Progress()
    assert await outcome_of(server, progress=progress) == TAKEN
    assert server.lines == ["EHLO [127.0.0.1]", *envelope(), WRITTEN, *FAREWELL]
    assert (progress.stage, progress.commits) == ("written", 1)


async def test_with_starttls_and_a_log_in(autojump_clock, both_sides):
    """Nothing is said of who we are before the connection is encrypted."""
    server = Listening(offers=OFFERS)
    assert await outcome_of(server, security="starttls", login=LOGIN, both=both_sides) == TAKEN
    assert server.lines == [
        "EHLO [127.0.0.1]",
        "STARTTLS",
        "EHLO [127.0.0.1]",
        "AUTH PLAIN " + base64(f"\0{USER}\0{PASSWORD}"),
        *envelope(len(TEXT)),
        WRITTEN,
        *FAREWELL,
    ]


async def test_with_tls_from_the_first_byte(autojump_clock, both_sides):
    """``STARTTLS`` is not asked for, though it is offered."""
    server = Listening(offers=OFFERS)
    assert await outcome_of(server, security="tls", login=LOGIN, both=both_sides) == TAKEN
    assert [line.split()[0] for line in server.lines[:3]] == ["EHLO", "AUTH", "MAIL"]


async def test_where_it_leads(autojump_clock):
    """To the host and port of the terms, once for each message."""
    async with provider_of(Listening()) as (provider, network):
        for _ in range(2):
            await provider.send(MESSAGE, Progress())
        assert network.dialled == [("mail.example.com", 2525)] * 2


async def test_who_we_are_on_ipv6(autojump_clock):
    """An address literal has its tag (RFC 5321 §4.1.3)."""

    def on_ipv6(line):
        line.address = ("2001:db8::1", 25)
        return line

    server = Listening()
    await outcome_of(server, watch=on_ipv6)
    assert server.lines[0] == "EHLO [IPv6:2001:db8::1]"


async def test_each_recipient_is_named_once(autojump_clock):
    """To, cc and bcc, in this order, before the message."""
    people = {
        "to": (mailbox("ann@example.org"), mailbox("bob@example.org")),
        "cc": (mailbox("ann@example.org"), mailbox("cyd@example.org")),
        "bcc": (mailbox("dan@example.org"),),
    }
    server = Listening()
    assert await outcome_of(server, send(text="hello", **people)) == TAKEN
    assert server.lines[1:-3] == [
        "MAIL FROM:<app@example.com>",
        *(f"RCPT TO:<{name}@example.org>" for name in ("ann", "bob", "cyd", "dan")),
    ]


async def test_the_size_is_that_of_the_message_before_dots_are_doubled(autojump_clock):
    """As RFC 1870 has it; on the wire there is more."""
    message = send(text=".\n..\n.a\n" * 30)
    size = len(build(message, date=NOW))
    server = Listening(offers=OFFERS)
    assert await outcome_of(server, message) == TAKEN
    assert server.lines[1] == f"MAIL FROM:<app@example.com> SIZE={size}"
    written = server.lines[-2] + "\r\n"
    assert len(written) > size
    assert len(re.sub(r"(?m)^\.", "", written)) == size


async def test_an_address_that_fits_no_command(autojump_clock):
    """It could not have come through the door; should it, nobody is even called."""
    crooked = send(to=(Mailbox("a\r\nRSET", "example.org", "example.org"),))
    async with provider_of(Listening()) as (provider, network):
        outcome = await provider.send(crooked, Progress())
        assert outcome == NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
        assert network.dialled == []


# -- what a server offers, and when


HELLO = b"250-mail\r\n250 "


async def test_what_was_offered_in_clear_text_is_forgotten(autojump_clock, both_sides):
    """Whoever is on the way could have put it there (RFC 3207 §4.2): only what is offered behind
    TLS is used."""
    server = Listening(
        offers=("STARTTLS", "SIZE 1000000", "AUTH PLAIN"),
        answers={"EHLO2": b"250-mail\r\n250 AUTH LOGIN", "AUTH": b"334 UGFzc3dvcmQ6"},
    )
    assert await outcome_of(server, security="starttls", login=LOGIN, both=both_sides) == TAKEN
    assert server.lines[3:6] == [
        f"AUTH LOGIN {base64(USER)}",
        base64(PASSWORD),
        "MAIL FROM:<app@example.com>",
    ]


async def test_a_log_in_that_was_offered_in_clear_text_only(autojump_clock, both_sides):
    """The password is not said."""
    server = Listening(offers=OFFERS, answers={"EHLO2": b"250 mail"})
    outcome = await outcome_of(server, security="starttls", login=LOGIN, both=both_sides)
    why = "the server offers no way to log in that we have"
    assert outcome == NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT, detail=why)
    assert server.heard == ["EHLO", "STARTTLS", "EHLO2", "QUIT"]


async def test_unicode_that_was_offered_in_clear_text_only(autojump_clock, both_sides):
    """Such a message is not sent there, which is nobody's fault."""
    server = Listening(offers=("STARTTLS", "SMTPUTF8"), answers={"EHLO2": b"250 mail"})
    message = send(to=(mailbox("jürgen@example.org"),))
    outcome = await outcome_of(server, message, security="starttls", both=both_sides)
    assert outcome == NotSent(Reason.NEEDS_SMTPUTF8, Blame.NOBODY)
    assert server.heard == ["EHLO", "STARTTLS", "EHLO2", "QUIT"]


async def test_what_is_offered_behind_tls_only(autojump_clock, both_sides):
    """Many servers tell how one logs in only there."""
    server = Listening(
        offers=("STARTTLS",), answers={"EHLO2": b"250-mail\r\n250-SIZE 9999999\r\n250 AUTH PLAIN"}
    )
    assert await outcome_of(server, security="starttls", login=LOGIN, both=both_sides) == TAKEN
    assert server.heard[3] == "AUTH"
    assert server.lines[4].endswith(f" SIZE={len(TEXT)}")


@pytest.mark.parametrize("offers", [(), ("STARTTLSX",), ("SIZE 1000",)])
async def test_starttls_that_is_not_offered(autojump_clock, both_sides, offers):
    """It may have been taken out on the way: there is no falling back to clear text."""
    server = Listening(offers=offers)
    outcome = await outcome_of(server, security="starttls", login=LOGIN, both=both_sides)
    why = "the server does not offer STARTTLS"
    assert outcome == NotSent(Reason.TLS_FAILED, Blame.PROVIDER, detail=why)
    assert server.heard == ["EHLO", "QUIT"]


@pytest.mark.parametrize("answer", [b"454 not now", b"501 syntax", b"250 ok", b"235 ok"])
async def test_starttls_that_is_refused(autojump_clock, both_sides, answer):
    """Nor after a refusal, or an answer to something else."""
    server = Listening(offers=OFFERS, answers={"STARTTLS": answer})
    outcome = await outcome_of(server, security="starttls", login=LOGIN, both=both_sides)
    assert isinstance(outcome, NotSent)
    assert outcome.blame is Blame.PROVIDER
    assert server.lines == ["EHLO [127.0.0.1]", "STARTTLS", "QUIT"]


async def test_a_second_hello_that_is_refused(autojump_clock, both_sides):
    """Nothing of the first one is used instead."""
    server = Listening(offers=OFFERS, answers={"EHLO2": b"502 no"})
    outcome = await outcome_of(server, security="starttls", login=LOGIN, both=both_sides)
    assert outcome == NotSent(Reason.FORBIDDEN, Blame.PROVIDER, detail="502 no")
    assert server.heard == ["EHLO", "STARTTLS", "EHLO2", "QUIT"]


@pytest.mark.parametrize("refused", ["name", "authority", "age"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_is_not_who_it_says_it_is(
    autojump_clock, both_sides, refused, security
):
    """Another's certificate, one that nobody vouches for, one whose time is over: nothing is said
    to it behind the handshake."""
    authority = trustme.CA()
    _, client = both_sides
    if refused != "authority":
        client = ssl.create_default_context()
        authority.configure_trust(client)
    name = "other.example.com" if refused == "name" else "mail.example.com"
    age = {"not_after": datetime(2020, 1, 1, tzinfo=UTC)} if refused == "age" else {}
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **age).configure_cert(server_tls)
    server = Refused(offers=OFFERS)
    outcome = await outcome_of(server, security=security, login=LOGIN, both=(server_tls, client))
    assert outcome == NotSent(Reason.TLS_FAILED, Blame.PROVIDER)
    assert server.heard == (["EHLO", "STARTTLS"] if security == "starttls" else [])


class Refused(Listening):
    """Its handshake fails."""

    async def _encrypt(self) -> None:
        with suppress(trio.BrokenResourceError):
            await super()._encrypt()
            pytest.fail("the handshake is whole")
        self._stream = self._line


@pytest.mark.parametrize(
    ("said", "reason"), [(None, Reason.CONNECT_FAILED), (b"rubbish", Reason.BAD_ANSWER)]
)
async def test_a_greeting_that_fails_behind_tls(autojump_clock, both_sides, said, reason):
    """It is no failure of TLS."""

    class Rude(Listening):
        async def _answer(self, to, usual):
            if said is None:
                self._line.close()
            else:
                await super()._answer(to, usual)

    server = Rude(answers={"GREETING": said} if said else {})
    outcome = await outcome_of(server, security="tls", both=both_sides)
    assert outcome == NotSent(reason, Blame.PROVIDER)


@pytest.mark.parametrize("host", ["", ".example.com", f"{'a' * 64}.example.com"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_host_that_no_certificate_can_name(autojump_clock, both_sides, host, security):
    """Whoever answers there cannot be verified, and is told nothing."""
    server = Refused(offers=OFFERS)
    async with provider_of(server, security=security, login=LOGIN, both=both_sides) as (
        provider,
        network,
    ):
        elsewhere = replace(provider, terms=replace(provider.terms, host=host))
        outcome = await elsewhere.send(MESSAGE, Progress())
        assert outcome == NotSent(Reason.TLS_FAILED, Blame.PROVIDER)
        assert network.open == 0
    assert server.heard == (["EHLO", "STARTTLS"] if security == "starttls" else [])


# -- the log-in


async def test_cram_md5(autojump_clock):
    """The challenge is answered, and the password does not travel (RFC 2195)."""
    server = Listening(
        offers=("AUTH CRAM-MD5",),
        answers={"AUTH": b"334 " + b64encode(b"<1896.697170952@postoffice.example.net>")},
    )
    assert await outcome_of(server, login=("tim", "tanstaaftanstaaf")) == TAKEN
    # The example of RFC 2195 §2, with another host in the challenge.
    assert server.lines[1] == "AUTH CRAM-MD5"
    assert b64decode(server.lines[2]).startswith(b"tim ")


@pytest.mark.parametrize(("challenges", "taken"), [(1, True), (3, True), (4, False)])
async def test_so_many_challenges(autojump_clock, challenges, taken):
    """Three are answered; whoever goes on asking leads nowhere."""

    class Asking(Listening):
        async def _answer(self, to, usual):
            asked = sum(said in ("AUTH", "CHALLENGE") for said in self.heard)
            if to in ("AUTH", "CHALLENGE"):
                usual = b"235 ok" if asked > challenges else b"334 YQ=="
            await super()._answer(to, usual)

        def _name(self, line):
            name = super()._name(line)
            logging_in = self.heard and self.heard[-1] in ("AUTH", "CHALLENGE")
            return "CHALLENGE" if logging_in and "MAIL" not in name and name != "QUIT" else name

    server = Asking(offers=("AUTH LOGIN",))
    outcome = await outcome_of(server, login=LOGIN)
    nonsense = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
    assert outcome == (TAKEN if taken else nonsense)
    assert server.lines.count(base64(PASSWORD)) == min(challenges, 3)


async def test_a_log_in_is_tried_once(autojump_clock):
    """A password that is refused by every mechanism in turn locks the account."""
    server = Listening(offers=("AUTH PLAIN LOGIN CRAM-MD5",), answers={"AUTH": b"535 no"})
    outcome = await outcome_of(server, login=LOGIN)
    assert outcome == NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT, detail="535 no")
    assert server.heard == ["EHLO", "AUTH", "QUIT"]


async def test_mechanisms_are_read_in_any_letter_case(autojump_clock):
    """Servers write them as they like."""
    server = Listening(offers=("auth=plain",))
    assert await outcome_of(server, login=LOGIN) == TAKEN
    assert server.heard[1] == "AUTH"


async def test_no_account_no_log_in(autojump_clock):
    """Though the server offers one."""
    server = Listening(offers=OFFERS)
    assert await outcome_of(server) == TAKEN
    assert "AUTH" not in server.heard


# -- credentials never come back


SAID = f"\0{USER}\0{PASSWORD}"
ECHOES = {
    "the password": PASSWORD,
    "in quotes": f'"{PASSWORD}"',
    "in pieces": "\r\n535-".join((PASSWORD[:9], PASSWORD[9:])),
    "the line": "AUTH PLAIN " + base64(SAID),
    "the line in pieces": "\r\n535-".join(re.findall(".{1,12}", "AUTH PLAIN " + base64(SAID))),
    "without padding": base64(SAID).rstrip("="),
    "its beginning": base64(SAID)[:-9],
    "its end": base64(SAID)[7:],
    "the password in base64": base64(PASSWORD),
    "one step on": base64("x" + PASSWORD),
    "two steps on": base64("xy" + PASSWORD + "z"),
    "in lower case": base64(SAID).lower(),
    "decoded": SAID.replace("\0", "\\0"),
    "with its zero bytes": SAID,
}


@pytest.mark.parametrize("place", ["AUTH", "CHALLENGE", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("echo", ECHOES)
async def test_what_a_server_repeats_of_an_account(autojump_clock, place, echo):
    """Whichever way and whenever: neither the password nor its base64 is in the outcome."""
    answers = {place: f"535-you said\r\n535-{ECHOES[echo]}\r\n535 and no".encode()}
    if place == "CHALLENGE":
        answers["AUTH"] = b"334 UGFzc3dvcmQ6"
    server = Listening(
        offers=("AUTH LOGIN" if place == "CHALLENGE" else "AUTH PLAIN",), answers=answers
    )
    outcome = await outcome_of(server, login=LOGIN)
    assert not isinstance(outcome, Sent)
    assert "and no" in outcome.detail
    assert_nothing_shown(repr(outcome))


async def test_an_answer_to_a_challenge_is_not_shown(autojump_clock):
    """Whoever knows it, and what was asked, can try passwords."""

    class Echoing(Listening):
        async def _answer(self, to, usual):
            if to == "CHALLENGE":
                usual = b"535 not " + self.lines[-1].encode()
            await super()._answer(to, usual)

    server = Echoing(offers=("AUTH CRAM-MD5",), answers={"AUTH": b"334 " + b64encode(b"<1@x>")})
    outcome = await outcome_of(server, login=LOGIN)
    assert outcome == NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT, detail="535 not [redacted]")


@pytest.mark.parametrize("name", [base64(SAID), base64(PASSWORD), "horse.correct horse battery"])
async def test_credentials_are_no_name_of_a_message(autojump_clock, name):
    """That name is written into logs."""
    server = Listening(
        offers=("AUTH PLAIN",), answers={"END": f"250 2.0.0 Ok: queued as {name}".encode()}
    )
    outcome = await outcome_of(server, login=LOGIN)
    assert isinstance(outcome, Sent)
    assert_nothing_shown(repr(outcome))


async def test_terms_are_shown_without_credentials():
    """Whatever shows a provider."""
    async with provider_of(Listening(), login=LOGIN) as (provider, _):
        assert_nothing_shown(repr(provider))


def assert_nothing_shown(text: str) -> None:
    """No eight letters or digits in a row of any form of the password."""
    forms = (PASSWORD, *(base64(before + PASSWORD) for before in ("", "x", "xx")))
    seen = plain(text)
    for form in map(plain, forms):
        assert not [
            form[at : at + 8] for at in range(3, len(form) - 10) if form[at : at + 8] in seen
        ]


def plain(text: str) -> str:
    """Its letters and digits, in lower case."""
    return re.sub("[^a-z0-9]", "", text.lower())


# -- the message, and its last line


async def test_one_recipient_that_is_refused(autojump_clock):
    """Nobody gets the message, and the caller is told for whose sake."""

    class Choosy(Listening):
        async def _answer(self, to, usual):
            bad = to == "RCPT" and "cyd" in self.lines[-1]
            await super()._answer(to, b"550 no such user" if bad else usual)

    people = tuple(mailbox(f"{name}@example.org") for name in ("bob", "cyd", "dan"))
    server = Choosy()
    outcome = await outcome_of(server, send(to=people))
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "cyd@example.org: 550 no such user")
    assert server.heard == ["EHLO", "MAIL", "RCPT", "RCPT", *TAKE_BACK]


@pytest.mark.parametrize(
    ("place", "farewell"),
    [
        ("GREETING", FAREWELL),
        ("EHLO", FAREWELL),
        ("MAIL", FAREWELL),
        ("RCPT", TAKE_BACK),
        ("DATA", TAKE_BACK),
        ("END", FAREWELL),
    ],
)
async def test_how_it_is_left(autojump_clock, place, farewell):
    """In the middle of a transaction that is taken back first."""
    server = Listening(answers={place: b"451 not now"})
    outcome = await outcome_of(server)
    assert isinstance(outcome, NotSent)
    assert outcome.detail.endswith("451 not now")
    order = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"]
    assert server.heard == [*order[1 : order.index(place) + 1], *farewell]


@pytest.mark.parametrize("code", ["220", "235", "250", "334"])
async def test_an_answer_to_data_that_is_none(autojump_clock, code):
    """Without 354 the message is not written."""
    server = Listening(answers={"DATA": f"{code} ok".encode()})
    outcome = await outcome_of(server)
    assert isinstance(outcome, NotSent)
    assert outcome.reason is Reason.BAD_ANSWER
    assert "END" not in server.heard


class Choked:
    """A line that takes all but the end of a message, of which it takes so many bytes, and then
    breaks, never goes on, or is given up."""

    def __init__(self, line, taken: int, then: str, scope: trio.CancelScope) -> None:
        self._line, self._left, self._then, self._scope = line, taken, then, scope
        self._ending = self._in_text = False
        self.written = b""

    def __getattr__(self, name):
        return getattr(self._line, name)

    def send_now(self, data) -> int:
        """Take all, or what is left."""
        self._ending = self._ending or bytes(data) == b".\r\n"
        if not self._ending:
            return self._line.send_now(data)
        if not self._left and self._then == "breaks":
            self._line.lost = True
            return 0
        taken = self._line.send_now(bytes(data)[: self._left])
        self._left -= taken
        self.written += bytes(data)[:taken]
        return taken

    @property
    def lost(self) -> bool:
        """Whether it has broken."""
        return self._line.lost

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room that never comes, or for nothing if it breaks."""
        if self._then == "is given up":
            self._scope.cancel()
        if self._then != "breaks":
            await trio.sleep_forever()


@pytest.mark.parametrize("taken", [0, 1, 2])
@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ("breaks", Reason.WRITE_FAILED),
        ("stalls", Reason.WRITE_TIMEOUT),
        ("is given up", None),
    ],
)
async def test_a_failure_while_the_dot_is_written(autojump_clock, taken, then, reason):
    """Until its last byte is taken the message has no end: it is not sent, and nobody is told that
    it may be."""
    progress, lines, outcome = Progress(), [], None
    with trio.CancelScope() as scope:

        def choke(line):
            lines.append(Choked(line, taken, then, scope))
            return lines[0]

        async with provider_of(Listening(), watch=choke) as (provider, network):
            try:
                outcome = await provider.send(MESSAGE, progress)
            finally:
                assert network.open == 0
    assert outcome == (reason and NotSent(reason, Blame.PROVIDER))
    assert (progress.commits, progress.stage) == (0, "writing")
    assert lines[0].written == b".\r\n"[:taken]


async def test_a_line_that_seems_to_have_something(autojump_clock):
    """A look that deceives is no word of the server's, and no end."""

    def deceive(line):
        line.glimpses = 20
        return line

    server = Listening()
    assert await outcome_of(server, watch=deceive) == TAKEN
    assert server.heard == ["EHLO", "MAIL", "RCPT", "DATA", "END", "QUIT"]


class Slow:
    """A line that takes nothing of a long piece until so many seconds have passed, each time."""

    def __init__(self, line, seconds: float) -> None:
        self._line, self._seconds = line, seconds
        self._waited = False

    def __getattr__(self, name):
        return getattr(self._line, name)

    def send_now(self, data) -> int:
        """Take all, if it is short or has waited."""
        waited, self._waited = self._waited, False
        return self._line.send_now(data) if waited or len(data) < 10_000 else 0

    async def wait_send_all_might_not_block(self) -> None:
        """Let it wait."""
        await trio.sleep(self._seconds)
        self._waited = True


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(1.9, TAKEN), (2.1, NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER))],
)
async def test_each_stretch_of_a_message_has_its_time(autojump_clock, seconds, outcome):
    """A long message may take minutes, far longer than the envelope, as long as it moves on."""
    message = send(text="x" * 64 * 1024 * 20)
    server = Listening()
    assert await outcome_of(server, message, watch=lambda line: Slow(line, seconds)) == outcome
    taken = outcome == TAKEN
    assert ("END" in server.heard) == taken
    assert trio.current_time() > 40 if taken else trio.current_time() == 2.0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, Unknown(Reason.CONNECTION_LOST)),
        (b"rubbish", Unknown(Reason.BAD_ANSWER)),
        (b"354 go on", Unknown(Reason.BAD_ANSWER, detail="354 go on")),
        (b"451 later", NotSent(Reason.UNAVAILABLE, Blame.PROVIDER, detail="451 later")),
        (b"554 no", Rejected(Reason.MESSAGE_REFUSED, "554 no")),
    ],
)
async def test_a_failure_after_the_dot(autojump_clock, answer, outcome):
    """From its last byte on only an answer excludes that the message was taken."""

    class Leaving(Listening):
        async def _answer(self, to, usual):
            if to == "END" and answer is None:
                self._line.close()
            else:
                await super()._answer(to, usual)

    progress = Progress()
    server = Leaving(answers={} if answer is None else {"END": answer})
    assert await outcome_of(server, progress=progress) == outcome
    assert (progress.commits, progress.stage) == (1, "written")


@pytest.mark.parametrize(
    ("to", "stage"),
    [
        ("GREETING", "greeting"),
        ("EHLO", "hello"),
        ("MAIL", "sender"),
        ("RCPT", "recipient"),
        ("DATA", "data"),
    ],
)
async def test_how_far_it_had_come(autojump_clock, to, stage):
    """Whoever gives up is told."""
    progress = Progress()
    async with provider_of(Listening(to, each_s=100.0)) as (provider, network):
        with trio.move_on_after(0.5):
            await provider.send(MESSAGE, progress)
        assert network.open == 0
    assert (progress.commits, progress.stage) == (0, stage)


async def test_how_far_it_had_come_without_a_connection(autojump_clock):
    """Also where there was none."""
    progress = Progress()
    terms = Terms("mail.example.com", 25, "none", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), 2.0)

    async def nobody(_host, _port):
        raise ConnectionRefusedError

    outcome = await SmtpProvider(terms, POLL, lambda: NOW, nobody).send(MESSAGE, progress)
    assert outcome == NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)
    assert progress.stage == "connecting"


async def test_a_local_part_in_unicode(autojump_clock):
    """It is named in UTF-8, where that is offered (RFC 6531)."""
    server = Listening(offers=("SMTPUTF8",))
    assert await outcome_of(server, send(to=(mailbox("jürgen@example.org"),))) == TAKEN
    assert server.lines[1:3] == [
        "MAIL FROM:<app@example.com> BODY=8BITMIME SMTPUTF8",
        "RCPT TO:<jürgen@example.org>",
    ]


# -- a probe


async def test_a_probe_takes_its_envelope_back(autojump_clock):
    """It says everything but the message, of itself to itself."""
    server = Listening(offers=OFFERS)
    async with provider_of(server, login=LOGIN) as (provider, network):
        assert await provider.probe() == Sent()
        assert network.open == 0
    assert server.heard == ["EHLO", "AUTH", "MAIL", "RCPT", *TAKE_BACK]
    assert re.fullmatch(r"MAIL FROM:<poll@example.com> SIZE=[0-9]{3}", server.lines[2])
    assert server.lines[3] == "RCPT TO:<poll@example.com>"


@pytest.mark.parametrize("answer", [b"250 ok", b"550 no", b"rubbish"])
async def test_a_probe_does_not_care_how_it_is_let_go(autojump_clock, answer):
    """What it wanted to know it knows."""
    async with provider_of(Listening(answers={"RSET": answer})) as (provider, _):
        assert await provider.probe() == Sent()


@pytest.mark.parametrize(("code", "reason"), [("550", "bad_recipient"), ("450", "unavailable")])
async def test_a_probe_that_is_refused(autojump_clock, code, reason):
    """Is so for the same reasons as a message."""
    server = Listening(answers={"RCPT": f"{code} no".encode()})
    async with provider_of(server) as (provider, _):
        outcome = await provider.probe()
    assert (outcome.reason, outcome.detail) == (reason, f"poll@example.com: {code} no")
