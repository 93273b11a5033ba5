"""What is known of each message: which keys are taken, how each message ended, what came late.

Theory of operation. One object with synchronous methods and no await, so each is atomic under trio.
In memory, of this node only. It decides nothing about sending; it says whether a key is free.

::

    begin ──▶ in progress ──end──▶ settling ──settle──▶ over ──▶ forgotten
                    │                 │                   ▲   (24 h, or the oldest when full)
                    └──end────────────┼───────────────────┘
                                      └ a late outcome replaces ``unknown``

Who may change what: the handler of a message calls ``begin`` and then, whatever happens, ``end``;
circuits report calls that outlived their caller, which is ``settle``. Each call of the three makes
a new record, so whoever holds one holds what was true.

What can go wrong, and why it is in this order:

- A key is taken before anything is sent, and given back only by its outcome. Two requests with one
  key are never both begun, and one whose handler failed half-way leaves ``unknown``, no free key.
- A late outcome may overtake the ``end`` of its own message, since circuits report by themselves.
  It is kept in ``late`` from the start, and ``end`` asks who has settled already: otherwise the
  record would wait for ever for what has come.
- ``not_sent`` frees its key at once: nothing was sent, so a repetition is a real try. The record
  stays for those who ask by id. The key may have gone to a later message by then, so it is freed
  only by the record that it points to.
- Memory is bounded, but what is not over is never forgotten: its repetition would be sent twice.
  With nothing else to forget, a new key is refused. One API key has half of the room at most, or
  one caller could make all others' keys be forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from uuid import UUID

from actors import Answered, Notice, Settled, Unanswered
from smsp.mail import Submission
from smsp.mail.dispatched import Dispatched
from smsp.mail.outcome import Outcome

KEPT_S = 24 * 3600.0
"""Seconds for which a finished key is kept."""
UNKEYED_MAX, UNKEYED_S = 10_000, 3600.0
"""How many messages without a key are kept, and for how many seconds."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The key is the caller's: go on."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The same message was sent before with this key: this is what became of it."""

    record: Record


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for another message."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The same message with this key is being sent at this moment."""


@dataclass(frozen=True, slots=True)
class Full:
    """Every key that may be kept belongs to a message that is not over."""


Taken = Replay | Mismatch | InProgress | Full
Beginning = Begun | Taken


