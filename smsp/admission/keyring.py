"""Who is asking, and what they may do.

Keys are held as SHA-256 digests and compared in constant time: every presented key is hashed and
held against every known one, so the time tells neither which matched nor how much of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest

from smsp.admission.rates import Bucket
from smsp.keys import Key, Scope, digest_of

_BEARER = "bearer "


class Keyring:
    """All keys that open something, and how often each has been used of late."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._buckets: dict[str, Bucket] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """From now on these are the keys. Whose rate stays the same goes on where it was."""
        self._keys = tuple(keys)
        self._buckets = _buckets(self._keys, self._buckets)
        self.one_sends = len({key.name for key in self._keys if Scope.SEND in key.scopes}) <= 1
        """Whether no second key may send."""

    def has(self, key: Key) -> bool:
        """Whether this key still opens something."""
        return key in self._keys

    def find(self, secret: str) -> Key | None:
        """The key that this secret belongs to."""
        presented = digest_of(secret)
        found: Key | None = None
        for key in self._keys:
            if compare_digest(key.digest, presented):
                found = key
        return found

    def caller(self, api_key: str | None, authorization: str | None) -> Key | None:
        """The key in ``X-API-KEY`` or ``Authorization: Bearer``; the first wins. What is no key at
        all is looked for as one that is wrong: it takes as long."""
        return self.find(_presented(api_key, authorization))

    def use(self, key: Key, now: float) -> float:
        """Use up one of the messages that the key may send; 0, or the seconds until it may."""
        bucket = self._buckets.get(key.name)
        return 0.0 if bucket is None else bucket.take(now)

    def refund(self, key: Key) -> None:
        """Give back what was used up last: no message came of it."""
        bucket = self._buckets.get(key.name)
        if bucket is not None:
            bucket.give_back()


def _presented(api_key: str | None, authorization: str | None) -> str:
    if api_key is not None:
        return api_key
    if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return ""


def _buckets(keys: Iterable[Key], before: Mapping[str, Bucket]) -> dict[str, Bucket]:
    buckets: dict[str, Bucket] = {}
    for key in keys:
        if key.per_second is not None:
            bucket = before.get(key.name)
            if bucket is None or bucket.per_second != key.per_second:
                # As much at once as in a second: callers do not come evenly.
                bucket = Bucket(key.per_second, max(1.0, key.per_second))
            buckets[key.name] = bucket
    return buckets
