"""A session with an SMTP server: in which phase it is, how long it may wait, how it is left.

One cancel scope bounds the whole of it; its deadline moves. The terms' ``timeout_s`` each have the
connection, the TLS handshake, every reply (with its command, and whatever the number of reads),
and every stretch of the message; ``until`` bounds several replies together. From the line with the
dot on whoever was committed to decides how long to wait, by cancelling.

Leaves judging to :mod:`smsp.providers.smtp.phases`. Knows no order of the phases, and no circuit.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import trio

from smsp.mail.outcome import Outcome
from smsp.providers.encoding.body import PIECE_BYTES, AnyBody, pieces
from smsp.providers.http.connection import Dial
from smsp.providers.smtp.auth import spoken
from smsp.providers.smtp.connection import SmtpConnection
from smsp.providers.smtp.envelope import END
from smsp.providers.smtp.phases import (
    FAILURES,
    NotSmtp,
    SmtpFailure,
    SmtpPhase,
    SmtpReply,
    failed,
    goes_on,
    refusal,
    verdict,
)

WRITE_BYTES = PIECE_BYTES
"""A write that moves this much has made progress."""
GOODBYE_S = 1.0
"""How long each word of a farewell may take; our answer is known, and waits."""

Security = Literal["starttls", "tls", "none"]
Step = Callable[[], Awaitable[Outcome | None]]
"""What ends a session, or ``None`` to go on."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a server is spoken to.

    ``login`` is user and password, in ASCII. ``timeout_s`` bounds each wait for the server.
    """

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext
    timeout_s: float
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not come back in a server's words, in the forms in which we say it."""
        return () if self.login is None else spoken(*self.login)


class Session:
    """One connection. To be held once; whatever is done in it is a step of what is held."""

    _connection: SmtpConnection

    def __init__(self, terms: Terms, dial: Dial) -> None:
        self.phase = SmtpPhase.CONNECTING
        """How far it has come."""
        self.until = inf
        """The moment by which all that is asked must be answered, on the run's clock."""
        self.secrets = terms.secrets
        """What must not come back in the server's words; whoever says another one adds it."""
        self._terms = terms
        self._dial = dial
        self._scope = trio.CancelScope()

    async def hold(self, steps: Iterable[Step]) -> Outcome:
        """Take step after step until one decides; the last one must.

        Whatever ends it, cancelling included, its connection is closed by then.
        """
        try:
            with self._scope:
                for step in steps:
                    outcome = await step()
                    if outcome is not None:
                        return outcome
        except (OSError, NotSmtp) as error:
            return failed(self.phase, error)
        except trio.BrokenResourceError:
            return FAILURES[self.phase, SmtpFailure.BROKEN]
        finally:
            if self.phase is not SmtpPhase.CONNECTING:
                self._connection.close()
        assert self._scope.cancelled_caught, "no step has decided"
        return FAILURES[self.phase, SmtpFailure.TIMED_OUT]

    # -- the beginning

    async def connect(self) -> None:
        """Make the connection."""
        self._grant()
        self._connection = SmtpConnection(await self._dial(self._terms.host, self._terms.port))
        self.phase = SmtpPhase.GREETING

    async def secure(self) -> None:
        """Go on in TLS."""
        self.phase = SmtpPhase.SECURING
        self._grant()
        await self._connection.secure(self._terms.tls, self._terms.host)

    async def greeted(self) -> Outcome | None:
        """The server speaks first."""
        self.phase = SmtpPhase.GREETING
        self._grant()
        return await self.judged(await self._connection.hear())

    @property
    def introduction(self) -> str:
        """Who we are."""
        return self._connection.introduction

    # -- one command and its answer

    async def ask(self, phase: SmtpPhase, command: str, encoding: str = "ascii") -> SmtpReply:
        """Say one line and hear the answer."""
        self.phase = phase
        self._grant()
        return await self._connection.ask(command, encoding)

    async def expect(
        self, phase: SmtpPhase, command: str, encoding: str = "ascii", *, about: str = ""
    ) -> Outcome | None:
        """Likewise, and judge the answer."""
        return await self.judged(await self.ask(phase, command, encoding), about=about)

    async def judged(self, reply: SmtpReply, *, about: str = "") -> Outcome | None:
        """Go on, or leave."""
        if goes_on(self.phase, reply):
            return None
        outcome = refusal(self.phase, reply, self.secrets, about=about)
        in_transaction = self.phase in (SmtpPhase.RECIPIENT, SmtpPhase.DATA)
        return await (self.abort(outcome) if in_transaction else self.leave(outcome))

    # -- the message

    async def write(self, text: AnyBody) -> None:
        """All but the line with the dot."""
        self.phase = SmtpPhase.WRITING
        for piece in pieces(text):
            self._grant()
            await self._connection.write(piece)

    async def end(self, commit: Callable[[], None]) -> Outcome:
        """The line with the dot, and the answer that decides.

        ``commit`` is called in the very step in which the dot's last byte is taken: whoever is
        cancelled before has not sent the message, and nobody can be between the two.
        """
        self._grant()
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._connection.write(END)
        commit()
        self.phase, self._scope.deadline = SmtpPhase.WRITTEN, inf
        return await self.leave(verdict(await self._connection.hear(), self.secrets))

    # -- farewell. What is known is known: whatever goes wrong now changes nothing.

    async def abort(self, outcome: Outcome) -> Outcome:
        """Leave in the middle of a transaction."""
        with self._farewell(), suppress(OSError, trio.BrokenResourceError, NotSmtp):
            await self._connection.ask("RSET")
        return await self.leave(outcome)

    async def leave(self, outcome: Outcome) -> Outcome:
        """Leave without waiting for the answer, as Postfix does: nothing depends on it."""
        with self._farewell(), suppress(OSError, trio.BrokenResourceError, NotSmtp):
            await self._connection.write(b"QUIT\r\n")
        return outcome

    def _farewell(self) -> trio.CancelScope:
        """Its time: it is over by the deadline of whoever waits, who loses no outcome by it."""
        self._scope.deadline = inf
        until = min(trio.current_time() + GOODBYE_S, trio.current_effective_deadline())
        return trio.CancelScope(deadline=until, shield=True)

    def _grant(self) -> None:
        """Whatever is waited for now has this time, once."""
        self._scope.deadline = min(trio.current_time() + self._terms.timeout_s, self.until)
