"""A desk at which a test plays the actor's loop: messages go to a handler by hand, and what it
begins is only remembered. No trio, no tasks, and a clock that the test moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random

from actors import Replied, Reply, Snapshot
from actors.ask import ReplySlot
from actors.breaker import Permit
from actors.calls import Cancellable
from actors.handler import Handler
from actors.messages import Ask, Message
from actors.verdict import Verdict
from tests.kit.actors import Act, PlainJudge, Recorder, config


@dataclass
class FakeScope:
    """A cancel scope that only remembers."""

    deadline: float = inf
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Desk:
    """A handler, the calls and probes it has begun, and the clock in the test's hand."""

    now: float = 0.0
    calls: dict[int, FakeScope] = field(default_factory=dict)
    probes: list[tuple[Permit, FakeScope]] = field(default_factory=list)
    seen: Recorder = field(default_factory=Recorder)
    stalls: int = 0

    def __post_init__(self) -> None:
        self.handler: Handler[Act, Verdict] = Handler(
            config(max_in_flight=4),
            PlainJudge(),
            self.seen,
            Random(0),
            self.now,
            lambda: self.stalls,
        )

    def begin_call(self, call_id: int, ask: Ask[Act, Verdict]) -> Cancellable:
        self.calls[call_id] = FakeScope(ask.deadline)
        return self.calls[call_id]

    def begin_probe(self, permit: Permit) -> Cancellable:
        scope = FakeScope()
        self.probes.append((permit, scope))
        return scope

    def ask(self, deadline: float = inf) -> Ask[Act, Verdict]:
        ask: Ask[Act, Verdict] = Ask(Act(), deadline, self.now, ReplySlot())
        self.handler.handle(ask, self, self.now)
        return ask

    def post(self, message: Message[Act, Verdict]) -> None:
        self.handler.handle(message, self, self.now)

    def clock(self, now: float) -> None:
        """Let time pass; the handler is woken whenever it wants to be."""
        while self.handler.wake_at() <= now:
            self.now = max(self.now, self.handler.wake_at())
            self.handler.tick(self, self.now)
        self.now = now

    def shows(self) -> Snapshot:
        self.handler.outbox.count()
        shown = self.handler.snapshot(version=1, depth=0, restarts=0, alive=True, now=self.now)
        self.handler.outbox.deliver(shown, self.now)
        return shown

    def reply_to(self, ask: Ask[Act, Verdict]) -> Reply[Verdict] | None:
        self.shows()
        replies = [n.reply for n in self.seen.of(Replied) if n.question is ask.question]
        assert len(replies) <= 1
        return replies[0] if replies else None
