"""The in-process provider of mock mode: its answer is in the subject.

=========== ===================================================
``timeout`` never answers: the outcome is unknown
``fail``    a fault of the provider's: not sent
``reject``  refuses the message: rejected
other       sent
=========== ===================================================
"""

from __future__ import annotations

import trio

from actors import Progress
from smsp.mail import Submission
from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Outcome, Reason, Rejected, Sent


class MockProvider:
    """Takes every message and delivers none. Its probe always passes."""

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Answer by the subject."""
        progress.commit()
        await trio.lowlevel.checkpoint()
        if submission.mail.subject == "timeout":
            await trio.sleep_forever()
        match submission.mail.subject:
            case "fail":
                return NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)
            case "reject":
                return Rejected(Reason.MESSAGE_REFUSED, "the subject asked for it")
            case _:
                return Sent(f"mock-{submission.id}", NOBODY_REFUSED)

    async def probe(self) -> Outcome:
        """The dummy message is taken."""
        await trio.lowlevel.checkpoint()
        return Sent()
