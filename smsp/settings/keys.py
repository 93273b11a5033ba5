"""Who may come in: ``SMSP_API_KEY``, and from the text of ``SMSP_API_KEYS`` the keys in it.

Owns the syntax, and what must hold between two keys. A mistake says which entry is wrong and never
what stands in it: that may be a secret in the wrong place. Pure but for the making of a new key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from secrets import token_urlsafe
from typing import Annotated, TypeVar

from pydantic import BaseModel, SecretStr, ValidationInfo, field_validator

from smsp.keys import Key, Scope, digest_of
from smsp.settings.values import MODEL, Parsed, parse_domains, parse_key, setting

API_KEY, API_KEYS = "SMSP_API_KEY", "SMSP_API_KEYS"
FORM = "name:scopes:sha256-hex[:from-domains[:per-second]]"
SECRET_PREFIX = "smsp_"  # noqa: S105 - every secret begins so
"""By this a scanner for lost secrets knows one of ours."""
SECRET_BYTES = 32
PER_SECOND_MIN, PER_SECOND_MAX = 0.001, 1_000_000.0

T = TypeVar("T")

# No underscore: SMSP_API_KEY, which is the name of the key in that variable, is nobody else's.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")


def parse_keys(text: str) -> tuple[Key, ...]:
    """A comma list of :data:`FORM`; scopes and domains are joined by ``+``.

    A name may stand there more than once, while its secret is being changed; then nothing but the
    hash differs.
    """
    entries = text.split(",")
    keys = tuple(_key(entry.strip(), number) for number, entry in enumerate(entries, start=1))
    _refuse_twins(keys)
    return keys


def parse_scopes(text: str) -> frozenset[Scope]:
    """Scopes joined by ``+``."""
    try:
        return frozenset(Scope(word) for word in text.split("+"))
    except ValueError:
        raise ValueError(f"must be scopes ({', '.join(Scope)}) joined by +") from None


def parse_rate(text: str) -> float | None:
    """Messages a second; nothing for any number of them."""
    if not text:
        return None
    if not _RATE.fullmatch(text) or not PER_SECOND_MIN <= float(text) <= PER_SECOND_MAX:
        span = f"{PER_SECOND_MIN:g} to {PER_SECOND_MAX:.0f}"
        raise ValueError(f"must be a number of messages a second from {span}")
    return float(text)


def parse_from_domains(text: str) -> frozenset[str]:
    """Domains joined by ``+``; nothing for all domains."""
    if not text:
        return frozenset()
    try:
        return frozenset(parse_domains(text.replace("+", ",")))
    except ValueError:
        raise ValueError("must be domain names joined by +, like example.com+example.org") from None


def new_key(
    name: str, scopes: str, from_domains: str = "", per_second: str = ""
) -> tuple[Key, str]:
    """A key that nobody has had before, and its secret, which is nowhere else.

    Raises :class:`ValueError`, which says which part is wrong.
    """
    if not NAME.fullmatch(name):
        raise ValueError("NAME must be letters, digits, dots and hyphens, 64 at most")
    secret = f"{SECRET_PREFIX}{token_urlsafe(SECRET_BYTES)}"
    key = Key(
        name,
        digest_of(secret),
        _part("--scopes", parse_scopes, scopes),
        _part("--from-domains", parse_from_domains, from_domains),
        _part("--per-second", parse_rate, per_second),
    )
    return key, secret


class KeySettings(BaseModel):
    """The settings that are read again when a key is changed."""

    model_config = MODEL

    api_keys: Annotated[tuple[Key, ...], Parsed(parse_keys)] = setting(
        API_KEYS,
        (),
        f"keys with rights of their own: a comma list of `{FORM}`, lists inside joined "
        "by `+`; `smsp key new` prints one",
    )
    api_key: Annotated[SecretStr, Parsed(parse_key)] | None = setting(
        API_KEY, None, f"a key that may do everything; required unless `{API_KEYS}` is set"
    )

    @property
    def known_keys(self) -> tuple[Key, ...]:
        """All keys that open something; never none."""
        if self.api_key is None:
            return self.api_keys
        return (Key(API_KEY, digest_of(self.api_key.get_secret_value())), *self.api_keys)

    @field_validator("api_key")
    @classmethod
    def _there_is_a_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        others: tuple[Key, ...] | None = info.data.get("api_keys")
        if key is None and others == ():
            raise ValueError("is required")
        if key and digest_of(key.get_secret_value()) in {other.digest for other in others or ()}:
            raise ValueError(f"is in {API_KEYS}, too: keep one")
        return key


def _part(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{option} {error}") from None


def _key(entry: str, number: int) -> Key:
    parts = entry.split(":")
    if not 3 <= len(parts) <= 5 or not NAME.fullmatch(parts[0]):
        raise ValueError(f"must be a comma list of {FORM}; entry {number} is not")
    name, scopes, digest, domains, rate = (*parts, "", "")[:5]
    if not _DIGEST.fullmatch(digest) or bytes.fromhex(digest) == digest_of(""):
        raise ValueError(
            f"must have the SHA-256 of a key, 64 hexadecimal digits, third in entry {number}: "
            "`smsp key new` prints one"
        )
    try:
        allowed, senders = parse_scopes(scopes), parse_from_domains(domains)
        return Key(name, bytes.fromhex(digest), allowed, senders, parse_rate(rate))
    except ValueError as error:
        raise ValueError(f"has a part of entry {number} that {error}") from None


def _refuse_twins(keys: Sequence[Key]) -> None:
    if len({key.digest for key in keys}) < len(keys):
        raise ValueError("must not have one hash twice: whose key would it be?")
    rights = {replace(key, digest=b"") for key in keys}
    if len({key.name for key in rights}) < len(rights):
        raise ValueError("has a name twice with other rights: only the hash may differ")
