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


def refuse_not_yet(reading: Reading) -> None:
    """Know each of them; refuse what is set and cannot be honoured."""
    for setting, honoured in NOT_YET.items():
        text = reading.take(PREFIX + setting)
        if text is not None and text != honoured:
            only = f": only {honoured} is" if honoured else ""
            reading.refuse(PREFIX + setting, f"is not supported by this version{only}")
