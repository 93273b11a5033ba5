"""The environment, read once into one frozen value.

Owns the only reading of :data:`os.environ`, and the order in which its variables are judged. Every
mistake is found before anything is started, and no message holds a variable's value.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import SecretStr, TypeAdapter

from smsp.keys import Key
from smsp.providers import UNNAMED
from smsp.providers.plugins import Found, find_kinds
from smsp.settings.environment import Mistake, ReadFile, Reading, read_file
from smsp.settings.keys import API_KEY, API_KEYS, KeySettings
from smsp.settings.kinds import Kinds
from smsp.settings.model import (
    FILES,
    KEYS,
    MOCK_MODE,
    OWN,
    PORTS_OF_THEIR_OWN,
    REUSE_PORT,
    Settings,
    variable_of,
)
from smsp.settings.provider_settings import ProviderSettings
from smsp.settings.providers import read_providers, tell_of_plugins
from smsp.settings.tls import TlsFault, server_tls
from smsp.settings.values import is_address, is_port, parse_flag

__all__ = [
    "Caller",
    "Mistake",
    "ProviderSettings",
    "Settings",
    "SettingsError",
    "load",
    "load_caller",
    "load_keys",
]

KEY_CHARACTERS_MIN = 16
"""A shorter ``SMSP_API_KEY`` can be guessed: it is taken with a warning."""

FUNCTIONAL_TESTS_OWN = ("SMSP_PROTOCOL", "SMSP_HOST_PORT")
"""Read by the functional tests only; a server started beside them must not stumble over them."""


class SettingsError(Exception):
    """Everything that is wrong with the environment, by variable, in order of their names."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


def load(
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    kinds: Kinds | None = None,
    unnamed: Collection[str] = UNNAMED,
    read_file: ReadFile = read_file,
) -> Settings:
    """The settings in ``environ``, by default the process's own environment.

    ``overrides`` are variables that were given on the command line instead. ``kinds`` are by
    default our own and those of installed packages; ``unnamed`` are those that are used for their
    credentials alone, when no provider is named. Raises :class:`SettingsError` with all mistakes at
    once.
    """
    found = find_kinds() if kinds is None else Found(kinds)
    given = os.environ if environ is None else environ
    reading = Reading({**given, **overrides}, read_file)
    reading.know(FUNCTIONAL_TESTS_OWN)
    _listen_where_the_platform_says(reading, given)
    settings = _settings(reading)
    own_variables = reading.known
    _judge_the_server(reading)
    tell_of_plugins(reading, found)
    providers = read_providers(
        reading,
        found.kinds,
        mock=_is_on(reading, MOCK_MODE),
        # With a mistake in SMSP's own variables, the providers are still judged: by the defaults.
        inherited=_inherited(settings or Settings.model_construct()),
        own_variables=own_variables,
        unnamed=unnamed,
        poll_address=None if settings is None else settings.poll_message_address,
    )
    reading.refuse_unknown()
    _judge_tls(reading, settings)
    _warn_of_a_short_key(reading, settings)
    _warn_of_one_provider(reading, providers)
    if settings is None or reading.mistakes:
        raise SettingsError(reading.mistakes)
    return settings.model_copy(update={"providers": providers, "warnings": reading.warnings})


def load_keys(
    environ: Mapping[str, str] | None = None, *, read_file: ReadFile = read_file
) -> tuple[Key, ...]:
    """The keys as ``environ`` has them now: of a process that runs, only files can have changed.

    Raises :class:`SettingsError`.
    """
    reading = Reading(os.environ if environ is None else environ, read_file)
    settings = reading.build(TypeAdapter(KeySettings), _taken(reading, KEYS), variable_of)
    if settings is None or reading.mistakes:
        raise SettingsError(reading.mistakes)
    return settings.known_keys


@dataclass(frozen=True, slots=True)
class Caller:
    """What a client on the command line was told. ``key`` is None when no key was given."""

    url: str
    key: SecretStr | None


