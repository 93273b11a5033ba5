"""PURE. What SMSP was told: one frozen value, and the declaration of each of its variables.

A field is the whole truth about its variable: name, default, range, unit and meaning; the table in
the README is made from it. Owns what must hold between two variables. Must not know where texts
come from, nor what any setting is used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from actors.trip import FirstFailure
from smsp.mail import Mailbox
from smsp.mail.mailbox import parse_mailbox
from smsp.settings.keys import KeySettings
from smsp.settings.provider_settings import (
    CallTimeout,
    Flag,
    MaxInFlight,
    PollInterval,
    ProviderSettings,
    Trip,
    variables_in,
)
from smsp.settings.values import (
    Network,
    Parsed,
    parse_host,
    parse_networks,
    parse_origins,
    seconds,
    setting,
    whole,
)

MOCK_MODE = "SMSP_MOCK_EMAIL_SERVICE"

_BYTES_MAX = 2**34
# The first SMSP's own typing error, which its users have copied.
_SPELLINGS: Mapping[str, str] = MappingProxyType({"JSON_ONLINE": "JSON_ONELINE"})


class Settings(KeySettings):
    """What SMSP was told, complete and valid. ``_s`` is in seconds, ``_bytes`` in bytes."""

    host: Annotated[str, Parsed(parse_host)] = setting(
        "SMSP_HOST", "127.0.0.1", "address to listen on"
    )
    port: Annotated[int, whole(0, 65535)] = setting(
        "SMSP_PORT", 8080, "port to listen on; `0` for any that is free"
    )
    server: Literal["smsp", "hypercorn"] = setting(
        "SMSP_SERVER",
        "smsp",
        "what has callers' connections: `smsp`; `hypercorn`, with HTTP/2 and without "
        "bounds on how many there are and what is held of their heads",
    )
    mock: Flag = setting(
        MOCK_MODE, False, "one provider in the process, `mock`, that sends nothing"
    )
    poll_message_address: Annotated[Mailbox, Parsed(parse_mailbox)] | None = setting(
        "SMSP_POLL_MESSAGE_ADDRESS",
        None,
        "From and To of the dummy message that polls an open circuit; "
        f"required unless `{MOCK_MODE}=true`",
    )
    call_timeout_s: CallTimeout = setting(
        "SMSP_CALL_TIMEOUT",
        2.0,
        "time-out of a call, for each of: connect and TLS; "
        "no progress while writing; from the last byte written to the answer",
    )
    poll_interval_s: PollInterval = setting(
        "SMSP_POLL_INTERVAL",
        5.0,
        "from the opening of a circuit to its first probe; then doubled with jitter",
    )
    poll_interval_max_s: PollInterval = setting(
        "SMSP_POLL_INTERVAL_MAX", 60.0, "longest time between two probes while they fail"
    )
    trip: Trip = setting(
        "SMSP_TRIP",
        FirstFailure(),
        "when a circuit opens: `first-failure`; `consecutive:5` in a row; "
        "`rate:50%/20` of the last 20 calls; `rate:50%/30s` of the calls of the last 30 s; "
        "`slow:80%>1s/20` of the last 20 calls",
    )
    failover: Literal["open", "safe", "any"] = setting(
        "SMSP_FAILOVER",
        "safe",
        "when the next provider may be tried: `open`, only past a circuit that "
        "refuses; `safe`, also when it is proven that nothing was sent; `any`, also when that is "
        "not known, which may send twice",
    )
    routing: Literal["priority", "weighted"] = setting(
        "SMSP_ROUTING",
        "priority",
        "which provider is tried first: `priority`, in the order of `SMSP_PROVIDERS`; "
        "`weighted`, by chance, with the share `SMSP_<NAME>_WEIGHT`",
    )
    max_in_flight: MaxInFlight = setting(
        "SMSP_MAX_IN_FLIGHT",
        256,
        "calls to one provider that are not over; beyond it the circuit refuses",
    )
    settle_timeout_s: Annotated[float, seconds(0, 300)] = setting(
        "SMSP_SETTLE_TIMEOUT",
        30.0,
        "how long a call that was too slow for its caller may still find its outcome",
    )
    idempotency_keys: Annotated[int, whole(2, 10_000_000, "keys")] = setting(
        "SMSP_IDEMPOTENCY_KEYS",
        100_000,
        "how many `Idempotency-Key`s are remembered, half of them for one API key",
    )
    max_body_bytes: Annotated[int, whole(1024, _BYTES_MAX, "bytes")] = setting(
        "SMSP_MAX_BODY_BYTES", 25 * 2**20, "largest request"
    )
    max_buffered_bytes: Annotated[int, whole(1024, _BYTES_MAX, "bytes")] = setting(
        "SMSP_MAX_BUFFERED_BYTES",
        256 * 2**20,
        "the bodies of all requests held at once, counted as they come; one that "
        "cannot grow is answered 503 `busy`. With several keys one holds at most half of it",
    )
    drain_timeout_s: Annotated[float, seconds(0, 3600)] = setting(
        "SMSP_DRAIN_TIMEOUT", 10.0, "how long SIGTERM waits for callers to be answered"
    )
    drain_delay_s: Annotated[float, seconds(0, 600)] = setting(
        "SMSP_DRAIN_DELAY",
        0.0,
        "how long after SIGTERM connections are still taken, for a load balancer",
    )
    log_format: Annotated[
        Literal["JSON_ONELINE", "JSON_PRETTY", "DEBUG"],
        BeforeValidator(lambda text: _SPELLINGS.get(text, text)),
    ] = setting(
        "SMSP_LOG_OUTPUT_FORMAT",
        "DEBUG",
        "`JSON_ONELINE` (or `JSON_ONLINE`), `JSON_PRETTY`, or `DEBUG` for people",
    )
    log_debug: Flag = setting("SMSP_LOG_OUTPUT_DEBUG", False, "log events of level debug, too")
    log_addresses: Flag = setting(
        "SMSP_LOG_ADDRESSES", False, "log recipients whole; else masked, `a***@b.c`"
    )
    cors_origins: Annotated[tuple[str, ...], Parsed(parse_origins)] = setting(
        "SMSP_CORS_ORIGINS", ("*",), "web origins whose pages may send: `*`, or a comma list"
    )
    trusted_proxies: Annotated[tuple[Network, ...], Parsed(parse_networks)] = setting(
        "SMSP_TRUSTED_PROXIES",
        (),
        "proxies whose `X-Forwarded-For` is believed, where wrong keys are counted by "
        "address: a comma list of addresses and networks",
    )
    tls_cert: str | None = setting(
        "SMSP_TLS_CERT",
        None,
        "serve HTTPS (TLS 1.2 or newer): the file with the certificate and those that "
        "lead from it to a root, as PEM",
    )
    tls_key: str | None = setting(
        "SMSP_TLS_KEY",
        None,
        "the file with the certificate's private key, as PEM and not encrypted",
    )
    providers: tuple[ProviderSettings, ...] = ()
    """In routing order; never empty in what :func:`load` returns."""
    warnings: tuple[str, ...] = ()
    """What is no mistake, but should be logged at the start."""

    @field_validator("poll_message_address")
    @classmethod
    def _there_is_something_to_poll_with(
        cls, address: Mailbox | None, info: ValidationInfo
    ) -> Mailbox | None:
        if address is None and not info.data.get("mock", True):
            raise ValueError(f"is required unless {MOCK_MODE}=true")
        return address

    @field_validator("poll_interval_max_s")
    @classmethod
    def _not_below_the_first(cls, highest_s: float, info: ValidationInfo) -> float:
        if highest_s < info.data.get("poll_interval_s", highest_s):
            raise ValueError("must not be below SMSP_POLL_INTERVAL")
        return highest_s

    @field_validator("max_buffered_bytes")
    @classmethod
    def _room_for_one(cls, buffered_bytes: int, info: ValidationInfo) -> int:
        body_bytes: int = info.data.get("max_body_bytes", 0)
        if buffered_bytes < body_bytes:
            raise ValueError("must not be below SMSP_MAX_BODY_BYTES")
        names = {key.name for key in info.data.get("api_keys", ())}
        several = len(names) + (info.data.get("api_key") is not None) > 1
        if several and buffered_bytes < 2 * body_bytes:
            raise ValueError(
                "must not be below twice SMSP_MAX_BODY_BYTES: with several keys one holds at most "
                "half of it"
            )
        return buffered_bytes

    @field_validator("tls_key")
    @classmethod
    def _both_or_neither(cls, key: str | None, info: ValidationInfo) -> str | None:
        if (key is None) is not (info.data.get("tls_cert") is None):
            raise ValueError("and SMSP_TLS_CERT are set together or not at all")
        return key


REUSE_PORT = "SMSP_REUSE_PORT"
PORTS_OF_THEIR_OWN = ("SMSP_ADMIN_PORT", "SMSP_DOOR_SMTP_PORT", "SMSP_DOOR_SMTPS_PORT")
"""What contradicts ``SMSP_SERVER=hypercorn``, which has one port and shares it with nobody; a
mistake of that kind, whether or not this version has the variable."""

OWN: Mapping[str, FieldInfo] = variables_in(Settings)
"""SMSP's own variables, whole names, in the order in which people should read of them."""

FILES = frozenset({"SMSP_TLS_CERT", "SMSP_TLS_KEY"})
"""Those of them that name a file themselves."""

KEYS = tuple(variables_in(KeySettings))
"""Those of them that are read again when a key is changed."""


def variable_of(field_or_variable: str) -> str:
    """The variable of a field. pydantic names a field where a default is at fault."""
    field = Settings.model_fields.get(field_or_variable)
    return field_or_variable if field is None else str(field.validation_alias)
