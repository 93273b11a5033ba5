"""What this version knows and cannot do yet.

Owns the names that are promised for later versions. To set one is a mistake that says so, rather
than a wish that nobody hears. A version that learns to honour one deletes its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smsp.settings.environment import PREFIX, Reading

NOT_YET: Mapping[str, str | None] = MappingProxyType(
    {
        "API_KEYS": None,
        "TLS_CERT": None,
        "TLS_KEY": None,
        "TRUSTED_PROXIES": None,
    }
)
"""What comes in later versions, after ``SMSP_``; with the only text that this one can honour."""

NOT_YET_OF_A_PROVIDER: Mapping[str, str | None] = MappingProxyType(
    {
        "PROBE": "auto",
    }
)
"""The same, after ``SMSP_<NAME>_``."""


def refuse_not_yet(
    reading: Reading, prefix: str = PREFIX, settings: Mapping[str, str | None] = NOT_YET
) -> None:
    """Know each of ``settings`` under ``prefix``; refuse what is set and cannot be honoured."""
    for setting, honoured in settings.items():
        text = reading.take(prefix + setting)
        if text is not None and text != honoured:
            only = f": only {honoured} is" if honoured else ""
            reading.refuse(prefix + setting, f"is not supported by this version{only}")
