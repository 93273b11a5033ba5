"""What a circuit reports: frozen values for whoever watches. A watcher can neither block nor
change the actor.

A *notice* tells of one thing that happened and is handed to one synchronous ``observe``. A
*snapshot* is the whole state after it. All times are on the run's clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from actors.ask import Answered, Reply, Unanswered
from actors.breaker import State, Transition
from actors.limit import regained

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """How the last probe ended. ``outcome`` is the owner's word for it."""

    at: float
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The last call or probe that counted against the far side."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One circuit's state between two messages.

    ``in_flight`` counts every call that is not over, ``settling`` those of them whose asker has
    been answered; ``limit`` bounds the calls that are waited for, ``max_in_flight`` all of them.
    ``state`` is never ``probing``: of an open circuit ``probing`` tells that.
    A limit below its ceiling grows with time alone: ``limit`` is as of the snapshot, ``limit_at``
    as of any moment until the next. ``due_at`` is the next probe of an open circuit or the end of a
    hold. ``version`` grows with every snapshot.
    """

    name: str
    version: int
    state: State
    reason: str
    since: float
    epoch: int
    probing: bool
    in_flight: int
    settling: int
    limit: int
    max_in_flight: int
    mailbox_depth: int
    mailbox_capacity: int
    due_at: float | None
    last_probe: ProbeRecord | None
    last_failure: LastFailure | None
    counts: Mapping[str, int]
    restarts: int
    alive: bool
    draining: bool
    transitions: tuple[Transition, ...]
    limit_grows_from: float | None = None
    """None: it does not."""

    def limit_at(self, now: float) -> int:
        """The limit in force ``now``, if nothing has happened since."""
        if self.limit_grows_from is None:
            return self.limit
        return max(self.limit, int(regained(self.max_in_flight, self.limit_grows_from, now)))


@dataclass(frozen=True, slots=True)
class Moved:
    """The circuit changed its state."""

    circuit: str
    transition: Transition
    due_at: float | None


@dataclass(frozen=True, slots=True)
class Replied(Generic[Q, A]):
    """A question got its one reply, ``seconds`` after it was asked."""

    circuit: str
    question: Q
    reply: Reply[A]
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled(Generic[Q, A]):
    """A call whose asker was told that time is up has ended after all; ``reply`` is how.

    ``Unanswered`` here means that nobody will ever know.
    """

    circuit: str
    question: Q
    reply: Answered[A] | Unanswered
    seconds: float


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe ended. ``passed`` closes the circuit, unless the circuit has moved on meanwhile."""

    circuit: str
    passed: bool
    outcome: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CallFailed:
    """The code that makes a call or a probe raised: a bug in it."""

    circuit: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Crashed:
    """The actor itself raised. It begins anew at once, or is quarantined."""

    circuit: str
    error: BaseException
    restarts: int
    quarantined: bool


Notice = Moved | Replied[Q, A] | Settled[Q, A] | Probed | CallFailed | Crashed
Observe = Callable[[Notice[Q, A]], None]
