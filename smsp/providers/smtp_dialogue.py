"""What is said to an SMTP server to hand it one message, or to learn that it would take one.

Blocking: runs in a worker thread, on a connected socket whose other owner may shut it down at any
moment. Owns the order of the phases. Knows no circuit, and leaves judging to
:mod:`smsp.providers.smtp_phases`.
"""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal

from smsp.mail import Send
from smsp.outcome import Blame, NotSent, Outcome, Reason, Sent
from smsp.providers import mime
from smsp.providers.smtp_connection import Connection
from smsp.providers.smtp_envelope import END, Envelope, envelope_of, parameters, transparent
from smsp.providers.smtp_phases import NotSmtp, Phase, Reply, failed, goes_on, refusal, verdict

GOODBYE_S = 1.0
"""How long a refused transaction may take to be forgotten; our answer is known, and waits."""

Security = Literal["starttls", "tls", "none"]
Step = Callable[[], Outcome | None]
"""What ends a dialogue, or ``None`` to go on."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a server is spoken to.

    ``login`` is user and password, in ASCII. ``timeout_s`` bounds each wait for the server.
    """

    host: str
    security: Security
    tls: ssl.SSLContext
    timeout_s: float
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not come back in a server's words, in the forms in which we say it."""
        if self.login is None:
            return ()
        user, password = self.login
        plain = b64encode(f"\0{user}\0{password}".encode()).decode()
        return (plain, b64encode(password.encode()).decode(), password)


def deliver(
    sock: socket.socket, terms: Terms, send: Send, date: datetime, commit: Callable[[], bool]
) -> Outcome:
    """Hand the server one message.

    ``commit`` is called when all but the line with the dot has been handed to the socket. If it
    answers false the dot is never written, and nothing was sent.
    """
    try:
        envelope = envelope_of(send.mail)
    except ValueError:
        return NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
    raw = mime.build(send, date=date)
    with closing(Connection(sock, terms.timeout_s)) as connection:
        dialogue = _Dialogue(connection, terms)
        steps = (*dialogue.opening(), *dialogue.transaction(envelope, len(raw)))
        return dialogue.run((*steps, partial(dialogue.write, transparent(raw), commit)))


def rehearse(sock: socket.socket, terms: Terms, poll: Send) -> Outcome:
    """Go as far as a server lets us without sending: the poll's envelope is given, and taken back.

    ``Sent`` means that it would take the message.
    """
    envelope = envelope_of(poll.mail)
    with closing(Connection(sock, terms.timeout_s)) as connection:
        dialogue = _Dialogue(connection, terms)
        size_bytes = len(mime.build(poll))
        steps = (*dialogue.opening(), *dialogue.transaction(envelope, size_bytes))
        return dialogue.run((*steps, dialogue.take_back))


