"""From the environment, what each provider was told.

Owns the order in which a provider's variables are judged, and what an operator hears of those that
do not go together. What every provider can be told is in :mod:`smsp.settings.provider_settings`,
what one kind can, on its type (:mod:`smsp.settings.kinds`). Must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from smsp.mail import Mailbox
from smsp.providers.kinds import Kind
from smsp.providers.plugins import Found
from smsp.settings.accounts import (
    KIND,
    OLDER,
    PROVIDERS,
    Account,
    SettingsByKind,
    owner_of,
    prefix_of,
    read_accounts,
    variables_of,
)
from smsp.settings.environment import Reading
from smsp.settings.kinds import Kinds, misfits, own_settings, own_timeout_s
from smsp.settings.probes import never_passes, price
from smsp.settings.provider_settings import INHERITED, SHARED, ProviderSettings
from smsp.settings.values import is_loopback

MOCK = "mock"


def read_providers(
    reading: Reading,
    kinds: Kinds,
    *,
    mock: bool,
    inherited: Mapping[str, object],
    own_variables: Iterable[str],
    unnamed: Collection[str],
    poll_address: Mailbox | None,
) -> tuple[ProviderSettings, ...]:
    """The providers in their order; in mock mode the mock alone, whatever else is set.

    ``inherited`` holds the values for all providers, by the names of :class:`ProviderSettings`'
    variables. ``own_variables`` are those of SMSP itself. ``unnamed`` are the kinds that need no
    name: their credentials are enough.
    """
    settings = {
        kind: (*(own.setting for own in own_settings(adapter)), *SHARED)
        for kind, adapter in kinds.items()
    }
    named = read_accounts(reading, settings, own_variables, unnamed)
    used = (Account(MOCK, MOCK),) if mock else named
    if not used and not reading.is_set(PROVIDERS):
        reading.refuse(PROVIDERS, _what_to_name(reading, settings, unnamed))
    names = tuple(account.name for account in used)
    _set_aside(reading, settings, named, names)
    built = (_provider(reading, account, kinds, names, inherited) for account in used)
    providers = tuple(provider for provider in built if provider is not None)
    if poll_address is not None:
        for provider in providers:
            _judge_probe(reading, provider, poll_address)
    return providers


def tell_of_plugins(reading: Reading, found: Found) -> None:
    """Refuse a word that is taken, and a broken kind that is asked for; of others only warn.

    Before the accounts are read: of two mistakes in one variable the first is told.
    """
    for failed in found.clashing:
        reading.refuse(PROVIDERS, f"cannot have a second kind {failed.problem}")
    for failed in found.broken:
        asking = tuple(_variables_that_ask_for(failed.kind, reading))
        for variable in asking:
            reading.refuse(variable, f"cannot be {failed.problem}")
        if not asking:
            reading.warn(f"no provider can be {failed.problem}")


def _what_to_name(reading: Reading, settings: SettingsByKind, unnamed: Collection[str]) -> str:
    """The kinds whose variables are set must still be named."""
    begun = [kind for kind in settings if reading.has_any_under(prefix_of(kind))]
    if begun:
        return f"is required: set {PROVIDERS}={','.join(begun)} to use what is configured"
    return f"is required, or the credentials of {' or '.join(unnamed)}"


def _set_aside(
    reading: Reading, settings: SettingsByKind, named: tuple[Account, ...], used: tuple[str, ...]
) -> None:
    """The variables of kinds and accounts not in use are right, but somebody should know."""
    idle = dict.fromkeys((*named, *(Account(kind, kind) for kind in settings)))
    variables = [
        variable
        for account in idle
        if account.name not in used
        for variable in variables_of(account, settings)
        if owner_of(variable, used) is None
    ]
    variables += [OLDER[variable] for variable in variables if variable in OLDER]
    reading.know(variables)
    if unused := [variable for variable in variables if reading.is_set(variable)]:
        reading.warn(f"not used, as their provider is not: {', '.join(unused)}")


def _provider(
    reading: Reading,
    account: Account,
    kinds: Kinds,
    names: tuple[str, ...],
    inherited: Mapping[str, object],
) -> ProviderSettings | None:
    prefix = prefix_of(account.name)
    shared = {setting: _take(reading, prefix + setting, account.name, names) for setting in SHARED}
    about: dict[str, object] = {"name": account.name, "kind": account.kind, "own": None}
    defaults = dict(inherited)
    if account.kind in kinds:
        kind = kinds[account.kind]
        about["own"] = _own(reading, account, kind, names)
        timeout_s = own_timeout_s(kind)
        if timeout_s is not None and not reading.is_set(INHERITED["TIMEOUT"]):
            defaults["TIMEOUT"] = timeout_s
    given = {setting: text for setting, text in shared.items() if text is not None}
    target = TypeAdapter(ProviderSettings)
    built = reading.build(target, {**defaults, **given, **about}, lambda name: prefix + name)
    if built is not None:
        told = misfits(built.own, base_url=built.base_url, allow_plaintext=built.allow_plaintext)
        for setting, message in told:
            reading.refuse(prefix + setting, message)
    return built


def _judge_probe(reading: Reading, provider: ProviderSettings, address: Mailbox) -> None:
    if provider.own is None:
        return
    variable = f"{prefix_of(provider.name)}PROBE"
    fault = never_passes(provider.own, provider.probe, address)
    if fault is not None:
        reading.refuse(variable, fault)
    elif (cost := price(provider.own, provider.probe, address)) and not _stood_in_for(provider):
        reading.warn(f"{variable} is {provider.probe}: {cost}")


def _stood_in_for(provider: ProviderSettings) -> bool:
    """Whether something on this machine plays the provider, which sends no bill."""
    host = urlsplit(provider.base_url or "").hostname
    return provider.probe == "auto" and host is not None and is_loopback(host)


def _own(
    reading: Reading, account: Account, kind: type[Kind], names: tuple[str, ...]
) -> Kind | None:
    prefix = prefix_of(account.name)
    given: dict[str, str] = {}
    for own in own_settings(kind):
        text = _take(reading, prefix + own.setting, account.name, names)
        if text is not None:
            given[own.setting.lower()] = text
    return reading.build(TypeAdapter(kind), given, lambda name: prefix + name.upper())


def _take(reading: Reading, variable: str, name: str, names: tuple[str, ...]) -> str | None:
    if owner_of(variable, names) != name:
        return None
    return reading.take(variable, older=OLDER.get(variable))


def _variables_that_ask_for(kind: str, reading: Reading) -> Iterator[str]:
    for name in map(str.strip, (reading.take(PROVIDERS) or "").split(",")):
        variable = prefix_of(name) + KIND
        if (reading.take(variable) or name) == kind:
            yield variable
