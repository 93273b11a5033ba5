"""Faults that meet any message by chance, whoever it is for.

Owns the share of messages that each fault meets, and the draw. Beside the recipients, who choose
a fault for one message, this is weather: it comes, meets mail and probes alike, and goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

from smsp.simulator.faults import SimulatedFault, fault_named


class FaultMix:
    """A share for each fault, none at first. Its draws are ``random``'s alone."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.set({})

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of messages, from 0 to 1, that each fault meets."""
        return self._shares

    def set(self, shares: Mapping[str, float]) -> None:
        """Replace all of them. :exc:`ValueError` says which name or share cannot be."""
        faults: dict[str, SimulatedFault] = {}
        for name, share in shares.items():
            fault = fault_named(name)
            if fault is None:
                raise ValueError(f"There is no fault {name!r}.")
            if not 0 <= share <= 1:
                raise ValueError(f"The share of {name!r} is not from 0 to 1.")
            faults[name] = fault
        if sum(shares.values()) > 1:
            raise ValueError("The shares are more than 1 in all.")
        self._faults = faults
        self._shares: Mapping[str, float] = MappingProxyType(dict(shares))

    def draw(self) -> SimulatedFault | None:
        """The fault that meets the next message, if any does."""
        if not self._shares:
            return None
        left = self._random.random()
        for name, share in self._shares.items():
            left -= share
            if left < 0:
                return self._faults[name]
        return None
