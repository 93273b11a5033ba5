"""The AWS default chain: credentials from the environment, a profile, a container or an instance.

Owns the only door to botocore, which is there with the extra ``smsp[aws]`` and not without. It
reads what AWS defines, the process's environment included, and keeps what it found until that
expires. Must not know SES.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from smsp.providers.protocols import TemporaryCredentials


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Found(Protocol):
    """What botocore finds; fetched again by botocore itself shortly before it expires."""

    def get_frozen_credentials(self) -> _Frozen: ...


class DefaultChain:
    """A credentials source. Not for two threads at once."""

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