def load_caller(
    environ: Mapping[str, str] | None = None, *, read_file: ReadFile = read_file
) -> Caller:
    """Where to send, and with which key: ``SMSP_PROTOCOL``, ``SMSP_HOST_PORT``, ``SMSP_API_KEY``.

    The key has no option, since every process can read another's command line. Raises
    :class:`SettingsError`.
    """
    reading = Reading(os.environ if environ is None else environ, read_file)
    protocol = reading.take("SMSP_PROTOCOL") or "http"
    host_port = reading.take("SMSP_HOST_PORT") or "127.0.0.1:8080"
    key = reading.take("SMSP_API_KEY")
    if reading.mistakes:
        raise SettingsError(reading.mistakes)
    return Caller(f"{protocol}://{host_port}", None if key is None else SecretStr(key))


def _settings(reading: Reading) -> Settings | None:
    return reading.build(TypeAdapter(Settings), _taken(reading, OWN), variable_of)


def _taken(reading: Reading, variables: Iterable[str]) -> Mapping[str, str]:
    texts = {
        variable: (reading.take_path if variable in FILES else reading.take)(variable)
        for variable in variables
    }
    reading.excuse(API_KEY, API_KEYS)
    return {variable: text for variable, text in texts.items() if text is not None}


def _listen_where_the_platform_says(reading: Reading, environ: Mapping[str, str]) -> None:
    """The first SMSP read ``HOST`` and ``PORT``, as many platforms set them. Compilers and shells
    export a ``HOST`` of another meaning, so only an address is one."""
    host, port = environ.get("HOST", ""), environ.get("PORT", "")
    if is_address(host) and not reading.is_set("SMSP_HOST"):
        reading.stand_in("SMSP_HOST", "HOST", host)
    if port and not reading.is_set("SMSP_PORT"):
        if is_port(port):
            reading.stand_in("SMSP_PORT", "PORT", port)
        else:
            reading.warn("PORT is ignored: it is no port number")


def _is_on(reading: Reading, flag: str) -> bool:
    """Asked by itself, so that no mistake elsewhere makes the mock's user hear of credentials."""
    try:
        return parse_flag(reading.take(flag) or "false")
    except ValueError:
        return False


def _judge_the_server(reading: Reading) -> None:
    """Also where another mistake leaves no settings: it hides no contradiction."""
    if reading.take("SMSP_SERVER") != "hypercorn":
        return
    for variable in filter(reading.is_set, PORTS_OF_THEIR_OWN):
        reading.refuse(variable, "needs SMSP_SERVER=smsp: hypercorn serves SMSP_PORT alone")
    if _is_on(reading, REUSE_PORT):
        reading.refuse(REUSE_PORT, "needs SMSP_SERVER=smsp: hypercorn's port is not shared")


def _inherited(settings: Settings) -> Mapping[str, object]:
    return {
        "TIMEOUT": settings.call_timeout_s,
        "POLL_INTERVAL": settings.poll_interval_s,
        "poll_interval_max_s": settings.poll_interval_max_s,
        "TRIP": settings.trip,
        "MAX_IN_FLIGHT": settings.max_in_flight,
    }


def _judge_tls(reading: Reading, settings: Settings | None) -> None:
    if settings is None or settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        server_tls(settings.tls_cert, settings.tls_key)
    except TlsFault as fault:
        reading.refuse(fault.variable, fault.message)


def _warn_of_a_short_key(reading: Reading, settings: Settings | None) -> None:
    key = None if settings is None else settings.api_key
    if key is not None and len(key) < KEY_CHARACTERS_MIN:
        reading.warn(f"SMSP_API_KEY has fewer than {KEY_CHARACTERS_MIN} characters: easy to guess")


def _warn_of_one_provider(reading: Reading, providers: tuple[ProviderSettings, ...]) -> None:
    if len(providers) == 1 and providers[0].own is not None:
        reading.warn(f"{providers[0].name} is the only provider: while it fails, no mail is sent")
