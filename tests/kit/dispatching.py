"""One message through a dispatcher, with a ledger of its own that has room for it."""

from __future__ import annotations

from smsp.mail import Submission
from smsp.mail.dispatched import Dispatched
from smsp.sending.dispatcher import Dispatcher
from smsp.sending.ledger import Ledger


async def dispatch(
    dispatcher: Dispatcher, submission: Submission, *, deadline: float
) -> Dispatched:
    """What becomes of the message."""
    answer = await dispatcher.send(submission, b"", deadline=deadline, ledger=Ledger(1))
    assert isinstance(answer.result, Dispatched)
    return answer.result
