"""Nothing that an SMTP server says before a command is written answers it, in clear text or TLS."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio

from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent
from smsp.providers.smtp.provider import SmtpProvider
from smsp.providers.smtp.session import WRITE_BYTES, Terms
from tests.kit.lines import MemoryLine, MemoryNetwork
from tests.kit.mails import mailbox, send
from tests.kit.smtp_talk import TimedServer

OFFERS = ("SIZE 100000000", "AUTH PLAIN", "STARTTLS")
TAKEN = b"250 2.0.0 Ok: queued as STALE"
NOT_SENT = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)
LOST = NotSent(Reason.CONNECTION_LOST, Blame.PROVIDER)
MESSAGE = send(text="hello")
LARGE = send(text="x" * 8 * WRITE_BYTES)

securities = pytest.mark.parametrize("security", ["none", "starttls", "tls"])


class Corked(trio.abc.Stream):
    """A line that keeps what is written until it may go, so that records go together."""

    def __init__(self, line: MemoryLine) -> None:
        self.line = line
        self.kept: bytes | None = None

    async def send_all(self, data):
        """Write, or keep."""
        if self.kept is None:
            await self.line.send_all(data)
        else:
            self.kept += data

    async def uncork(self, *, leave):
        """Write all that is kept, at once; and perhaps end the connection, before it is read."""
        kept, self.kept = self.kept, None
        self.line.send_now(kept)
        if leave:
            self.line.close()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes=None):
        """What comes is not kept."""
        return await self.line.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self):
        """Nothing waits."""

    async def aclose(self):
        """Close at once."""
        await self.line.aclose()


class Eager(TimedServer):
    """It says more than it is asked: ``surplus`` right behind what it answers ``to``, in the same
    segment; under TLS in the same record, or in one of its own."""

    to = ""
    surplus = TAKEN
    together = True
    leaves = False
    """Instead of a surplus, it ends the connection there."""

    async def __call__(self, line):
        """Serve one connection."""
        self.corked = Corked(line)
        await super().__call__(self.corked)

    async def _answer(self, to, usual):
        if to != self.to:
            await super()._answer(to, usual)
            return
        answer = self.answers.get(to, usual) + b"\r\n"
        surplus = b"" if self.leaves else self.surplus + b"\r\n"
        self.corked.kept = b""
        for piece in [answer + surplus] if self.together else [answer, surplus]:
            await self._stream.send_all(piece)
        await self.corked.uncork(leave=self.leaves)


async def outcome_of(server, both_sides, security, message=MESSAGE):
    """What becomes of a message."""
    server.tls_at_once = security == "tls"
    server.tls, tls = (None, both_sides[1]) if security == "none" else both_sides
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, server)
        terms = Terms("mail.example.com", 25, security, tls, 2.0, ("user", "word"))
        provider = SmtpProvider(
            terms, mailbox("poll@example.com"), lambda: datetime.now(UTC), network.dial
        )
        outcome = await provider.send(message, Progress())
        assert network.open == 0
        nursery.cancel_scope.cancel()
    return outcome


class Progress:
    """Nobody else waits for it."""

    stage = ""

    def commit(self) -> None:
        """The dot follows."""


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("to", ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
@securities
async def test_a_surplus_reply(autojump_clock, both_sides, security, to, together):
    """The next command is not even written; the message is not sent, and the connection ends."""
    server = Eager(offers=OFFERS)
    server.to, server.together = to, together
    assert await outcome_of(server, both_sides, security) == NOT_SENT
    assert "END" not in server.heard
    assert to == "GREETING" or server.heard[-1] == to


@pytest.mark.parametrize("surplus", [TAKEN, b"250-half", b"\r\n", b"421 bye", b"554 no", b"\0"])
@securities
async def test_whatever_stands_before_the_dot(autojump_clock, both_sides, security, surplus):
    """Even if it is a refusal: it refuses nothing that was said."""
    server = Eager(offers=OFFERS)
    server.to, server.surplus = "DATA", surplus
    assert await outcome_of(server, both_sides, security) == NOT_SENT


async def test_a_surplus_reply_to_the_second_hello(autojump_clock, both_sides):
    """Nor does what a server says behind TLS answer the log-in."""
    server = Eager(offers=OFFERS)
    server.to, server.surplus = "EHLO2", b"235 welcome"
    assert await outcome_of(server, both_sides, "starttls") == NOT_SENT
    assert server.heard == ["EHLO", "STARTTLS", "EHLO2"]


@pytest.mark.parametrize(
    "surplus", [b"250 injected", b"250-injected\r\n250 AUTH PLAIN", b"\x16\x03\x03\0\x01\0"]
)
async def test_what_is_injected_before_the_handshake(autojump_clock, both_sides, surplus):
    """What stands in clear text behind the 220 is heard by nobody, and TLS is not begun."""
    server = Eager(offers=OFFERS)
    server.to, server.surplus = "STARTTLS", surplus
    assert await outcome_of(server, both_sides, "starttls") == NOT_SENT
    assert server.heard == ["EHLO", "STARTTLS"]


@securities
async def test_a_reply_in_the_middle_of_a_message(autojump_clock, both_sides, security):
    """A server that answers before it has the message gets no more of it, and never its end."""

    class Hasty(TimedServer):
        async def _hear(self):
            if self.heard[-1:] != ["DATA"]:
                return await super()._hear()
            self._line.far.stall(window=WRITE_BYTES)
            await self._stream.receive_some()
            await self._stream.send_all(TAKEN + b"\r\n")
            self._line.far.go_on()
            return await super()._hear()

    server = Hasty(offers=OFFERS)
    assert await outcome_of(server, both_sides, security, LARGE) == NOT_SENT
    assert "END" not in server.heard
    assert len(server._come) < len(LARGE.mail.text)


@pytest.mark.parametrize("to", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
@securities
async def test_a_server_that_leaves_behind_its_answer(autojump_clock, both_sides, security, to):
    """Nothing is written into a connection that has ended."""
    server = Eager(offers=OFFERS)
    server.to, server.leaves = to, True
    outcome = await outcome_of(server, both_sides, security)
    assert isinstance(outcome, NotSent)
    assert outcome.reason in (Reason.CONNECTION_LOST, Reason.WRITE_FAILED, Reason.TLS_FAILED)
    assert outcome.blame is Blame.PROVIDER


@securities
async def test_tickets_and_key_updates_are_no_replies(autojump_clock, both_sides, security):
    """TLS speaks of its own accord: a session ticket comes behind the handshake, and is nothing."""
    assert await outcome_of(TimedServer(offers=OFFERS), both_sides, security) == Sent(
        "Q1", NOBODY_REFUSED
    )


async def test_a_refusal_with_something_behind_it(autojump_clock, both_sides):
    """What a server adds to an answer that ends the dialogue changes nothing."""
    server = Eager(offers=OFFERS, answers={"RCPT": b"550 no"})
    server.to = "RCPT"
    outcome = await outcome_of(server, both_sides, "none")
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 no")
