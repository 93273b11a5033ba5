"""What each kind of provider can be told.

A kind's own settings are the fields of its adapter or connector, a frozen pydantic dataclass: they
are read off the type, so that a new one changes nothing here. Must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard, get_args

from pydantic import SecretStr
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo

from smsp.providers.kinds import Connector, CredentialedAdapter, Kind
from smsp.settings.values import is_loopback, spelled

Kinds = Mapping[str, type[Kind]]
"""The adapter or connector of each kind."""


@dataclass(frozen=True, slots=True)
class OwnSetting:
    """A field of an adapter, as an operator sees it. ``default`` is ``None`` if it is required."""

    setting: str
    default: str | None
    meaning: str


def own_settings(kind: type[Kind]) -> tuple[OwnSetting, ...]:
    """The settings of a kind: the fields of its adapter or connector, in upper case.

    Raises :class:`TypeError` for one that is not a pydantic dataclass.
    """
    if not is_pydantic_dataclass(kind):
        raise TypeError(f"{kind!r} must be a frozen pydantic dataclass")
    return tuple(
        OwnSetting(
            setting=name.upper(),
            default=None if field.is_required() else spelled(field.default),
            meaning=field.description or _meaning(name, field),
        )
        for name, field in kind.__pydantic_fields__.items()
    )


def own_timeout_s(kind: type[Kind]) -> float | None:
    """The default of its ``_TIMEOUT`` while ``SMSP_CALL_TIMEOUT`` is not set, if not that one's."""
    return kind.call_timeout_s if _is_connector(kind) else None


def misfits(
    own: Kind | None, *, base_url: str | None, allow_plaintext: bool
) -> Iterator[tuple[str, str]]:
    """What every provider can be told, but not one of this kind: the setting, and what is wrong."""
    if own is None:
        return
    if isinstance(own, CredentialedAdapter):
        yield from _not_lent(own)
    if not isinstance(own, Connector):
        if own.facts.self_hosted and base_url is None:
            yield "BASE_URL", "is required: a provider of this kind has no address of its own"
        return
    if base_url is not None:
        yield "BASE_URL", "must not be set: a provider of this kind is not reached by a URL"
    exposure = own.exposure()
    if exposure is not None and not allow_plaintext and not is_loopback(exposure.host):
        yield (
            exposure.setting,
            "must be another, as the host is not this machine; "
            "_ALLOW_PLAINTEXT=true would expose the credentials",
        )


def _not_lent(own: CredentialedAdapter) -> Iterator[tuple[str, str]]:
    source = own.credentials_source()
    missing = None if source is None else source.missing()
    if missing is not None:
        for setting in own.credentials:
            yield setting, f"is required; without it only where {missing} is installed"


def _is_connector(kind: type[Kind]) -> TypeGuard[type[Connector]]:
    """``issubclass`` cannot tell, since a connector has more than methods."""
    return hasattr(kind, "provider")


def _meaning(name: str, field: FieldInfo) -> str:
    choices = " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    words = name.replace("_", " ")
    if field.annotation is SecretStr:
        return f"{words}, a secret"
    return f"{words}: {choices}" if choices else words
