"""PURE. The types of the settings that several adapters have.

Owns what makes a credential or a domain fit for a request. Its messages never hold a value.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, SecretStr

ADAPTER_CONFIG = ConfigDict(hide_input_in_errors=True)
"""For every adapter's dataclass: pydantic must not quote a refused secret."""


def _fit_for_a_header(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be one or more printable ASCII characters without a space")
    return secret


def _ascii_domain(value: str) -> str:
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    if len(value) > 253 or not re.fullmatch(rf"{label}(?:\.{label})+", value.lower()):
        raise ValueError("must be a domain name in its ASCII form, like mg.example.com")
    return value.lower()


ApiKey = Annotated[SecretStr, AfterValidator(_fit_for_a_header)]
"""A key that travels in a request header (RFC 9110 §5.5)."""

Domain = Annotated[str, AfterValidator(_ascii_domain)]
"""A domain name as it is in the DNS; an international one in its ``xn--`` form (RFC 5890)."""
