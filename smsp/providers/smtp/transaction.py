"""What is said to an SMTP server to hand it one message, or to learn that it would take one.

Owns the order of the phases. Every wait has its time (:mod:`smsp.providers.smtp.session`), and the
envelope one of its own besides, since it is as long as the message's list of recipients: ten
time-outs, and a tenth of one for each recipient. So before the line with the dot nothing outlives

::

    10 · timeout_s                       connect, TLS, greeting, EHLO twice, STARTTLS, AUTH (4)
    (10 + recipients / 10) · timeout_s   MAIL to DATA
    timeout_s                            each stretch of the message, WRITE_BYTES long

and the deadline of whoever waits ends it sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf
from types import MappingProxyType

import trio

from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Sent
from smsp.providers.encoding.body import AnyBody
from smsp.providers.http.connection import Dial
from smsp.providers.smtp.auth import CHALLENGE, CHALLENGES_MAX, Login, login_by
from smsp.providers.smtp.envelope import Envelope, parameters
from smsp.providers.smtp.phases import NotSmtp, SmtpPhase, SmtpReply
from smsp.providers.smtp.replies import extensions
from smsp.providers.smtp.session import Session, Step, Terms

ENVELOPE_TIMEOUTS = 10
RECIPIENTS_PER_TIMEOUT = 10

_NO_STARTTLS = NotSent(
    Reason.TLS_FAILED, Blame.PROVIDER, detail="the server does not offer STARTTLS"
)
_NO_MECHANISM = NotSent(
    Reason.MISCONFIGURED,
    Blame.ACCOUNT,
    detail="the server offers no way to log in that we have",
)
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Transaction:
    """One connection, and what is said there. To be held once."""

    def __init__(self, terms: Terms, dial: Dial) -> None:
        self._terms = terms
        self._session = Session(terms, dial)
        self._offered = _NOTHING

    @property
    def phase(self) -> SmtpPhase:
        """How far it has come."""
        return self._session.phase

    async def deliver(
        self, envelope: Envelope, text: AnyBody, size_bytes: int, commit: Callable[[], None]
    ) -> Outcome:
        """Hand the server one message. ``size_bytes`` is what it is told of its length.

        ``commit`` is called the moment the line with the dot has been handed over. If this is
        cancelled before that, nothing was sent.
        """
        message = partial(self._message, text, commit)
        return await self._session.hold((*self._way_to(envelope, size_bytes), message))

    async def rehearse(self, envelope: Envelope, size_bytes: int) -> Outcome:
        """Go as far as a server lets us without sending: an envelope is given, and taken back.

        ``Sent`` means that it would take the message.
        """
        take_back = partial(self._session.abort, Sent())
        return await self._session.hold((*self._way_to(envelope, size_bytes), take_back))

    def _way_to(self, envelope: Envelope, size_bytes: int) -> Iterable[Step]:
        """Everything up to where a message may follow. All or nothing: if one recipient is
        refused, nobody gets the message."""
        session = self._session
        yield session.connect
        match self._terms.security:
            case "starttls":
                yield from (session.greeted, self._hello, self._start_tls, session.secure)
            case "tls":
                yield from (session.secure, session.greeted)
            case "none":
                yield session.greeted
        yield from (self._hello, self._log_in, partial(self._sender, envelope, size_bytes))
        for recipient in envelope.recipients:
            yield partial(self._recipient, recipient, envelope.encoding)

    async def _hello(self) -> Outcome | None:
        """What was offered in clear text is forgotten when asked for again (RFC 3207 §4.2)."""
        reply = await self._session.ask(SmtpPhase.HELLO, f"EHLO {self._session.introduction}")
        self._offered = extensions(reply)
        return await self._session.judged(reply)

    async def _start_tls(self) -> Outcome | None:
        """No falling back to clear text, whether a server or somebody on the way asks for it."""
        if "starttls" not in self._offered:
            return await self._session.leave(_NO_STARTTLS)
        return await self._session.expect(SmtpPhase.SECURING, "STARTTLS")

    async def _log_in(self) -> Outcome | None:
        if self._terms.login is None:
            return None
        login = login_by(self._offered.get("auth", "").upper().split(), *self._terms.login)
        if login is None:
            return await self._session.leave(_NO_MECHANISM)
        return await self._session.judged(await self._answer_to(login))

    async def _answer_to(self, login: Login) -> SmtpReply:
        reply = await self._session.ask(SmtpPhase.AUTH, login.command)
        for _ in range(CHALLENGES_MAX):
            if reply.code != CHALLENGE:
                return reply
            try:
                response = login.respond(reply.text)
            except ValueError as error:
                raise NotSmtp from error
            self._session.secrets += (response,)
            reply = await self._session.ask(SmtpPhase.AUTH, response)
        if reply.code == CHALLENGE:
            raise NotSmtp
        return reply

    async def _sender(self, envelope: Envelope, size_bytes: int) -> Outcome | None:
        if envelope.utf8 and "smtputf8" not in self._offered:
            return await self._session.leave(NotSent(Reason.NEEDS_SMTPUTF8, Blame.NOBODY))
        timeouts = ENVELOPE_TIMEOUTS + len(envelope.recipients) / RECIPIENTS_PER_TIMEOUT
        self._session.until = trio.current_time() + timeouts * self._terms.timeout_s
        words = (f"MAIL FROM:<{envelope.sender}>", *parameters(envelope, size_bytes, self._offered))
        return await self._session.expect(SmtpPhase.SENDER, " ".join(words), envelope.encoding)

    async def _recipient(self, address: str, encoding: str) -> Outcome | None:
        command = f"RCPT TO:<{address}>"
        return await self._session.expect(SmtpPhase.RECIPIENT, command, encoding, about=address)

    async def _message(self, text: AnyBody, commit: Callable[[], None]) -> Outcome:
        refused = await self._session.expect(SmtpPhase.DATA, "DATA")
        if refused is not None:
            return refused
        self._session.until = inf
        await self._session.write(text)
        return await self._session.end(commit)
