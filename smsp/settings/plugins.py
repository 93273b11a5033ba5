"""What an operator hears of kinds that installed packages bring, and that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from smsp.providers.plugins import Found
from smsp.settings.accounts import KIND, PROVIDERS, prefix_of
from smsp.settings.environment import Reading


def tell_of_plugins(reading: Reading, found: Found) -> None:
    """Refuse a word that is taken, and a broken kind that is asked for; of others only warn.

    Before the accounts are read: of two mistakes in one variable the first is told.
    """
    for failed in found.clashing:
        reading.refuse(PROVIDERS, f"cannot have a second kind {failed.problem}")
    for failed in found.broken:
        asking = tuple(_variables_that_ask_for(failed.kind, reading))
        for variable in asking:
            reading.refuse(variable, f"cannot be {failed.problem}")
        if not asking:
            reading.warn(f"no provider can be {failed.problem}")


def _variables_that_ask_for(kind: str, reading: Reading) -> Iterator[str]:
    for name in map(str.strip, (reading.take(PROVIDERS) or "").split(",")):
        variable = prefix_of(name) + KIND
        if (reading.take(variable) or name) == kind:
            yield variable
