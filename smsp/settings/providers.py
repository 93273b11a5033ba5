"""What each provider was told.

Owns the settings that every provider has. A kind's own are read off its type
(:mod:`smsp.settings.kinds`), so a new kind changes nothing here.
Must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from actors.trip import TripRule
from smsp.mail import Mailbox
from smsp.providers.kinds import Kind
from smsp.providers.probes import ProbeMode
from smsp.settings.accounts import (
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
from smsp.settings.trip import parse_trip
from smsp.settings.values import (
    Parsed,
    is_loopback,
    is_plaintext_abroad,
    parse_base_url,
    parse_domains,
    parse_flag,
    seconds,
    whole,
)

MOCK = "mock"

CallTimeout = Annotated[float, seconds(0.05, 300)]
PollInterval = Annotated[float, seconds(0.01, 3600)]
Trip = Annotated[TripRule, Parsed(parse_trip)]
MaxInFlight = Annotated[int, whole(1, 10_000, "calls")]
Flag = Annotated[bool, Parsed(parse_flag)]


class ProviderSettings(BaseModel):
    """One provider. Where it was told nothing of its own, the value is that of all providers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_by_name=True,
    )

    name: str
    kind: str
    own: SkipValidation[Kind | None]
    """The adapter or connector, which is its kind's own settings; ``None`` for the mock."""

    poll_interval_max_s: float
    """The longest wait before a probe; the same for every provider."""

    timeout_s: CallTimeout = Field(
        validation_alias="TIMEOUT",
        description="the same, for this provider alone",
    )
    poll_interval_s: PollInterval = Field(
        validation_alias="POLL_INTERVAL",
        description="the same, for this provider alone",
    )
    trip: Trip = Field(
        validation_alias="TRIP",
        description="the same, for this provider alone",
    )
    max_in_flight: MaxInFlight = Field(
        validation_alias="MAX_IN_FLIGHT",
        description="the same, for this provider alone",
    )
    weight: Annotated[int, whole(0, 1000)] = Field(
        1,
        validation_alias="WEIGHT",
        description="its share of the messages with `SMSP_ROUTING=weighted`; `0`: only when the "
        "others refuse",
    )
    from_domains: Annotated[tuple[str, ...], Parsed(parse_domains)] = Field(
        (),
        validation_alias="FROM_DOMAINS",
        description="a comma list: the only sender domains it is used for",
    )
    probe: ProbeMode = Field(
        "auto",
        validation_alias="PROBE",
        description="how an open circuit is polled: `auto`, as is best for its kind; `message`, by "
        "a message really sent to `SMSP_POLL_MESSAGE_ADDRESS`; `status`, by a question about the "
        "account alone, which tests no sending",
    )
    allow_plaintext: Flag = Field(
        False,
        validation_alias="ALLOW_PLAINTEXT",
        description="allow another machine to be spoken to without encryption, which exposes "
        "the credentials",
    )
    base_url: Annotated[str, Parsed(parse_base_url)] | None = Field(
        None,
        validation_alias="BASE_URL",
        description="another scheme, host and port for the provider's API; its paths are kept",
    )

    @field_validator("poll_interval_s")
    @classmethod
    def _within_the_maximum(cls, interval_s: float, info: ValidationInfo) -> float:
        highest = info.data["poll_interval_max_s"]
        if interval_s > highest:
            raise ValueError(f"must not be above SMSP_POLL_INTERVAL_MAX ({highest:g} s)")
        return interval_s

    @field_validator("base_url")
    @classmethod
    def _plaintext_stays_here(cls, base_url: str | None, info: ValidationInfo) -> str | None:
        if (
            base_url
            and is_plaintext_abroad(base_url)
            and not info.data.get("allow_plaintext", True)
        ):
            raise ValueError(
                "must be https://, as the host is not this machine; "
                "_ALLOW_PLAINTEXT=true would expose the credentials"
            )
        return base_url


def variables_in(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The fields that have a variable, by its name."""
    fields = model.model_fields.values()
    aliases = ((field.validation_alias, field) for field in fields)
    return MappingProxyType({name: field for name, field in aliases if isinstance(name, str)})


SHARED: Mapping[str, FieldInfo] = variables_in(ProviderSettings)
"""What may follow ``SMSP_<NAME>_`` whatever the kind."""

INHERITED: Mapping[str, str] = MappingProxyType(
    {
        "TIMEOUT": "SMSP_CALL_TIMEOUT",
        "POLL_INTERVAL": "SMSP_POLL_INTERVAL",
        "TRIP": "SMSP_TRIP",
        "MAX_IN_FLIGHT": "SMSP_MAX_IN_FLIGHT",
    }
)
"""Of these, those that default to a variable for all providers."""


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
