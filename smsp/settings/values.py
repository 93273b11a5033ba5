"""PURE. From the text of a variable to its value, and back to text.

Owns the syntax of every kind of setting. Each parser raises :class:`ValueError` with words that
follow a variable's name ("must be ..."), and never repeats the text it was given: that text may
be a secret in the wrong place. Knows no variable by name, no environment and no provider.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ConfigDict, Field, SecretStr
from pydantic_core import CoreSchema, core_schema

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

T = TypeVar("T")

MASKED = "**********"

MODEL = ConfigDict(
    frozen=True,
    extra="forbid",
    hide_input_in_errors=True,
    arbitrary_types_allowed=True,
    validate_by_name=True,
    validate_default=True,
)
"""For every model of settings: pydantic must not quote what was refused, and a default is judged
beside the others' values as if it had been written."""

_TRUE = frozenset({"true", "t", "1", "yes", "on"})
_FALSE = frozenset({"false", "f", "0", "no", "off"})
_WHOLE = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?|\.[0-9]{1,15}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Annotates a field whose text is read by ``parse``; a value that is no text is left alone.

    For people: ``unit`` is the unit of the field's number (``s``, ``bytes``, ``calls``), and
    ``span`` between what it may be.
    """

    parse: Callable[[str], object]
    unit: str = ""
    span: str = ""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._value)

    def _value(self, given: object) -> object:
        return self.parse(given) if isinstance(given, str) else given


def setting(variable: str, default: T, meaning: str) -> T:
    """The field of a variable that may be left out, with what it means in an operator's words."""
    return Field(default, validation_alias=variable, description=meaning)


def seconds(lowest: float, highest: float) -> Parsed:
    """A decimal number of seconds from ``lowest`` to ``highest``, both included."""

    span = f"{lowest:g} to {highest:g}"

    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not lowest <= float(text) <= highest:
            raise ValueError(f"must be a number of seconds from {span}")
        return float(text)

    return Parsed(parse, "s", span)


def whole(lowest: int, highest: int, unit: str = "") -> Parsed:
    """A whole number of ``unit`` from ``lowest`` to ``highest``, both included."""
    what = f"a whole number of {unit}" if unit else "a whole number"
    span = f"{lowest} to {highest}"

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be {what} from {span}")
        return int(text)

    return Parsed(parse, unit, span)


def parse_flag(text: str) -> bool:
    """Yes or no, in the spellings that container tools produce, and Go's ``strconv.ParseBool``."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("must be true or false")


def parse_host(text: str) -> str:
    """A name or an IP address to listen on; an IPv6 address with or without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not _HOST.fullmatch(bare) and _ip(bare) is None:
        raise ValueError("must be a host name or an IP address")
    return bare


def is_address(text: str) -> bool:
    """Whether this is something to listen on whatever names mean here: an IP address, or
    ``localhost``."""
    return text == "localhost" or _ip(text) is not None


def is_port(text: str) -> bool:
    """Whether this is a TCP port's number; 0 for any that is free."""
    return _WHOLE.fullmatch(text) is not None and int(text) <= 65535


def parse_key(text: str) -> SecretStr:
    """A key that can travel in a header: visible ASCII without spaces (RFC 9110 §5.5)."""
    if not travels_in_a_header(text):
        raise ValueError("must be visible ASCII characters without spaces")
    return SecretStr(text)


def travels_in_a_header(text: str) -> bool:
    """Whether ``text`` is visible ASCII without spaces, and not empty."""
    return bool(text) and all("!" <= character <= "~" for character in text)


def parse_origins(text: str) -> tuple[str, ...]:
    """``*`` for any web page, or a comma list of origins (RFC 6454): ``https://example.org``."""
    origins = tuple(part.strip() for part in text.split(","))
    if origins != ("*",) and not all(_origin(origin) for origin in origins):
        raise ValueError("must be * or a comma list of origins such as https://example.org")
    return origins


def parse_networks(text: str) -> tuple[Network, ...]:
    """A comma list of IP addresses and networks; an address is the network of it alone."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError(
            "must be a comma list of addresses and networks such as 10.0.0.0/8, without host bits"
        ) from None


def parse_base_url(text: str) -> str:
    """Scheme, host and perhaps port of a server; the paths of its API are its adapter's."""
    base = text.removesuffix("/")
    if _origin(base) is None:
        raise ValueError(
            "must be https://host or https://host:port and nothing more: "
            "no path, query, fragment or user name"
        )
    return base


def is_plaintext_abroad(base_url: str) -> bool:
    """Whether what is sent to ``base_url`` leaves this machine unencrypted."""
    found = _origin(base_url)
    return found is not None and found["scheme"] == "http" and not is_loopback(found["host"])


def spelled(value: object) -> str:
    """The text that an operator would write for ``value``; a secret is masked."""
    match value:
        case None:
            return ""
        case SecretStr():
            return MASKED
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(spelled(part) for part in value)
        case _:
            return str(value)


def _origin(text: str) -> re.Match[str] | None:
    found = _ORIGIN.fullmatch(text)
    if found is None or not 1 <= int(found["port"] or 1) <= 65535:
        return None
    bracketed = found["host"].startswith("[")
    return None if bracketed and _ip(found["host"][1:-1]) is None else found


def is_reserved(domain: str) -> bool:
    """Whether nobody can have ``domain``: it is set aside for examples and tests (RFC 2606)."""
    *_, name, top = ("", "", *domain.lower().rstrip(".").split("."))
    tops = ("test", "example", "invalid", "localhost")
    return top in tops or (name == "example" and top in ("com", "net", "org"))


def is_loopback(host: str) -> bool:
    """Whether what is sent to ``host`` stays on this machine, whatever a resolver says.

    A name that only looks like this machine's, or an address as only some programs read it
    (``127.1``), is somebody else's.
    """
    address = _ip(host.strip("[]"))
    if address is None:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback  # Python looks into a mapped one since 3.13 only.


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def parse_domains(text: str) -> tuple[str, ...]:
    """A comma list of domains, in lower case and in their ASCII form."""
    domains = tuple(part.strip().lower() for part in text.split(","))
    if not all(_DOMAIN.fullmatch(domain) for domain in domains):
        raise ValueError("must be a comma list of domain names, like example.com,example.org")
    return domains
