"""PURE. One send, step by step: claim it, ask a circuit, go on or stop, settle, answer.

The only place that decides whether a message may be tried elsewhere, and what is remembered of it.
It does nothing itself: each method takes what has come and returns what is to be done next, and
whoever drives it does that and comes back with the result. Time, chance and the circuits' snapshots
are arguments, so that every driver (one that awaits, one over a ledger on a network, one that does
it all in one go) follows the same rules.

Theory of operation
===================

::

    NEW ──begin──▶ CLAIMING ──on_claimed──▶ ASKING ──on_reply──▶ SETTLING ──on_settled──▶ OVER
                      │                     │ ▲ │                    ▲
                      │                     └─┘ └──────on_crash──────┤
                      ├─── no provider can carry the message ────────┘
                      └─── the key is taken ────────────────────────────────────────────▶ OVER

=========  =====  ==============  ==============  ========  ==========
state      begin  on_claimed      on_reply        on_crash  on_settled
=========  =====  ==============  ==============  ========  ==========
NEW        Claim
CLAIMING          AskCircuit [1]
                  Settle     [2]
                  Answer     [3]
ASKING                            AskCircuit [4]  Settle
                                  Settle     [5]
SETTLING                                                    Answer
OVER
=========  =====  ==============  ==============  ========  ==========

1. The claim is granted: the first provider of the route is asked.
2. It is granted, and no provider can carry the message: ``rejected``, and nobody was asked.
3. It is not: a replay, another message with this key, the same one in progress, or no room.
4. The result allows another try, a provider is left, and the caller still waits.
5. Else. Here it is decided what the attempts add up to.

A blank is a bug of the driver's, and raises :class:`InvalidStep`.

*Why this order.* Nothing is asked before the ledger has granted the claim, or two requests with one
key would both send. Nothing is answered before the ledger has settled, or a repetition could find a
key in progress whose message is over. The route is drawn when the claim is granted and not before:
a replay takes nothing from the chance that orders others.

*What the driver must do.* From the claim to the end of settling it must not be cancelled: a send
that has begun is never forgotten half-way, whoever hangs up. If anything raises while a circuit is
asked, it calls :meth:`~SendSteps.on_crash`, carries out the :class:`Settle` and lets the exception
go on: no path leaves a key in progress. What the caller's key is given back, and whose body is to
be held for longer, stands in the :class:`Answer`, and is to be done before anything is awaited.

*What can go wrong.* A provider that may have taken the message is never followed by another one
(unless failover is ``any``). A circuit is asked once at most. The caller's patience goes on while
the loop stands still and its clock with it, so time that was lost since the claim counts against
the deadline before a second circuit is asked; before the first one it does not, since a send that
has been claimed is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from types import MappingProxyType

from actors import Reply, Snapshot
from smsp.mail import Mail, Submission
from smsp.mail.dispatched import (
    RETRY_AFTER_S_MAX,
    RETRY_AFTER_S_MIN,
    Attempt,
    Dispatched,
    Route,
    combine,
)
from smsp.mail.outcome import Blame, Outcome, OutcomeWord, Reason, Unknown
from smsp.sending.circuit_outcomes import goes_on, result_of
from smsp.sending.ledger import Beginning, Begun, Claim, Record, Replay, Taken
from smsp.sending.routing import Failover, may_go_on

HOLD_WITHOUT_END_S = 60
"""What a caller is told to wait for a circuit that only an operator can release, in seconds."""


class SendState(StrEnum):
    """Where a send can be."""

    NEW = "new"
    CLAIMING = "claiming"
    ASKING = "asking"
    SETTLING = "settling"
    OVER = "over"


class SendEvent(StrEnum):
    """What can move a send: the names of the methods."""

    BEGIN = "begin"
    CLAIMED = "on_claimed"
    REPLIED = "on_reply"
    CRASHED = "on_crash"
    SETTLED = "on_settled"


MOVES: Mapping[tuple[SendState, SendEvent], frozenset[SendState]] = MappingProxyType(
    {
        (SendState.NEW, SendEvent.BEGIN): frozenset({SendState.CLAIMING}),
        (SendState.CLAIMING, SendEvent.CLAIMED): frozenset(
            {SendState.ASKING, SendState.SETTLING, SendState.OVER}
        ),
        (SendState.ASKING, SendEvent.REPLIED): frozenset({SendState.ASKING, SendState.SETTLING}),
        (SendState.ASKING, SendEvent.CRASHED): frozenset({SendState.SETTLING}),
        (SendState.SETTLING, SendEvent.SETTLED): frozenset({SendState.OVER}),
    }
)
"""The machine: where each event may lead from each state. A pair that is not here is a bug, and
raises; where a pair may lead to several states, the method decides."""


class InvalidStep(Exception):
    """A move that is not in the table."""


@dataclass(frozen=True, slots=True)
class AskCircuit:
    """Put the message to this provider's circuit, which replies by ``deadline`` (on the clock of
    ``now``, in seconds)."""

    provider: str
    submission: Submission
    deadline: float


@dataclass(frozen=True, slots=True)
class Settle:
    """Have the ledger remember what became of the message."""

    done: Dispatched


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told: what became of its message, or why it was not begun.

    ``settling`` are the providers whose calls go on and which have the message until they end.
    """

    result: Dispatched | Taken
    settling: frozenset[str] = field(default=frozenset())

    @property
    def refunds(self) -> bool:
        """Whether the key's rate gets back what this request took from it: nothing was sent."""
        return isinstance(self.result, Replay)


