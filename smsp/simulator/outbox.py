"""What the simulated providers really took: the truth that an audit compares SMSP with.

Owns the accepted messages: exact counts, how often each SMSP id was taken, and the last few
messages whole. It is shared by all providers of one simulation. Its methods never await, so
each is atomic under trio. Must not know HTTP.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smsp.simulator.journal import Entry, Journal
from smsp.simulator.wire import Submission

IDS_MAX = 1_000_000
ENTRIES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was taken. Exact however much was forgotten of it.

    ``accepted`` and ``tested`` are by provider: real mail, and probes that were checked and let
    go. ``ids`` is the number of different SMSP ids remembered, ``duplicated`` how many of them
    were taken more than once, ``forgotten`` how many made room for later ones.
    """

    accepted: Mapping[str, int]
    tested: Mapping[str, int]
    ids: int
    duplicated: int
    forgotten: int


class Outbox:
    """Messages that were taken, newest last; with a journal, those that are in it first."""

    def __init__(
        self,
        *,
        ids_max: int = IDS_MAX,
        entries_max: int = ENTRIES_MAX,
        journal: Journal | None = None,
    ) -> None:
        self._ids_max = ids_max
        self._entries: deque[Entry] = deque(maxlen=entries_max)
        self._last_number = 0
        self._journal = journal
        self.clear()
        for entry in () if journal is None else journal.entries():
            self._last_number = entry.number
            self._keep(entry)

    def take(self, provider: str, submission: Submission) -> int:
        """Record one message and return its number. A test is numbered, and not recorded."""
        self._last_number += 1
        if submission.test:
            self._tested[provider] += 1
            return self._last_number
        entry = Entry(
            self._last_number,
            provider,
            submission.smsp_id,
            submission.recipients,
            submission.subject,
            submission.refused,
        )
        if self._journal is not None:
            self._journal.append(entry)
        self._keep(entry)
        return self._last_number

    def taken(self, smsp_id: str) -> int:
        """How often the message with this id was taken: 0, 1, or the number of duplicates."""
        return self._taken.get(smsp_id, 0)

    @property
    def taken_by_id(self) -> dict[str, int]:
        """A copy of all remembered counts, oldest first."""
        return dict(self._taken)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The last messages whole, oldest first."""
        return tuple(self._entries)

    @property
    def tally(self) -> Tally:
        """The counts so far."""
        return Tally(
            accepted=MappingProxyType(dict(self._accepted)),
            tested=MappingProxyType(dict(self._tested)),
            ids=len(self._taken),
            duplicated=self._duplicated,
            forgotten=self._forgotten,
        )

    def clear(self) -> None:
        """Forget everything but the number reached, so that message ids stay unique.

        What is in a journal stays in it.
        """
        self._entries.clear()
        self._accepted: Counter[str] = Counter()
        self._tested: Counter[str] = Counter()
        # Ordered, since a plain dict pays for every key ever removed from its front.
        self._taken: OrderedDict[str, int] = OrderedDict()
        self._duplicated = 0
        self._forgotten = 0

    def _keep(self, entry: Entry) -> None:
        self._accepted[entry.provider] += 1
        self._entries.append(entry)
        if entry.smsp_id is not None:
            self._count(entry.smsp_id)

    def _count(self, smsp_id: str) -> None:
        times = self._taken.get(smsp_id, 0) + 1
        self._taken[smsp_id] = times
        self._duplicated += times == 2
        if len(self._taken) > self._ids_max:
            _, times_forgotten = self._taken.popitem(last=False)
            self._duplicated -= times_forgotten > 1
            self._forgotten += 1
