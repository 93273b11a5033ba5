"""Environments to read settings from, and a kind of provider that exists nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, SecretStr
from pydantic.dataclasses import dataclass

from smsp.mail import Mailbox, Submission
from smsp.mail.outcome import Outcome, Sent
from smsp.providers.protocols import Adapter, Capabilities, Facts, HttpCall, HttpReply, ProbeCall
from smsp.settings import Settings, SettingsError, load

KEY = "a-key-of-more-than-16-characters"

MOCK: Mapping[str, str] = MappingProxyType(
    {"SMSP_API_KEY": KEY, "SMSP_MOCK_EMAIL_SERVICE": "true"},
)
"""The least there can be."""

MAILGUN: Mapping[str, str] = MappingProxyType(
    {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
        "SMSP_MG_API_KEY": "mailgun-secret",
        "SMSP_MG_DOMAIN": "mg.example.org",
    }
)
"""What a user of the first SMSP has."""

PIGEON: Mapping[str, str] = MappingProxyType(
    {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
        "SMSP_PIGEON_TOKEN": "pigeon-secret",
        "SMSP_PIGEON_LOFT_NAME": "north",
    }
)
"""For :data:`PIGEONS`."""


@dataclass(frozen=True)
class Pigeon:
    """An adapter that the product has never heard of."""

    token: SecretStr
    loft_name: str
    wing: Literal["left", "right"] = "left"

    facts: ClassVar = Facts("Pigeon", ("sky",), "none", "none")
    capabilities: ClassVar = Capabilities()
    control_headers: ClassVar = ()

    def encode(self, submission: Submission) -> HttpCall:
        return HttpCall("POST", f"https://pigeon.invalid/{self.loft_name}/{submission.id}")

    def decode(self, reply: HttpReply) -> Outcome:
        return Sent()

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        return ()


@dataclass(frozen=True)
class Owl(Pigeon):
    """Another."""


def _repeat(word: SecretStr) -> SecretStr:
    raise ValueError(f"must not be {word.get_secret_value()}")


@dataclass(frozen=True)
class Parrot(Pigeon):
    """One that repeats what it is told."""

    token: SecretStr = SecretStr("")
    loft_name: str = "cage"
    word: Annotated[SecretStr, AfterValidator(_repeat)] = SecretStr("")


PIGEONS: Mapping[str, type[Adapter]] = MappingProxyType({"pigeon": Pigeon, "owl": Owl})


def mistakes_in(
    environ: Mapping[str, str],
    kinds: Mapping[str, type[Adapter]] = PIGEONS,
    unnamed: Sequence[str] = (),
) -> dict[str, str]:
    """The message of each variable that is wrong; none if nothing is."""
    try:
        load(environ, kinds=kinds, unnamed=unnamed or tuple(kinds))
    except SettingsError as error:
        return {mistake.variable: mistake.message for mistake in error.mistakes}
    return {}


def loaded(
    base: Mapping[str, str] = MOCK, /, *, unnamed: Sequence[str] = (), **more: str
) -> Settings:
    """The settings in ``base`` and ``more``, where pigeons and owls are the kinds."""
    return load({**base, **more}, kinds=PIGEONS, unnamed=unnamed or tuple(PIGEONS))


def doubts_of(settings: Settings) -> tuple[str, ...]:
    """What the settings warn of, but that one provider is few: most tests need no second one."""
    return tuple(told for told in settings.warnings if "is the only provider" not in told)
