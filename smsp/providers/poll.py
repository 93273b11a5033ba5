"""PURE. The dummy message that tests whether a provider sends.

Owns what it says and how it is known. Must not know any provider.
"""

from __future__ import annotations

from uuid import UUID

from smsp.mail import Mail, Mailbox, Submission

POLL_ID = UUID(int=0)
"""The nil UUID: no message of a caller's has it, so a poll is recognised wherever it turns up."""


def poll(address: Mailbox) -> Submission:
    """The dummy message from ``address`` to itself."""
    return Submission(POLL_ID, Mail(sender=address, to=(address,), subject="poll", text="poll"))
