"""The order of one run of a trio program, in which every decision is a strategy's.

A ``Schedule`` is asked by trio's loop which task goes next. It lets a single task run in each
pass and keeps the others waiting (*step* mode), so that any runnable task may be delayed any
number of rounds, as real I/O can delay it. Time is virtual: the clock moves when nothing is
runnable, and otherwise only if the strategy uses one of the ``timer_races``.

Knows nothing of what is explored and why, of reports or of pytest.
"""

from __future__ import annotations

import contextlib
import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import TypeAlias

import trio
from trio.abc import Instrument
from trio.lowlevel import RunVar, Task
from trio.testing import MockClock

from actors.testing.decisions import Decision, Kind
from actors.testing.strategies import Strategy
from actors.testing.trace import Trace, label

Check: TypeAlias = Callable[[], object]

MAX_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every schedule of an exploration."""

    timer_races: int = 0
    """How many times the clock may jump to the next deadline while tasks are runnable."""
    max_steps: int = MAX_STEPS
    """A run of more task steps than this is a livelock. Past half of it the plain order holds."""
    instruments: Sequence[Instrument] = ()
    """Given to every run, beside the explorer's own."""
    let_through: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit)
    """Exceptions that are no finding: they end the exploration and reach its caller."""


class Schedule(Instrument):
    """Decides on the order of one run, and records it."""

    def __init__(self, strategy: Strategy, clock: MockClock, rules: Rules, *, traced: bool) -> None:
        self.scope = trio.CancelScope()
        """Around the whole program: cancelled when the run has failed."""
        self.decisions: list[Decision] = []
        self.fault: BaseException | None = None
        """The first failure seen from outside the tasks."""
        self.checks: list[Check] = []
        self.cancellable: list[trio.CancelScope] = []
        self.abandoned = False
        """Set as a last resort, when the program will not end: trio's loop is broken off."""
        self.steps = 0
        self.trace = Trace() if traced else None
        self._strategy = strategy
        self._clock = clock
        self._races_left = rules.timer_races
        self._fair_after = rules.max_steps // 2
        self._alive: dict[Task, int] = {}
        self._spawned = 0
        self._delayed: list[Task] = []
        self._stepping = False
        self._order = array("L")

    @property
    def alive(self) -> Mapping[Task, int]:
        """The program's tasks (not trio's own) that have not ended, and their numbers."""
        return MappingProxyType(self._alive)

    @property
    def digest(self) -> bytes:
        """A fingerprint of the order of steps so far."""
        return hashlib.blake2b(self._order.tobytes(), digest_size=16).digest()

    def adopt(self, main: Task) -> None:
        """Take the program's main task, which is in its first step, and all its descendants."""
        main.name = "main"
        self._enrol(main)
        self.before_task_step(main)

    def fail(self, error: BaseException) -> None:
        """Record the first failure, and end the run."""
        if self.fault is None:
            self.fault = error
            self.note(f"{type(error).__name__}: the run is ended")
            self.scope.cancel()

    def note(self, text: str) -> None:
        """Add a line to the trace, if one is kept."""
        if self.trace is not None:
            self.trace.note(text)

    def decide(self, kind: Kind, options: int) -> int:
        """Ask the strategy. A question with one possible answer is none."""
        if options == 1 or self._is_over():
            return 0
        answer = self._strategy.answer(kind, options)
        self.decisions.append(Decision(kind, options, answer))
        return answer

    def split(self, batch: list[Task]) -> tuple[list[Task], list[Task]]:
        """From the runnable tasks: those that run in this pass, and those that wait.

        trio's own tasks are never held back. Tasks that became runnable in the same pass queue
        up in the order in which they were spawned, since trio keeps some of them in sets.
        """
        if self.abandoned:
            msg = "the program does not end when it is cancelled"
            raise RuntimeError(msg)
        system = [task for task in batch if task not in self._alive]
        delayed = set(self._delayed)
        fresh = (task for task in batch if task in self._alive and task not in delayed)
        queue = [*self._delayed, *sorted(fresh, key=self._alive.__getitem__)]
        if queue:
            self._maybe_jump()
            system.append(queue.pop(self._pick(queue)))
        self._delayed = queue
        return system, queue

    def task_spawned(self, task: Task) -> None:
        """Instrument: number the program's tasks in order of spawning."""
        if task.parent_nursery is not None and task.parent_nursery.parent_task in self._alive:
            self._enrol(task)

    def task_exited(self, task: Task) -> None:
        """Instrument: forget a task that has ended."""
        self._alive.pop(task, None)

    def before_task_step(self, task: Task) -> None:
        """Instrument: count and record the step."""
        number = self._alive.get(task)
        if number is None:
            return
        self._stepping = True
        self.steps += 1
        self._order.append(number)
        if self.trace is not None and self.fault is None:
            self.trace.step(self.steps, task, number)

    def after_task_step(self, task: Task) -> None:
        """Instrument: make the checks, and maybe cancel what may be cancelled."""
        if not self._stepping:
            return
        self._stepping = False
        self._run_checks()
        for scope in list(self.cancellable):
            if not scope.cancel_called and self.decide(Kind.CANCEL, 2):
                self.note("the explorer cancels a cancellable() block")
                scope.cancel()

    def _enrol(self, task: Task) -> None:
        self._alive[task] = self._spawned
        self._spawned += 1

    def _is_over(self) -> bool:
        """Once it has failed, or runs suspiciously long, a run goes on in the plain order."""
        return self.fault is not None or self.steps > self._fair_after

    def _pick(self, queue: Sequence[Task]) -> int:
        if len(queue) == 1 or self._is_over():
            return 0
        index = self._strategy.pick([self._alive[task] for task in queue])
        if index and self.trace is not None:
            first, chosen = (label(task, self._alive[task]) for task in (queue[0], queue[index]))
            self.note(f"{chosen} goes before {first} (decision {len(self.decisions)}={index})")
        self.decisions.append(Decision(Kind.TASK, len(queue), index))
        return index

    def _maybe_jump(self) -> None:
        if not self._races_left:
            return
        wait = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if 0 < wait < inf and self.decide(Kind.CLOCK, 2):
            self._races_left -= 1
            self.note(f"the clock jumps {wait:g} s to the next deadline")
            self._clock.jump(wait)

    def _run_checks(self) -> None:
        for check in list(self.checks):
            if self.fault is not None:
                return
            try:
                check()
            except BaseException as error:  # noqa: BLE001 - trio would log it and drop the instrument
                self.fail(error)


def current_schedule() -> Schedule:
    """The schedule of the surrounding run. Raises RuntimeError outside an explored program."""
    try:
        return _current.get()
    except (LookupError, RuntimeError):
        msg = "this works only in a program that is run by the schedule explorer"
        raise RuntimeError(msg) from None


@contextlib.contextmanager
def installed(schedule: Schedule) -> Iterator[None]:
    """Make it the current one while the program runs. Called in the program's main task."""
    schedule.adopt(trio.lowlevel.current_task())
    _current.set(schedule)
    with schedule.scope:
        yield


_current: RunVar[Schedule] = RunVar("schedule")
