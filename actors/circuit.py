"""The actor: one task that owns one far side's breaker, probe loop and in-flight limit.

Everybody else holds a ``Circuit``: they may ask it, give it orders and read its last snapshot.
All state changes inside the one receive loop of ``run``; calls and probes are child tasks that
post their end to the same mailbox. There is no timer task: the loop waits for a message or for
the next moment at which the clock has something to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from random import Random
from typing import Generic, TypeVar

import trio

from actors.ask import Refusal, Reply, ReplySlot
from actors.breaker import Event
from actors.clock import stalls
from actors.config import Config, Judge
from actors.handler import Handler
from actors.messages import Ask, Cut, Drain, Hold, Message, Order, Release
from actors.notices import Crashed, Observe, Snapshot
from actors.tasks import Progress, Tasks

Q = TypeVar("Q")
A = TypeVar("A")


class Circuit(Generic[Q, A]):
    """One far side behind a circuit breaker.

    ``call`` makes one call; ``probe`` tests an open circuit. Both may raise only for a bug: that
    is one failed call, reported as a notice. ``judge`` reads their answers.
    """

    def __init__(
        self,
        config: Config,
        *,
        call: Callable[[Q, Progress], Awaitable[A]],
        probe: Callable[[], Awaitable[A]],
        judge: Judge[A],
        observe: Observe[Q, A],
        random: Random,
    ) -> None:
        self.name = config.name
        self.restarts = 0
        self._config = config
        self._handler = Handler(config, judge, observe, random, trio.current_time(), stalls)
        self._post_end, self._inbox = trio.open_memory_channel[Message[Q, A]](inf)
        self._tasks = Tasks(config.name, call, probe, self._post)
        self._in_hand: Message[Q, A] | None = None
        self._closed_because: Refusal | None = Refusal.STOPPED
        self._retired = False
        self._revived = trio.Event()
        self._changed = trio.Event()
        self._version = 0
        self.snapshot = self._new_snapshot()
        """The state after the last message. Published before any answer that follows from it."""

    # -- for whoever asks, orders and watches

    async def ask(self, question: Q, *, deadline: float) -> Reply[A]:
        """Put a question; the reply comes by ``deadline`` (the run's clock), give or take the
        time to close a connection. Refused at once while the circuit takes no calls."""
        refusal = self._refusal_at_the_door()
        if refusal is not None:
            refused = self._handler.refusal(refusal)
            self._handler.outbox.turned_away(question, refused)
            self._publish()
            await trio.lowlevel.checkpoint()
            return refused
        ask: Ask[Q, A] = Ask(question, deadline, trio.current_time(), ReplySlot())
        self._post(ask)
        return await ask.slot.wait()

    async def hold(self, *, open: bool, until: float = inf) -> Snapshot:  # noqa: A002 - the state
        """Hold the circuit open or closed until a moment; the snapshot that shows it."""
        event = Event.HELD_OPEN if open else Event.HELD_CLOSED
        slot: ReplySlot[Snapshot] = ReplySlot()
        return await self._order(Hold(event, until, slot), slot)

    async def release(self) -> Snapshot:
        """Back to automatic: end a hold or a quarantine, forget relapses, have an open circuit
        probed at once; the snapshot that shows it."""
        slot: ReplySlot[Snapshot] = ReplySlot()
        return await self._order(Release(slot), slot)

    def drain(self) -> None:
        """Refuse what is new, finish what runs; ``run`` then returns."""
        self._revived.set()
        self._post(Drain())

    def cut(self) -> None:
        """Answer everybody by what is known now; ``run`` then returns."""
        self._revived.set()
        self._post(Cut())

    async def changed(self, version: int) -> Snapshot:
        """Wait for a snapshot later than ``version``. A circuit that is over has no later one."""
        await trio.lowlevel.checkpoint()
        while self.snapshot.version <= version:
            await self._changed.wait()
        return self.snapshot

    # -- for the supervisor

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be the actor, until drained. Raises only for a bug or when cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._tasks.nursery = nursery
                self._closed_because = None
                try:
                    self._publish()
                    task_status.started()
                    await self._receive_until_over()
                finally:
                    # In the same step in which the loop ended: nobody slips in between.
                    over = self._handler.over
                    self._closed_because = Refusal.DRAINING if over else Refusal.STOPPED
                nursery.cancel_scope.cancel()
        finally:
            self._leave()

    def begin_anew(self, error: BaseException) -> None:
        """Recover from a crash: the circuit will be open and probing at once."""
        self.restarts += 1
        # Told by the next life, so that an observer that raises at the news is one more crash.
        self._handler.outbox.notice(Crashed(self.name, error, self.restarts, quarantined=False))
        self._handler.crash(trio.current_time())

    def quarantine(self, error: BaseException, until: float) -> None:
        """Crashed too often: take no calls until then, or until somebody gives an order."""
        self._closed_because = Refusal.QUARANTINED
        self._revived = trio.Event()
        self._handler.outbox.notice(Crashed(self.name, error, self.restarts, quarantined=True))
        self._handler.quarantine(trio.current_time(), until)
        self._publish_and_answer()

    async def sit_out(self, until: float) -> None:
        """Wait for the end of the quarantine. An order that is in the mailbox ends it at once."""
        if self._mailbox_depth == 0:
            with trio.move_on_at(until):
                await self._revived.wait()
        self._handler.revive(trio.current_time())
        self._closed_because = Refusal.STOPPED

    def retire(self) -> None:
        """Nobody will run this actor again: answer the orders that are left, and take no more."""
        self._retired = True
        for message in self._unread():
            if isinstance(message, Hold | Release):
                message.slot.put(self.snapshot)

    # -- the loop

    async def _receive_until_over(self) -> None:
        while not self._handler.over:
            message = self._next_unread()
            if message is not None:
                self._take(message)
            elif trio.current_time() >= self._handler.wake_at():
                # The clock has its say only when everything that has come is handled, so an
                # answer in the mailbox always beats a deadline.
                self._handler.tick(self._tasks, trio.current_time())
            else:
                # Show what has changed, then answer, then wait.
                self._publish_and_answer()
                with trio.CancelScope(deadline=self._handler.wake_at()):
                    self._take(await self._inbox.receive())
        self._publish_and_answer()

    def _take(self, message: Message[Q, A]) -> None:
        self._in_hand = message
        self._handler.handle(message, self._tasks, trio.current_time())
        self._in_hand = None

    def _leave(self) -> None:
        """The actor's tasks are gone. In one step, answer everybody who would wait for them."""
        assert self._closed_because is not None
        self._tasks.nursery = None
        in_hand, self._in_hand = self._in_hand, None
        left = [message for message in (in_hand, *self._unread()) if message is not None]
        self._handler.leave(left, self._closed_because, trio.current_time())
        begins_anew = self._closed_because is Refusal.STOPPED
        for message in left:
            # What was in hand is what crashed: the next life is spared it.
            if begins_anew and message is not in_hand and isinstance(message, Order):
                self._post(message)
            elif isinstance(message, Hold | Release):
                self._handler.outbox.report(message)
        self._publish_and_answer()

    def _unread(self) -> list[Message[Q, A]]:
        unread = []
        while (message := self._next_unread()) is not None:
            unread.append(message)
        return unread

    def _next_unread(self) -> Message[Q, A] | None:
        try:
            return self._inbox.receive_nowait()
        except trio.WouldBlock:
            return None

    # -- small change

    def _refusal_at_the_door(self) -> Refusal | None:
        if self._closed_because is not None:
            return self._closed_because
        return Refusal.FULL if self._mailbox_depth >= self._config.mailbox_capacity else None

    @property
    def _mailbox_depth(self) -> int:
        return self._inbox.statistics().current_buffer_used

    async def _order(self, order: Hold | Release, slot: ReplySlot[Snapshot]) -> Snapshot:
        if self._retired or self._closed_because is Refusal.DRAINING:
            await trio.lowlevel.checkpoint()
            return self.snapshot
        self._revived.set()
        self._post(order)
        return await slot.wait()

    def _post(self, message: Message[Q, A]) -> None:
        self._post_end.send_nowait(message)

    def _publish_and_answer(self) -> None:
        try:
            self._handler.outbox.count()
        finally:  # An answer is owed, also when it could not be counted.
            self._publish()
            self._handler.outbox.deliver(self.snapshot, trio.current_time())

    def _publish(self) -> None:
        self.snapshot = self._new_snapshot()
        self._changed.set()
        self._changed = trio.Event()

    def _new_snapshot(self) -> Snapshot:
        self._version += 1
        return self._handler.snapshot(
            version=self._version,
            depth=self._mailbox_depth,
            restarts=self.restarts,
            alive=self._tasks.nursery is not None,
            now=trio.current_time(),
        )
