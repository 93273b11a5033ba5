"""Credentials that are lent for a while, fetched only when a call needs them.

Owns the one thread in which a provider's source is asked, how long anybody waits for it, and the
one source that there is so far. A source is asked before an exchange begins, so that a slow one
leaves a message not sent, never in doubt. Must not know any provider.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

import trio

from smsp.mail.outcome import Blame, NotSent, Reason
from smsp.providers.kinds import (
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


class DefaultChain:
    """The AWS default chain: the environment, a profile, a container's role, an instance's.

    The only user of botocore, which is there with the extra ``smsp[aws]`` and not without. It reads
    what AWS defines, the process's environment included, and keeps what it found until that
    expires. A credentials source; not for two threads at once.
    """

    def __init__(self) -> None:
        self._found: _Found | None = None

    def missing(self) -> str | None:
        """What must be installed before anything can be lent; ``None`` if nothing must."""
        return None if find_spec("botocore") else "smsp[aws]"

    def fetch(self) -> TemporaryCredentials | None:
        """The credentials in force; ``None`` if there are none. May ask a metadata service."""
        # Here and not above: there may be no botocore, and it is slow to import.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        try:
            self._found = self._found or Session().get_credentials()
            if self._found is None:
                return None
            frozen = self._found.get_frozen_credentials()
        except (BotoCoreError, ClientError, RuntimeError, ValueError, OSError):
            return None
        return TemporaryCredentials(frozen.access_key, frozen.secret_key, frozen.token)


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Found(Protocol):
    """What botocore finds; fetched again by botocore itself shortly before it expires."""

    def get_frozen_credentials(self) -> _Frozen: ...
