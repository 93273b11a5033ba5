"""What happened when, so that a violation can be seen amid it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Timeline:
    """Moments in their order, and how often each kind of thing was done."""

    began_at: float = field(default_factory=time.time)
    moments: list[tuple[float, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, *, counted: str | None = None) -> None:
        """Something happens now; ``counted`` is its kind, if the report is to count it."""
        self.moments.append((time.time(), what))
        if counted is not None:
            self.counts[counted] += 1

    def between(self, begin: float, end: float) -> list[tuple[float, str]]:
        """What happened from one moment to another."""
        return [(at, what) for at, what in self.moments if begin <= at <= end]
