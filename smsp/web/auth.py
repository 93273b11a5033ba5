"""Who is asking, and what they may do.

Keys are held as SHA-256 digests and compared in constant time: every presented key is hashed and
held against every known one, so the time tells neither which matched nor how much of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

KEY_NAMES_IN_URLS = frozenset(
    {"api_key", "apikey", "api-key", "x-api-key", "key", "token", "access_token", "authorization"}
)
_BEARER = "bearer "


class Scope(StrEnum):
    """What a key allows."""

    SEND = "send"
    OBSERVE = "observe"
    OPERATE = "operate"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Key:
    """A known key: its name for people, the digest of its secret, what it allows."""

    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[Scope] = ALL_SCOPES


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a key as it is presented."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Keyring:
    """All keys that open something."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def find(self, secret: str) -> Key | None:
        """The key that this secret belongs to."""
        presented = digest_of(secret)
        found: Key | None = None
        for key in self._keys:
            if compare_digest(key.digest, presented):
                found = key
        return found

    def caller(self, api_key: str | None, authorization: str | None) -> Key | None:
        """The key in ``X-API-KEY`` or ``Authorization: Bearer``; the first wins."""
        if api_key is not None:
            return self.find(api_key)
        if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
            return self.find(authorization[len(_BEARER) :].strip())
        return None

    def in_url(self, path: str, query: Iterable[tuple[str, str]]) -> bool:
        """Whether a key was put into the URL, where proxies and histories would keep it: under a
        name that asks for one, or a known one anywhere."""
        texts = path.split("/")
        for name, value in query:
            if name.lower() in KEY_NAMES_IN_URLS:
                return True
            texts += name, value
        return any(self.find(text) is not None for text in texts)
