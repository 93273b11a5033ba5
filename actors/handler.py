"""All of an actor's state, and the one place where it changes.

Theory of operation. An actor is this object, and a loop (:mod:`actors.circuit`) that hands it one
message after another, or a ``tick`` when the clock has something to do. Both are synchronous, so
nothing can interleave with them. They never wait and never touch the network: calls and probes are
begun through ``Effects``, run in tasks of their own and end in messages. A call goes one way::

    Ask ─▶ begun ─▶ committed ─▶ settling ─▶ over
             └──────────┴─────────────────────▲

*begun* holds a place; its task bounds it. *committed* may have taken effect, and the timer here
bounds it. *settling*: its asker has been told that nobody knows, and it goes on for its outcome.

What can go wrong, and why it is in this order:

- An end is judged before it is answered, and what is to be answered waits in the outbox until the
  new state has been published: who hears of a failure and asks again meets what it has led to.
- News of a call that is over finds none. Whatever is handled first, its answer or its time-out, is
  the reply; what comes then is a settlement. A cut waits for a tick: what is in the mailbox wins.
- The judge, or an adapter, may be the bug. ``leave`` judges nothing, and answers everybody.
- Any message may move the circuit. The prober looks at it after each, in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from math import inf
from random import Random
from typing import Generic, Protocol, TypeVar, assert_never

from actors.ask import Answered, Cause, Refusal, Refused, Unanswered
from actors.breaker import Breaker, Permit, State
from actors.calls import Call, CallBook, Cancellable
from actors.config import Config, Judge
from actors.evidence import Evidence
from actors.messages import (
    Ask,
    Committed,
    Cut,
    Drain,
    Failed,
    Finished,
    Hold,
    Message,
    ProbeEnded,
    Release,
    Stopped,
)
from actors.notices import CallFailed, Moved, Observe, Snapshot
from actors.outbox import Outbox
from actors.prober import Prober

Q = TypeVar("Q")
A = TypeVar("A")


_BY_STATE = frozenset({Refusal.OPEN, Refusal.HELD_OPEN, Refusal.QUARANTINED})


class Effects(Protocol[Q, A]):
    """What the handler may cause. Both begin at once and end in a message."""

    def begin_call(self, call_id: int, ask: Ask[Q, A]) -> Cancellable: ...

    def begin_probe(self, permit: Permit) -> Cancellable: ...


class Handler(Generic[Q, A]):
    """The synchronous half of an actor. It outlives crashes of its loop."""

    def __init__(
        self,
        config: Config,
        judge: Judge[A],
        observe: Observe[Q, A],
        random: Random,
        now: float,
        stalls: Callable[[], int] = lambda: 0,
    ) -> None:
        self.outbox: Outbox[Q, A] = Outbox(config.name, judge, observe)
        self.breaker = Breaker(
            trip=config.trip,
            ceiling=config.max_in_flight,
            call_s=config.timeout_s,
            base_s=config.base_s,
            cap_s=config.cap_s,
            random=random,
            now=now,
        )
        self._config = config
        self._calls: CallBook[Q, A] = CallBook(config.max_in_flight)
        self._ids = count()
        self._draining = False
        self._cutting = False
        """A cut waits for the next tick, so that an answer in the mailbox beats it."""
        self._evidence = Evidence(self.breaker, judge, self.outbox, stalls)
        self._prober = Prober(config, self.breaker, judge, self.outbox, self._evidence)

    @property
    def over(self) -> bool:
        """Whether a draining actor has nobody left to answer. Settling calls are not waited for."""
        return self._draining and self._calls.unanswered == 0

    def wake_at(self) -> float:
        """When the clock alone has something to do: the time of the next ``tick``."""
        return -inf if self._cutting else min(self._calls.wake_at, self._prober.wake_at)

    def handle(self, message: Message[Q, A], effects: Effects[Q, A], now: float) -> None:
        """Take one message."""
        match message:
            case Ask():
                self._asked(message, effects, now)
            case Committed():
                self._committed(message)
            case Finished() | Stopped() | Failed():
                self._ended(message, now)
            case ProbeEnded():
                self._prober.ended(message, now)
            case Hold():
                self.breaker.hold(message.event, now, message.until)
                self.outbox.report(message)
            case Release():
                self.breaker.reset(now)
                self.outbox.report(message)
            case Drain():
                self._drain()
            case Cut():
                self._drain()
                self._cutting = True
            case _:
                assert_never(message)
        self._circuit_moved()

    def tick(self, effects: Effects[Q, A], now: float) -> None:
        """Do what the clock demands: cut, answer who is out of time, end a hold, probe."""
        if self._cutting:
            self._cut()
        for call in self._calls.due(now):
            self._call_due(call, now)
        if now >= self._prober.wake_at:
            self._prober.due(effects.begin_probe, now)
        self._circuit_moved()

    def refusal(self, reason: Refusal) -> Refused:
        """A refusal. One by the state tells when the clock may change it; one for want of room
        tells nothing, whatever hold may be ending some day."""
        due_at = self.breaker.due_at
        return Refused(reason, due_at if reason in _BY_STATE and due_at < inf else None)

    def leave(self, left: Sequence[Message[Q, A]], because: Refusal, now: float) -> None:
        """The actor's tasks are gone: answer everybody who would wait for them.

        ``left`` is what nobody has handled. A call that it shows to be over is answered so, the
        others by phase; questions are refused. Nothing is judged: the judge may be the bug.
        """
        for message in left:
            match message:
                case Committed():
                    self._committed(message)
                case Finished() | Stopped() | Failed():
                    self._over(message, now)
                case _:
                    pass
        cause = Cause.CUT if self._draining else Cause.FAILED
        for call in self._calls:
            self._reply(call, Unanswered(cause, call.committed_at is not None), now)
        for message in left:
            if isinstance(message, Ask):
                self.outbox.reply(message, self.refusal(because))
        self._calls = CallBook(self._config.max_in_flight)
        self._prober.forget()

    def crash(self, now: float) -> None:
        """The loop raised and is about to begin anew."""
        self.breaker.crash(now)
        self._circuit_moved()

    def quarantine(self, now: float, until: float) -> None:
        """The loop raised too often."""
        self.breaker.quarantine(now, until)
        self._circuit_moved()

    def revive(self, now: float) -> None:
        """One more try after a quarantine."""
        self.breaker.release(now, "revived")
        self._circuit_moved()

    def snapshot(
        self, *, version: int, depth: int, restarts: int, alive: bool, now: float
    ) -> Snapshot:
        """The state between two messages, as a value."""
        breaker = self.breaker
        return Snapshot(
            name=self._config.name,
            version=version,
            state=breaker.state.shown,
            reason=breaker.reason,
            since=breaker.since,
            epoch=breaker.epoch,
            probing=breaker.state is State.PROBING,
            in_flight=self._calls.unfinished,
            settling=self._calls.settling,
            limit=breaker.limit(now),
            limit_grows_from=breaker.limit_grows_from,
            max_in_flight=self._config.max_in_flight,
            mailbox_depth=depth,
            mailbox_capacity=self._config.mailbox_capacity,
            due_at=None if breaker.due_at == inf else breaker.due_at,
            last_probe=self.outbox.last_probe,
            last_failure=self.outbox.last_failure,
            counts=self.outbox.counts,
            restarts=restarts,
            alive=alive,
            draining=self._draining,
            transitions=tuple(breaker.transitions),
        )

    # -- questions and their calls

    def _asked(self, ask: Ask[Q, A], effects: Effects[Q, A], now: float) -> None:
        if ask.slot.abandoned:
            return
        permit = self._permit(ask, now)
        if isinstance(permit, Refusal):
            self.outbox.reply(ask, self.refusal(permit))
            return
        call_id = next(self._ids)
        scope = effects.begin_call(call_id, ask)
        self._calls.add(Call(call_id, permit, ask, scope, now, self._evidence.stalls()))

    def _permit(self, ask: Ask[Q, A], now: float) -> Permit | Refusal:
        if self._draining:
            return Refusal.DRAINING
        if ask.deadline <= now:
            return Refusal.EXPIRED
        permit = self.breaker.admit(now, self._calls.waiting(self.breaker.epoch))
        if not isinstance(permit, Permit):
            return Refusal(permit)
        return Refusal.FULL if self._calls.full else permit

    def _committed(self, message: Committed) -> None:
        call = self._calls.get(message.call_id)
        if call is None:
            return
        call.committed_at = message.at
        time_up_at = message.at + self._config.timeout_s
        self._calls.set_timer(call, min(time_up_at, call.ask.deadline))
        if call.ask.deadline < time_up_at:
            self._calls.set_timer(call, time_up_at)

    def _ended(self, message: Finished[A] | Stopped | Failed, now: float) -> None:
        call = self._calls.get(message.call_id)
        if call is not None:
            self._evidence.of_end(call, message, now)
        self._over(message, now)

    def _over(self, message: Finished[A] | Stopped | Failed, now: float) -> None:
        if isinstance(message, Failed):
            self.outbox.notice(CallFailed(self._config.name, message.error))
        call = self._calls.get(message.call_id)
        if call is None:
            return
        committed = call.committed_at is not None
        match message:
            case Finished():
                self._reply(call, Answered(message.answer), now)
            case Stopped():
                stopped = Unanswered(call.cause, committed, message.stage)
                self._reply(call, stopped, now)
                if committed and not call.answered:
                    # Its time passed just as it committed: who is told that it may have taken
                    # effect is owed the news that no more will come of it.
                    self.outbox.settled(call.ask, stopped, now)
            case Failed():
                self._reply(call, Unanswered(Cause.FAILED, committed), now)
        self._calls.remove(call)

    def _reply(self, call: Call[Q, A], reply: Answered[A] | Unanswered, now: float) -> None:
        if call.answered:
            self.outbox.settled(call.ask, reply, now)
        else:
            self.outbox.reply(call.ask, reply)

    def _call_due(self, call: Call[Q, A], now: float) -> None:
        committed_at = call.committed_at
        assert committed_at is not None, "only a committed call has a timer"
        time_is_up = now >= committed_at + self._config.timeout_s
        if not call.answered:
            cause = Cause.TIMEOUT if time_is_up else Cause.DEADLINE
            self.outbox.reply(call.ask, Unanswered(cause, committed=True))
            self._calls.settle(call)
            call.scope.deadline = committed_at + self._config.timeout_s + self._config.settle_s
        if time_is_up:
            self._evidence.of_silence(call, now)
        while (crowded_out := self._calls.crowded_out()) is not None:
            crowded_out.scope.cancel()

    # -- the end

    def _drain(self) -> None:
        self._draining = True
        self._prober.stop()

    def _cut(self) -> None:
        self._cutting = False
        for call in self._calls:
            if call.answered:
                continue
            call.cause = Cause.CUT
            call.scope.cancel()
            if call.committed_at is not None:
                self.outbox.reply(call.ask, Unanswered(Cause.CUT, committed=True))
                self._calls.settle(call)

    def _circuit_moved(self) -> None:
        for transition in self.breaker.take_transitions():
            due_at = None if self.breaker.due_at == inf else self.breaker.due_at
            self.outbox.notice(Moved(self._config.name, transition, due_at))
        self._prober.circuit_moved()
