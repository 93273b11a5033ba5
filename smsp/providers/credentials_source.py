"""Credentials that are lent for a while, fetched only when a call needs them.

Owns the one thread in which a provider's lender is asked, and how long anybody waits for it. It is
asked before an exchange begins, so that a lender that is slow leaves a message not sent, never in
doubt. Must not know who lends.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from smsp.mail.outcome import Blame, NotSent, Reason
from smsp.providers.protocols import Adapter, BorrowingAdapter, Lender, Loan
from smsp.providers.shortage import NO_RESOURCES, descriptors_wanting

NOT_LENT = NotSent(Reason.NO_CREDENTIALS, Blame.PROVIDER)
"""Without credentials no call is made. The next attempt may find some."""


def not_lent(wanting: Callable[[], OSError | None] = descriptors_wanting) -> NotSent:
    """Why there are none: a lender does not tell when it had no socket to ask with."""
    return NOT_LENT if wanting() is None else NO_RESOURCES


class Borrower:
    """An adapter, complete whenever it is needed.

    ``patience_s`` bounds the wait for a lender. One question is asked of it at a time: whoever
    comes meanwhile waits for its answer, and a thread that has been given up is not joined by more.
    """

    def __init__(self, adapter: Adapter, patience_s: float) -> None:
        self._adapter = adapter
        self._patience_s = patience_s
        self._lender = adapter.lender() if isinstance(adapter, BorrowingAdapter) else None
        self._thread = trio.CapacityLimiter(1)

    async def adapter(self) -> Adapter | None:
        """The adapter with all that it needs to sign; ``None`` if nobody lends that in time."""
        if self._lender is None or not isinstance(self._adapter, BorrowingAdapter):
            return self._adapter
        loan = await self._ask(self._lender)
        return None if loan is None else self._adapter.with_loan(loan)

    async def _ask(self, lender: Lender) -> Loan | None:
        with trio.move_on_after(self._patience_s):
            return await trio.to_thread.run_sync(
                lender.lend, abandon_on_cancel=True, limiter=self._thread
            )
        return None