@dataclass(frozen=True, slots=True)
class Claim:
    """A message about to be sent. ``owner`` is the name of the API key, ``fingerprint`` a digest
    of the parsed message, ``key`` the caller's ``Idempotency-Key``, if there is one."""

    id: UUID
    owner: str
    fingerprint: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one message.

    ``done`` is None while it is in progress. ``settling`` names the providers whose calls go on
    after their caller was answered; ``late`` are the outcomes of those that have ended since.
    """

    claim: Claim
    at: float
    done: Dispatched | None = None
    settling: frozenset[str] = frozenset()
    late: tuple[tuple[str, Outcome | None], ...] = ()

    @property
    def answer(self) -> Dispatched | None:
        """What became of it, as far as is known now; None while it is in progress."""
        late = {provider: outcome for provider, outcome in self.late if outcome is not None}
        return self.done.with_late(late) if self.done is not None and late else self.done

    @property
    def over(self) -> bool:
        """Whether nothing more can be learned about it."""
        return self.done is not None and not self.settling


class Ledger:
    """Every message of this node that is in progress or not yet forgotten.

    ``keys_max`` bounds the keys in all; half of them may belong to one API key. A key in
    progress or settling is never forgotten: with nothing else to forget, a new one is refused.
    """

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max
        self._records: dict[UUID, Record] = {}
        self._ids: dict[tuple[str, str], UUID] = {}
        self._over: OrderedDict[UUID, None] = OrderedDict()
        self._unkeyed: OrderedDict[UUID, None] = OrderedDict()
        self._owners: dict[str, _Owner] = {}
        self.forgotten = 0
        """How many finished keys had to go before their time, to make room."""

    @property
    def keys(self) -> int:
        """How many keys are held."""
        return len(self._ids)

    def holds(self, owner: str, key: str | None) -> bool:
        """Whether something is known of this owner's key, so that asking again sends nothing."""
        return key is not None and (owner, key) in self._ids

    def begin(self, claim: Claim, now: float) -> Beginning:
        """Claim a key, or learn that it is taken. ``Begun`` must be followed by ``end``."""
        self._expire(now)
        if claim.key is not None:
            taken = self._ids.get((claim.owner, claim.key))
            if taken is not None:
                return _taken(self._records[taken], claim)
            if not self._make_room(claim.owner):
                return Full()
            self._ids[claim.owner, claim.key] = claim.id
            self._owners.setdefault(claim.owner, _Owner()).keys += 1
        self._records[claim.id] = Record(claim, now)
        return Begun()

    def end(self, message: UUID, done: Dispatched, now: float) -> Record:
        """The message has its answer. A late outcome that overtook it is taken into account."""
        record = self._records[message]
        arrived = {provider for provider, _ in record.late}
        record = replace(record, done=done, at=now, settling=done.unsettled - arrived)
        self._records[message] = record
        self._shelve(record)
        return record

    def settle(self, message: UUID, provider: str, outcome: Outcome | None, now: float) -> None:
        """A call that outlived its caller's patience has ended; None if nobody will ever know."""
        record = self._records.get(message)
        if record is None:
            return
        record = replace(
            record,
            settling=record.settling - {provider},
            late=(*record.late, (provider, outcome)),
        )
        self._records[message] = record
        self._shelve(record)

    def observe(self, notice: Notice[Submission, Outcome], now: float) -> None:
        """Learn from what a circuit reports; only late ends matter here."""
        if isinstance(notice, Settled):
            match notice.reply:
                case Answered(answer=outcome):
                    self.settle(notice.question.id, notice.circuit, outcome, now)
                case Unanswered():
                    self.settle(notice.question.id, notice.circuit, None, now)

    def find(self, message: UUID, owner: str, now: float) -> Record | None:
        """What is known of a message, for the API key that sent it and nobody else."""
        self._expire(now)
        record = self._records.get(message)
        return record if record is not None and record.claim.owner == owner else None

    def _shelve(self, record: Record) -> None:
        """Put a finished record where it is forgotten from: with a key, or without one."""
        message, claim = record.claim.id, record.claim
        if record.answer is not None and record.answer.outcome == "not_sent":
            self._free(claim)
        if not record.over:
            return
        if claim.key is None or self._ids.get((claim.owner, claim.key)) != message:
            self._unkeyed[message] = None
            if len(self._unkeyed) > UNKEYED_MAX:
                self._forget(next(iter(self._unkeyed)))
        else:
            self._over[message] = None
            self._owners[claim.owner].over[message] = None

    def _make_room(self, owner: str) -> bool:
        mine = self._owners.setdefault(owner, _Owner())
        if mine.keys >= max(1, self._keys_max // 2) and not self._give_up(mine.over):
            return False
        return len(self._ids) < self._keys_max or self._give_up(self._over)

    def _give_up(self, shelf: OrderedDict[UUID, None]) -> bool:
        if not shelf:
            return False
        self.forgotten += 1
        self._forget(next(iter(shelf)))
        return True

    def _expire(self, now: float) -> None:
        for shelf, kept_s in ((self._over, KEPT_S), (self._unkeyed, UNKEYED_S)):
            while shelf:
                oldest = next(iter(shelf))
                if now - self._records[oldest].at <= kept_s:
                    break
                self._forget(oldest)

    def _forget(self, message: UUID) -> None:
        claim = self._records.pop(message).claim
        self._over.pop(message, None)
        self._unkeyed.pop(message, None)
        self._free(claim)

    def _free(self, claim: Claim) -> None:
        if claim.key is None or self._ids.get((claim.owner, claim.key)) != claim.id:
            return
        del self._ids[claim.owner, claim.key]
        owner = self._owners[claim.owner]
        owner.keys -= 1
        owner.over.pop(claim.id, None)


class _Owner:
    """One API key's share of the ledger."""

    def __init__(self) -> None:
        self.keys = 0
        self.over: OrderedDict[UUID, None] = OrderedDict()


def _taken(record: Record, claim: Claim) -> Beginning:
    if record.claim.fingerprint != claim.fingerprint:
        return Mismatch()
    return InProgress() if record.done is None else Replay(record)