class _Dialogue:
    """The steps; ``phase`` says in which one it is."""

    def __init__(self, connection: Connection, terms: Terms) -> None:
        self.phase = Phase.GREETING
        self._connection = connection
        self._terms = terms

    def run(self, steps: Iterable[Step]) -> Outcome:
        """Take step after step until one decides. The last one must."""
        try:
            for step in steps:
                outcome = step()
                if outcome is not None:
                    return outcome
        except (OSError, NotSmtp) as error:
            return failed(self.phase, error)
        raise AssertionError("no step has decided")

    def opening(self) -> Iterable[Step]:
        """Everything up to a session in which mail may be sent."""
        match self._terms.security:
            case "starttls":
                yield from (self._greet, self._hello, self._start_tls)
            case "tls":
                yield from (self._secure, self._greet)
            case "none":
                yield self._greet
        yield from (self._hello, self._log_in)

    def transaction(self, envelope: Envelope, size_bytes: int) -> Iterable[Step]:
        """Sender and recipients. All or nothing: if one is refused, nobody gets the message."""
        yield partial(self._sender, envelope, size_bytes)
        for recipient in envelope.recipients:
            yield partial(self._recipient, recipient)

    def write(self, message: bytes, commit: Callable[[], bool]) -> Outcome:
        """The message itself, and the answer that decides."""
        refused = self._expect(Phase.DATA, "DATA")
        if refused is not None:
            return refused
        self.phase = Phase.WRITING
        self._connection.write(message)
        self._connection.check_quiet()
        if not commit():
            return NotSent(Reason.DEADLINE, Blame.NOBODY)
        self.phase = Phase.WRITTEN
        # From here on whoever was committed to decides how long to wait, by ending the connection.
        self._connection.sock.settimeout(None)
        self._connection.write(END)
        outcome = verdict(self._connection.hear(), self._terms.secrets)
        self._quit()
        return outcome

    def take_back(self) -> Outcome:
        """End the transaction that was only begun."""
        self._abort()
        return Sent()

    def _greet(self) -> Outcome | None:
        self.phase = Phase.GREETING
        return self._judged(self._connection.hear())

    def _hello(self) -> Outcome | None:
        self.phase = Phase.HELLO
        return self._judged(self._connection.hello())

    def _start_tls(self) -> Outcome | None:
        """No falling back to clear text, whether a server or somebody on the way asks for it."""
        self.phase = Phase.SECURING
        if not self._connection.has_extn("starttls"):
            self._quit()
            return NotSent(
                Reason.TLS_FAILED, Blame.PROVIDER, detail="the server does not offer STARTTLS"
            )
        refused = self._expect(Phase.SECURING, "STARTTLS")
        if refused is not None:
            return refused
        # What stands behind the 220 was put there by somebody in the clear.
        self._connection.check_quiet()
        return self._secure()

    def _secure(self) -> Outcome | None:
        self.phase = Phase.SECURING
        self._connection.secure(self._terms.tls, self._terms.host)
        return None

    def _log_in(self) -> Outcome | None:
        if self._terms.login is None:
            return None
        self.phase = Phase.AUTH
        reply = self._connection.log_in(*self._terms.login)
        if reply is None:
            self._quit()
            detail = "the server offers no way to log in that we have"
            return NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT, detail=detail)
        return self._judged(reply)

    def _sender(self, envelope: Envelope, size_bytes: int) -> Outcome | None:
        features = self._connection.esmtp_features
        if envelope.utf8:
            if "smtputf8" not in features:
                self._quit()
                return NotSent(Reason.NEEDS_SMTPUTF8, Blame.NOBODY)
            self._connection.command_encoding = "utf-8"
        words = (f"MAIL FROM:<{envelope.sender}>", *parameters(envelope, size_bytes, features))
        return self._expect(Phase.SENDER, " ".join(words))

    def _recipient(self, address: str) -> Outcome | None:
        return self._expect(Phase.RECIPIENT, f"RCPT TO:<{address}>", about=address)

    def _expect(self, phase: Phase, command: str, *, about: str = "") -> Outcome | None:
        self.phase = phase
        return self._judged(self._connection.ask(command), about=about)

    def _judged(self, reply: Reply, *, about: str = "") -> Outcome | None:
        if goes_on(self.phase, reply):
            return None
        in_transaction = self.phase in (Phase.RECIPIENT, Phase.DATA)
        self._abort() if in_transaction else self._quit()
        return refusal(self.phase, reply, self._terms.secrets, about=about)

    def _abort(self) -> None:
        """Leave a transaction. What is known is known: whatever goes wrong now changes nothing."""
        self._connection.sock.settimeout(GOODBYE_S)
        with suppress(OSError, NotSmtp):
            self._connection.ask("RSET")
        self._quit()

    def _quit(self) -> None:
        """Leave without waiting for the answer, as Postfix does: nothing depends on it."""
        self._connection.sock.settimeout(GOODBYE_S)
        with suppress(OSError):
            self._connection.send("QUIT\r\n")
