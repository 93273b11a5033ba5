"""The child tasks of an actor: each makes one call or one probe, and posts how it ended.

Whatever happens in one, a message comes of it, unless the whole actor is being cancelled. Knows
nothing of what the messages lead to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Generic, TypeVar

import trio

from actors.ask import Answered
from actors.breaker import Permit
from actors.calls import Cancellable
from actors.messages import Ask, Committed, Failed, Finished, Message, ProbeEnded, Stopped

Q = TypeVar("Q")
A = TypeVar("A")


class Progress:
    """Through this a call tells how far it has come."""

    __slots__ = ("_call_id", "_post", "_scope", "committed", "stage")

    def __init__(self, call_id: int, scope: Cancellable, post: Callable[[Committed], None]) -> None:
        self._call_id = call_id
        self._scope = scope
        self._post = post
        self.committed = False
        self.stage = ""
        """What the call is doing, in a word of its own: told if it is cut short there."""

    def commit(self) -> None:
        """From now on the call may have taken effect.

        To be called in the same step as the act itself, with no ``await`` between. Up to here
        the asker's deadline cancels the call; from here on the actor decides how long it may
        go on, since its true end is still worth knowing.
        """
        if not self.committed:
            self.committed = True
            self._scope.deadline = inf
            self._post(Committed(self._call_id, trio.current_time()))


class Tasks(Generic[Q, A]):
    """Begins calls and probes in the actor's nursery: what its handler may cause."""

    def __init__(
        self,
        name: str,
        call: Callable[[Q, Progress], Awaitable[A]],
        probe: Callable[[], Awaitable[A]],
        post: Callable[[Message[Q, A]], None],
    ) -> None:
        self.nursery: trio.Nursery | None = None
        """Set while the actor runs."""
        self._name = name
        self._call = call
        self._probe = probe
        self._post = post

    def begin_call(self, call_id: int, ask: Ask[Q, A]) -> Cancellable:
        """Make one call, until the asker's deadline unless it commits before."""
        assert self.nursery is not None
        scope = trio.CancelScope(deadline=ask.deadline)
        self.nursery.start_soon(
            self._make_call, call_id, ask.question, scope, name=f"call:{self._name}"
        )
        return scope

    def begin_probe(self, permit: Permit) -> Cancellable:
        """Make one probe."""
        assert self.nursery is not None
        scope = trio.CancelScope()
        self.nursery.start_soon(self._make_probe, permit, scope, name=f"probe:{self._name}")
        return scope

    # Both catch outside their scope, which by then has taken its own cancellation out of a group.

    async def _make_call(self, call_id: int, question: Q, scope: trio.CancelScope) -> None:
        progress = Progress(call_id, scope, self._post)
        end: Finished[A] | Failed | None = None
        try:
            with scope:
                end = Finished(call_id, await self._call(question, progress))
        except Exception as error:  # noqa: BLE001 - a bug in a call costs that call, not the actor
            end = Failed(call_id, error)
        self._post(Stopped(call_id, progress.stage) if end is None else end)

    async def _make_probe(self, permit: Permit, scope: trio.CancelScope) -> None:
        started_at = trio.current_time()
        answer: Answered[A] | None = None
        bug: Exception | None = None
        try:
            with scope:
                answer = Answered(await self._probe())
        except Exception as error:  # noqa: BLE001 - likewise
            bug = error
        self._post(ProbeEnded(permit, trio.current_time() - started_at, answer, bug))
