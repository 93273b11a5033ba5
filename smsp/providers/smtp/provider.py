"""One SMTP server behind a circuit: each message has a connection of its own.

Owns what is built of a message before anything is said. What is said and what it means are
:mod:`smsp.providers.smtp.transaction`'s and :mod:`smsp.providers.smtp.phases`'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import trio

from actors import Progress
from smsp.mail import Mailbox, Submission, is_large
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason
from smsp.providers.encoding import mime
from smsp.providers.encoding.body import AnyBody
from smsp.providers.encoding.threads import done_by, encoders
from smsp.providers.http.connection import Dial, dial_tcp
from smsp.providers.probes import poll
from smsp.providers.smtp.envelope import envelope_of, transparent_body
from smsp.providers.smtp.session import Terms
from smsp.providers.smtp.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SmtpProvider:
    """One server, and perhaps an account there.

    ``now`` is the time of day, with its zone, for the message's ``Date``. ``encoders`` are the
    threads in which large messages are built.
    """

    terms: Terms
    poll_address: Mailbox
    now: Callable[[], datetime]
    dial: Dial = dial_tcp
    encoders: trio.CapacityLimiter = field(default_factory=encoders, repr=False)

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Make the attempt; ``progress`` is told the moment the dot that ends it is written.

        When this is cancelled, the connection is closed by the time it raises.
        """
        try:
            envelope = envelope_of(submission.mail)
        except ValueError:
            return NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
        text, size_bytes = await self._built(submission)
        dialogue = Transaction(self.terms, self.dial)
        try:
            return await dialogue.deliver(envelope, text, size_bytes, progress.commit)
        finally:
            progress.stage = dialogue.phase.name.lower()

    async def probe(self) -> Outcome:
        """Everything but the message: up to the poll address as a recipient. Sends nothing."""
        dummy = poll(self.poll_address)
        size_bytes = len(mime.build(dummy))
        return await Transaction(self.terms, self.dial).rehearse(
            envelope_of(dummy.mail), size_bytes
        )

    async def _built(self, submission: Submission) -> tuple[AnyBody, int]:
        """The message as it travels, and its length before dots are doubled (RFC 1870 §6). A large
        one in a thread, so that nobody else waits for it."""
        date = self.now()

        def build() -> tuple[AnyBody, int]:
            message = mime.body_of(submission, date=date)
            return transparent_body(message), len(message)

        return await done_by(build, self.encoders, large=is_large(submission.mail))
