"""PURE. How many bytes of request bodies are held at once, in all and for each key.

Bytes are counted as they come, not when they are announced: a caller who announces much and sends
nothing takes no room from anybody. Room is never waited for: what cannot grow is refused. It is
given back when nobody has the message any more: after the answer, or when the last call that goes
on without its caller has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID


class ByteBudget:
    """A bound over the bodies of all requests together: ``bytes_max``. Where there are several
    keys, the bodies of one never hold more than half of it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes = 0
        self._held_by: dict[str, int] = {}
        self._kept: dict[UUID, _Kept] = {}

    @contextmanager
    def share(self, owner: str, *, alone: bool) -> Iterator[Share]:
        """Room for one body for the length of a block. ``owner`` is the name of its key;
        ``alone``, whether there is no other key that could want room."""
        share = Share(self, owner, self._bytes_max if alone else self._bytes_max // 2)
        try:
            yield share
        finally:
            self._give_back(owner, share.held_bytes)

    def take(self, owner: str, amount: int, owner_bytes_max: int) -> bool:
        """Hold so many bytes more for an owner; false, and nothing is held, if they do not fit."""
        owner_bytes = self._held_by.get(owner, 0) + amount
        if self._held_bytes + amount > self._bytes_max or owner_bytes > owner_bytes_max:
            return False
        self._held_bytes += amount
        self._held_by[owner] = owner_bytes
        return True

    def keep(self, share: Share, message: UUID, providers: Iterable[str]) -> None:
        """Let a share outlive its block, until each of these providers' calls has ended
        (:meth:`settled`): until then they have the message."""
        self._kept[message] = _Kept(share.owner, share.held_bytes, set(providers))
        share.held_bytes = 0

    def settled(self, message: UUID, provider: str) -> None:
        """A call that outlived its caller's patience has ended."""
        kept = self._kept.get(message)
        if kept is None:
            return
        kept.providers.discard(provider)
        if not kept.providers:
            del self._kept[message]
            self._give_back(kept.owner, kept.held_bytes)

    def _give_back(self, owner: str, amount: int) -> None:
        if amount == 0:
            return
        self._held_bytes -= amount
        left = self._held_by[owner] - amount
        if left:
            self._held_by[owner] = left
        else:
            del self._held_by[owner]


class Share:
    """The room of one body. It only grows; the end of its block gives all of it back, unless it is
    kept."""

    def __init__(self, budget: ByteBudget, owner: str, owner_bytes_max: int) -> None:
        self._budget = budget
        self.owner = owner
        self._owner_bytes_max = owner_bytes_max
        self.held_bytes = 0

    def grow(self, amount: int) -> bool:
        """Make room for so many bytes more; false, and it stays as it is, if there is none."""
        granted = self._budget.take(self.owner, amount, self._owner_bytes_max)
        if granted:
            self.held_bytes += amount
        return granted


@dataclass(frozen=True, slots=True)
class _Kept:
    """The room of a message that these providers still have."""

    owner: str
    held_bytes: int
    providers: set[str]
