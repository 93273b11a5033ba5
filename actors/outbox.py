"""What an actor has decided to tell, kept until the new state has been published.

Owns the counts, the pending answers and the pending notices. Knows nothing of why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

from actors.ask import Answered, Refused, Reply, Unanswered
from actors.config import Judge
from actors.messages import Ask, Hold, Release
from actors.notices import (
    LastFailure,
    Notice,
    Observe,
    Probed,
    ProbeRecord,
    Replied,
    Settled,
    Snapshot,
)
from actors.verdict import Fault, Success, Verdict

Q = TypeVar("Q")
A = TypeVar("A")


class Outbox(Generic[Q, A]):
    """The pending answers and notices of the circuit ``name``, and what they add up to."""

    def __init__(self, name: str, judge: Judge[A], observe: Observe[Q, A]) -> None:
        self.last_probe: ProbeRecord | None = None
        self.last_failure: LastFailure | None = None
        self._name = name
        self._judge = judge
        self._observe = observe
        self._counts: dict[str, int] = {}
        self._uncounted: deque[Reply[A]] = deque()
        self._answers: deque[tuple[Ask[Q, A], Reply[A]]] = deque()
        self._reports: deque[Hold | Release] = deque()
        self._notices: deque[Notice[Q, A]] = deque()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many replies of each word there have been; a copy."""
        return dict(self._counts)

    def reply(self, ask: Ask[Q, A], reply: Reply[A]) -> None:
        """Answer a question, once."""
        if not ask.slot.decided:
            ask.slot.decided = True
            self._uncounted.append(reply)
            self._answers.append((ask, reply))

    def turned_away(self, question: Q, refused: Refused) -> None:
        """A question was refused before it reached the mailbox: its asker knows already."""
        self._count(refused)
        self._observe(Replied(self._name, question, refused, 0.0))

    def settled(self, ask: Ask[Q, A], reply: Answered[A] | Unanswered, now: float) -> None:
        """A call that nobody waits for any more has ended."""
        self.notice(Settled(self._name, ask.question, reply, now - ask.asked_at))

    def report(self, order: Hold | Release) -> None:
        """Answer an order with the snapshot that comes next."""
        self._reports.append(order)

    def notice(self, notice: Notice[Q, A]) -> None:
        """Tell the observer."""
        self._notices.append(notice)

    def probed(self, verdict: Verdict, outcome: str, seconds: float, now: float) -> None:
        """A probe ended and this is what it showed."""
        self.last_probe = ProbeRecord(now, outcome, seconds)
        self.judged(verdict, now)
        passed = isinstance(verdict, Success)
        reason = "passed" if isinstance(verdict, Success) else verdict.reason
        self.notice(Probed(self._name, passed, outcome, reason, seconds))

    def judged(self, verdict: Verdict, now: float) -> None:
        """A call or a probe had something to say about the far side."""
        if isinstance(verdict, Fault):
            self.last_failure = LastFailure(now, verdict.reason)

    def count(self) -> None:
        """Count what has been decided, so that the next snapshot tells it."""
        while self._uncounted:
            self._count(self._uncounted.popleft())

    def deliver(self, snapshot: Snapshot, now: float) -> None:
        """Hand everything out, now that ``snapshot`` is published and tells the same."""
        while self._answers:
            ask, reply = self._answers.popleft()
            ask.slot.put(reply)
            self.notice(Replied(self._name, ask.question, reply, now - ask.asked_at))
        while self._reports:
            self._reports.popleft().slot.put(snapshot)
        while self._notices:
            self._observe(self._notices.popleft())

    def _count(self, reply: Reply[A]) -> None:
        word = self._judge.word(reply)
        self._counts[word] = self._counts.get(word, 0) + 1
