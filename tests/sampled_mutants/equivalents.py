"""Mutants that somebody has looked at and found to be no fault: nobody outside can tell them from
the product. They stand in ``equivalents.toml``, each with the reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.sampled_mutants.mutants import Mutant

LIST = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True)
class Equivalent:
    """One entry. It is known again by what it changes, wherever in its function that stands."""

    path: str
    function: str
    change: str
    """The lines less and the lines more, as :attr:`Mutant.change` has them."""
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        """Whether the entry means this mutant."""
        return (mutant.path, mutant.function, mutant.change) == (
            self.path,
            self.function,
            self.change.strip(),
        )


def equivalents(path: Path = LIST) -> tuple[Equivalent, ...]:
    """The list."""
    told = tomllib.loads(path.read_text("utf-8"))
    return tuple(Equivalent(**entry) for entry in told.get("equivalent", ()))


def reason(mutant: Mutant, entries: Iterable[Equivalent]) -> str | None:
    """Why it is no fault, if it is on the list."""
    return next((entry.reason for entry in entries if entry.is_of(mutant)), None)
