"""PURE. The settings in force as people see them: what ``smsp check`` prints.

Everything it says is read off the declarations, so that it cannot be out of date. Must not know
where settings come from.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from smsp.settings.accounts import KIND, PROVIDERS, prefix_of
from smsp.settings.kinds import own_settings
from smsp.settings.model import Settings
from smsp.settings.provider_settings import ProviderSettings
from smsp.settings.values import spelled

NOT_SET = "(not set)"


def describe(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Each variable and its value in force, every secret masked."""
    named = ",".join(provider.name for provider in settings.providers)
    each = (pair for provider in settings.providers for pair in _of_provider(provider))
    return (*_values(settings, ""), (PROVIDERS, named), *each)


def shown(value: object) -> str:
    """A value as an operator would write it."""
    return spelled(value) or NOT_SET


def _of_provider(provider: ProviderSettings) -> Iterator[tuple[str, str]]:
    prefix = prefix_of(provider.name)
    yield prefix + KIND, provider.kind
    if provider.own is not None:
        for own in own_settings(type(provider.own)):
            yield prefix + own.setting, shown(getattr(provider.own, own.setting.lower()))
    yield from _values(provider, prefix)


def _values(told: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in type(told).model_fields.items():
        if isinstance(field.validation_alias, str):
            yield prefix + field.validation_alias, shown(getattr(told, name))
