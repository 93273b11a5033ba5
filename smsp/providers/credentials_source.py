"""Credentials that are lent for a while, fetched only when a call needs them.

Owns the one thread in which a provider's source is asked, and how long anybody waits for it. It is
asked before an exchange begins, so that a source that is slow leaves a message not sent, never in
doubt. Must not know where they come from.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from smsp.mail.outcome import Blame, NotSent, Reason
from smsp.providers.protocols import (
    Adapter,
    CredentialedAdapter,
    CredentialsSource,
    TemporaryCredentials,
)
from smsp.providers.shortage import NO_RESOURCES, descriptors_wanting

NO_CREDENTIALS = NotSent(Reason.NO_CREDENTIALS, Blame.PROVIDER)
"""Without credentials no call is made. The next attempt may find some."""


def no_credentials(wanting: Callable[[], OSError | None] = descriptors_wanting) -> NotSent:
    """Why there are none: a source does not tell when it had no socket to ask with."""
    return NO_CREDENTIALS if wanting() is None else NO_RESOURCES


class CredentialsCache:
    """An adapter, complete whenever it is needed.

    ``patience_s`` bounds the wait for a source. One question is asked of it at a time: whoever
    comes meanwhile waits for its answer, and a thread that has been given up is not joined by more.
    """

    def __init__(self, adapter: Adapter, patience_s: float) -> None:
        self._adapter = adapter
        self._patience_s = patience_s
        self._source = (
            adapter.credentials_source() if isinstance(adapter, CredentialedAdapter) else None
        )
        self._thread = trio.CapacityLimiter(1)

    async def adapter(self) -> Adapter | None:
        """The adapter with all that it needs to sign; ``None`` if the source gives none in time."""
        if self._source is None or not isinstance(self._adapter, CredentialedAdapter):
            return self._adapter
        credentials = await self._ask(self._source)
        return None if credentials is None else self._adapter.with_credentials(credentials)

    async def _ask(self, source: CredentialsSource) -> TemporaryCredentials | None:
        with trio.move_on_after(self._patience_s):
            return await trio.to_thread.run_sync(
                source.fetch, abandon_on_cancel=True, limiter=self._thread
            )
        return None
