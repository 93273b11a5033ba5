"""PURE. What one provider was told: the settings that every provider has, whatever its kind.

A field is the whole truth about its variable, as in :mod:`smsp.settings.model`. Owns what must hold
between two of them. Must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, Field, SkipValidation, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from actors.trip import TripRule
from smsp.providers.kinds import Kind
from smsp.providers.probes import ProbeMode
from smsp.settings.trip import parse_trip
from smsp.settings.values import (
    MODEL,
    Parsed,
    is_plaintext_abroad,
    parse_base_url,
    parse_domains,
    parse_flag,
    seconds,
    setting,
    whole,
)

CallTimeout = Annotated[float, seconds(0.05, 300)]
PollInterval = Annotated[float, seconds(0.01, 3600)]
Trip = Annotated[TripRule, Parsed(parse_trip)]
MaxInFlight = Annotated[int, whole(1, 10_000, "calls")]
Flag = Annotated[bool, Parsed(parse_flag)]

_SAME = "the same, for this provider alone"


class ProviderSettings(BaseModel):
    """One provider. Where it was told nothing of its own, the value is that of all providers."""

    model_config = MODEL

    name: str
    kind: str
    own: SkipValidation[Kind | None]
    """The adapter or connector, which is its kind's own settings; ``None`` for the mock."""

    poll_interval_max_s: float
    """The longest wait before a probe; the same for every provider."""

    timeout_s: CallTimeout = Field(validation_alias="TIMEOUT", description=_SAME)
    poll_interval_s: PollInterval = Field(validation_alias="POLL_INTERVAL", description=_SAME)
    trip: Trip = Field(validation_alias="TRIP", description=_SAME)
    max_in_flight: MaxInFlight = Field(validation_alias="MAX_IN_FLIGHT", description=_SAME)
    weight: Annotated[int, whole(0, 1000)] = setting(
        "WEIGHT",
        1,
        "its share of the messages with `SMSP_ROUTING=weighted`; `0`: only when the others refuse",
    )
    from_domains: Annotated[tuple[str, ...], Parsed(parse_domains)] = setting(
        "FROM_DOMAINS", (), "a comma list: the only sender domains it is used for"
    )
    probe: ProbeMode = setting(
        "PROBE",
        "auto",
        "how an open circuit is polled: `auto`, as is best for its kind; `message`, by "
        "a message really sent to `SMSP_POLL_MESSAGE_ADDRESS`; `status`, by a question about the "
        "account alone, which tests no sending",
    )
    allow_plaintext: Flag = setting(
        "ALLOW_PLAINTEXT",
        False,
        "allow another machine to be spoken to without encryption, which exposes the credentials",
    )
    base_url: Annotated[str, Parsed(parse_base_url)] | None = setting(
        "BASE_URL", None, "another scheme, host and port for the provider's API; its paths are kept"
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
