"""PURE. Who the messages are for, and sets of them in one byte.

Owns the addresses among whom some get nothing, and how an answer's ``refusedrecipients`` is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from smsp.simulator import INACTIVE

DOMAIN = "example.org"
PARTY = (
    f"bob@{DOMAIN}",
    f"{INACTIVE}+1@{DOMAIN}",
    f"ann@{DOMAIN}",
    f"{INACTIVE.title()}+2@{DOMAIN}",
    f"cyd@{DOMAIN}",
)
"""A provider that judges recipients one by one refuses those that are :data:`INACTIVE`. One is
spelt in a way that such a provider does not repeat."""
OTHERS = 1 << len(PARTY)
"""In a set: somebody else, too, or nobody who could be told."""
UNSAID = 0xFF
"""In a byte: ``None``, for it is not said who."""


def set_of(addresses: Iterable[str]) -> int:
    """These of the party, each as its bit."""
    found = 0
    for address in addresses:
        found |= 1 << PARTY.index(address) if address in PARTY else OTHERS
    return found


def refused_in(told: Mapping) -> int | None:
    """Whom an answer of SMSP's names as refused; ``None`` if it says that nobody knows.

    An answer without a word on it is none of SMSP's, and names somebody else.
    """
    if "refusedrecipients" not in told:
        return OTHERS
    rows: Sequence[Mapping] | None = told["refusedrecipients"]
    return None if rows is None else set_of(row["address"] for row in rows)


def byte_of(people: int | None) -> int:
    """A set, to be written down."""
    return UNSAID if people is None else people


def people_of(byte: int) -> int | None:
    """A set that was written down."""
    return None if byte == UNSAID else byte
