"""PURE. What a key is: a name for people, the digest of a secret, and what it allows.

Owns the spelling of a key in ``SMSP_API_KEYS``; reading one is :mod:`smsp.settings.keys`'s, looking
one up :mod:`smsp.admission.keyring`'s. The secret itself is nowhere: it cannot be shown by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

MASKED_DIGEST = "**********"


class Scope(StrEnum):
    """What a key allows."""

    SEND = "send"
    OBSERVE = "observe"
    OPERATE = "operate"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Key:
    """A known key.

    ``from_domains``: the only sender domains it may send from, in ASCII; empty: all.
    ``per_second``: how many messages a second it may send on average; None: any number.
    """

    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[Scope] = ALL_SCOPES
    from_domains: frozenset[str] = frozenset()
    per_second: float | None = None

    def __str__(self) -> str:
        return self._spelled(MASKED_DIGEST)

    @property
    def entry(self) -> str:
        """The key as ``SMSP_API_KEYS`` has it; whoever reads it learns no secret."""
        return self._spelled(self.digest.hex())

    def may_send_from(self, domain: str) -> bool:
        """Whether a sender's domain, in ASCII, is one of this key's."""
        return not self.from_domains or domain in self.from_domains

    def _spelled(self, digest: str) -> str:
        scopes = "+".join(scope for scope in Scope if scope in self.scopes)
        domains = "+".join(sorted(self.from_domains))
        rate = "" if self.per_second is None else f"{self.per_second:g}"
        return ":".join((self.name, scopes, digest, domains, rate)).rstrip(":")


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a key as it is presented. A key is long and random, so nothing slower is
    needed: there is no list of likely ones to try."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()
