"""What becomes of the mail in one outage: when it is, and what each trip rule made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors import TripRule

BEGINS_S, ENDS_S, OVER_S = 90.0, 150.0, 240.0
"""The provider hangs from the first to the second; after the third nobody looks."""


@dataclass
class Story:
    """What one rule made of it. Times are seconds since the beginning."""

    rule: TripRule
    unknown_at: list[float] = field(default_factory=list)
    """When the callers asked who were told that nobody knows."""
    refused_at: list[float] = field(default_factory=list)
    moves: list[tuple[float, str]] = field(default_factory=list)
    """When the circuit opened and closed."""

    @property
    def opened_after_s(self) -> float:
        """From the beginning of the outage to the opening of the circuit."""
        return next(at for at, to in self.moves if to == "open" and at >= BEGINS_S) - BEGINS_S

    @property
    def closed_after_s(self) -> float:
        """From the end of the outage to the closing of the circuit."""
        return next(at for at, to in self.moves if to == "closed" and at >= ENDS_S) - ENDS_S

    @property
    def refused_while_well(self) -> int:
        """Messages that the circuit kept from a provider that would have taken them."""
        return sum(not BEGINS_S <= at < ENDS_S for at in self.refused_at)

    @property
    def open_spells(self) -> list[tuple[float, float]]:
        """From when to when the circuit was open."""
        closings = [at for at, to in self.moves if to == "closed"]
        openings = [at for at, to in self.moves if to == "open"]
        return [
            (opened, next((closed for closed in closings if closed > opened), OVER_S))
            for opened in openings
        ]
