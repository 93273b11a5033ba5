"""What each kind of provider can be told.

A kind's own settings are the fields of its adapter, a frozen pydantic dataclass: they are read off
the type, so that a new adapter changes nothing here. Must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import SecretStr
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo

from smsp.providers.protocols import Adapter
from smsp.settings.values import spelled

Kinds = Mapping[str, type[Adapter]]
"""The adapter of each kind."""


@dataclass(frozen=True, slots=True)
class OwnSetting:
    """A field of an adapter, as an operator sees it. ``default`` is ``None`` if it is required."""

    setting: str
    default: str | None
    meaning: str


def own_settings(adapter: type[Adapter]) -> tuple[OwnSetting, ...]:
    """The settings of a kind: the fields of its adapter, in upper case.

    Raises :class:`TypeError` for an adapter that is not a pydantic dataclass.
    """
    if not is_pydantic_dataclass(adapter):
        raise TypeError(f"{adapter!r} must be a frozen pydantic dataclass")
    return tuple(
        OwnSetting(
            setting=name.upper(),
            default=None if field.is_required() else spelled(field.default),
            meaning=field.description or _meaning(name, field),
        )
        for name, field in adapter.__pydantic_fields__.items()
    )


def _meaning(name: str, field: FieldInfo) -> str:
    choices = " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    words = name.replace("_", " ")
    if field.annotation is SecretStr:
        return f"{words}, a secret"
    return f"{words}: {choices}" if choices else words