class SendSteps:
    """One send. ``fingerprint`` is the digest of the message that a key is compared by, and
    ``deadline`` the moment at which its caller's patience ends."""

    def __init__(
        self, submission: Submission, fingerprint: bytes, *, deadline: float, failover: Failover
    ) -> None:
        self.state = SendState.NEW
        self._submission = submission
        self._fingerprint = fingerprint
        self._deadline = deadline
        self._failover = failover
        self._route = Route((), ())
        self._attempts: tuple[Attempt, ...] = ()
        self._unsettled: frozenset[str] = frozenset()
        self._asked_at = 0.0
        self._lost_before_s = 0.0

    def begin(self) -> Claim:
        """The claim to make at the ledger."""
        self._expect(SendEvent.BEGIN)
        self.state = SendState.CLAIMING
        one = self._submission
        return Claim(one.id, one.owner, self._fingerprint, one.idempotency_key)

    def on_claimed(
        self, beginning: Beginning, *, route: Callable[[Mail], Route], now: float, lost_s: float
    ) -> AskCircuit | Settle | Answer:
        """The ledger has said whether the claim is granted.

        ``route`` draws the message's way, and is called only if it is; ``lost_s`` is how long the
        loop has ever stood still, in seconds.
        """
        self._expect(SendEvent.CLAIMED)
        if not isinstance(beginning, Begun):
            self.state = SendState.OVER
            return Answer(beginning)
        # From here on a crash is settled: also one of the drawing itself.
        self.state = SendState.ASKING
        self._lost_before_s = lost_s
        self._route = route(self._submission.mail)
        if not self._route.names:
            self.state = SendState.SETTLING
            return self._settle("rejected")
        return self._ask(now)

    def on_reply(
        self,
        reply: Reply[Outcome],
        *,
        now: float,
        lost_s: float,
        snapshots: Callable[[], Mapping[str, Snapshot]],
    ) -> AskCircuit | Settle:
        """The circuit that was asked has replied. ``snapshots`` shows the circuits by provider; it
        is called only if the caller has to be told when to come again."""
        self._expect(SendEvent.REPLIED)
        provider, result = self._asked, result_of(reply)
        if goes_on(reply):
            self._unsettled |= {provider}
        attempts = (*self._attempts, Attempt(provider, result, now - self._asked_at))
        names = self._route.names
        all_tried = len(attempts) == len(names)
        in_time = now + lost_s - self._lost_before_s < self._deadline
        if not all_tried and in_time and may_go_on(result, self._failover):
            self._attempts = attempts
            return self._ask(now)
        outcome, wait_s = combine(attempts, all_tried=all_tried), None
        if outcome == "not_sent":
            shown = snapshots()
            wait_s = retry_after_s([shown[name] for name in names], now)
        # Last, so that a bug above still finds a circuit that is asked, and is settled as a crash.
        self.state, self._attempts = SendState.SETTLING, attempts
        return self._settle(outcome, wait_s)

    def on_crash(self, now: float) -> Settle:
        """Something raised while a circuit was asked: nobody knows what it did."""
        self._expect(SendEvent.CRASHED)
        self.state = SendState.SETTLING
        if self._route.names:
            crashed = Unknown(Reason.CRASHED, Blame.NOBODY)
            attempt = Attempt(self._asked, crashed, now - self._asked_at)
            self._attempts = (*self._attempts, attempt)
        return self._settle("unknown")

    def on_settled(self, record: Record) -> Answer:
        """The ledger remembers it: ``record`` is what it holds."""
        self._expect(SendEvent.SETTLED)
        self.state = SendState.OVER
        assert record.done is not None
        return Answer(record.done, record.settling)

    @property
    def _asked(self) -> str:
        """The provider whose circuit is asked at this moment."""
        return self._route.names[len(self._attempts)]

    def _ask(self, now: float) -> AskCircuit:
        self._asked_at = now
        return AskCircuit(self._asked, self._submission, self._deadline)

    def _settle(self, outcome: OutcomeWord, wait_s: int | None = None) -> Settle:
        one, unsettled = self._submission, self._unsettled
        return Settle(Dispatched(one.id, outcome, self._attempts, self._route, wait_s, unsettled))

    def _expect(self, event: SendEvent) -> None:
        if (self.state, event) not in MOVES:
            raise InvalidStep(f"{event} while {self.state}")


def retry_after_s(snapshots: Sequence[Snapshot], now: float) -> int:
    """The earliest moment at which one of these circuits may take mail, in whole seconds."""
    waits_s = [_wait_s(snapshot, now) for snapshot in snapshots]
    soonest_s = ceil(min(waits_s, default=RETRY_AFTER_S_MIN))
    return min(max(soonest_s, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX)


def _wait_s(snapshot: Snapshot, now: float) -> float:
    if snapshot.state.takes_calls or snapshot.probing:
        return 0.0
    if snapshot.due_at is None:
        return HOLD_WITHOUT_END_S
    return snapshot.due_at - now
