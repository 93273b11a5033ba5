"""PURE. How one schedule answers its questions, and which schedule comes next.

A strategy answers the questions of a single run. A *plan* is a generator of strategies: it is
sent the decisions of the run that was made with the last one, and returns when there is
nothing left to try.

    random   every runnable task is equally likely at every step
    pct      random priorities with a few demotions: Burckhardt, Kothari, Musuvathi, Nagarakatte,
             "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010
    dfs      every schedule within a bound on delays: Emmi, Qadeer, Rakamaric,
             "Delay-Bounded Scheduling", POPL 2011

Knows nothing of trio: tasks are numbers, in the order in which they were spawned.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Sequence
from typing import Literal, Protocol, TypeAlias

from actors.testing.decisions import Decision, Kind, answers_of

StrategyName: TypeAlias = Literal["auto", "random", "pct", "dfs"]
Plan: TypeAlias = "Generator[Strategy, Sequence[Decision], None]"

PCT_DEPTH = 3
"""One more than the demotions of a schedule: finds bugs of up to 3 ordering constraints."""

_JUMP_PROBABILITY = 0.08
_CANCEL_PROBABILITY = 0.05
_SEEDS_PER_BASE = 1_000_000


class Strategy(Protocol):
    """Answers the questions of one run, each asked once, in order."""

    @property
    def name(self) -> str:
        """The seed that makes this strategy again, or the name of the plan it belongs to."""

    def pick(self, runnable: Sequence[int]) -> int:
        """The index of the task that goes next; the one that has waited longest comes first."""

    def answer(self, kind: Kind, options: int) -> int:
        """The answer, in ``range(options)``, to a question that is not about tasks."""


class Diverged(Exception):
    """A run did not repeat the decisions of an earlier run with the same answers."""


class Answers:
    """Gives the listed answers, then the plain order. Replays, and the engine of dfs."""

    def __init__(self, answers: Sequence[int] = (), name: str = "plain") -> None:
        self.name = name
        self._answers = answers
        self._asked = 0
        self._in_range = True

    @property
    def fits(self) -> bool:
        """Whether every answer was asked for and was a possible one; known after the run."""
        return self._in_range and self._asked >= len(self._answers)

    def pick(self, runnable: Sequence[int]) -> int:
        return self._next(len(runnable))

    def answer(self, kind: Kind, options: int) -> int:
        return self._next(options)

    def _next(self, options: int) -> int:
        answer = self._answers[self._asked] if self._asked < len(self._answers) else 0
        self._asked += 1
        self._in_range = self._in_range and answer < options
        return min(answer, options - 1)


class RandomWalk:
    """Every runnable task is equally likely at every step."""

    def __init__(self, seed: int) -> None:
        self.name = f"random:{seed}"
        self._random = random.Random(seed)  # noqa: S311 - schedules, not secrets

    def pick(self, runnable: Sequence[int]) -> int:
        return self._random.randrange(len(runnable))

    def answer(self, kind: Kind, options: int) -> int:
        return _roll(self._random, kind, options)


class PCT:
    """The task of the highest priority goes, and ``depth - 1`` times it is demoted to the lowest.

    ``horizon`` is the number of picks the demotions are spread over, best the length of a
    usual run.
    """

    def __init__(self, depth: int, horizon: int, seed: int) -> None:
        self.name = f"pct:{depth}:{horizon}:{seed}"
        self._random = random.Random(seed)  # noqa: S311 - schedules, not secrets
        points = range(1, max(horizon, depth) + 1)
        self._demotions = frozenset(self._random.sample(points, depth - 1))
        self._priorities: dict[int, float] = {}
        self._lowest = 0
        self._picks = 0

    def pick(self, runnable: Sequence[int]) -> int:
        for task in runnable:
            if task not in self._priorities:
                self._priorities[task] = self._random.random()
        self._picks += 1
        if self._picks in self._demotions:
            self._lowest -= 1
            self._priorities[runnable[self._highest(runnable)]] = self._lowest
        return self._highest(runnable)

    def answer(self, kind: Kind, options: int) -> int:
        return _roll(self._random, kind, options)

    def _highest(self, runnable: Sequence[int]) -> int:
        return max(range(len(runnable)), key=lambda index: self._priorities[runnable[index]])


def strategy_for(seed: str) -> Strategy:
    """The strategy a seed names: ``plain``, ``random:17`` or ``pct:3:60:17``.

    A seed holds all parameters (pct: depth, horizon, seed), so it never depends on how many
    schedules went before it. Raises ValueError for anything else.
    """
    name, *numbers = seed.split(":")
    if all(number.isascii() and number.isdigit() for number in numbers):
        match name, [int(number) for number in numbers]:
            case "plain", []:
                return Answers()
            case "random", [number]:
                return RandomWalk(number)
            case "pct", [depth, horizon, number] if depth >= 1:
                return PCT(depth, horizon, number)
            case _:
                pass
    msg = f"{seed!r} is not a schedule seed, such as plain, random:17 or pct:3:60:17"
    raise ValueError(msg)


def just(seed: str) -> Plan:
    """The one schedule a seed names. Raises ValueError if it names none."""
    return _one(strategy_for(seed))


def plan_for(strategy: str, *, seed: int, delays: int) -> Plan:
    """The schedules to try, the plain order first. Raises ValueError for an unknown name."""
    match strategy:
        case "auto":
            return _sampling(("random", "pct"), seed)
        case "random" | "pct":
            return _sampling((strategy,), seed)
        case "dfs":
            return _exhaustive(delays)
        case _:
            pass
    msg = f"unknown strategy {strategy!r}: it is auto, random, pct or dfs"
    raise ValueError(msg)


def _one(strategy: Strategy) -> Plan:
    yield strategy


def _sampling(names: Sequence[str], base: int) -> Plan:
    """Endless. The horizon of pct is the longest run so far."""
    horizon = len((yield Answers()))
    for number, name in zip(itertools.count(1), itertools.cycle(names)):
        seed = base * _SEEDS_PER_BASE + number
        strategy = RandomWalk(seed) if name == "random" else PCT(PCT_DEPTH, horizon, seed)
        horizon = max(horizon, len((yield strategy)))


def _exhaustive(delays: int) -> Plan:
    """Depth first, every schedule once. Raises Diverged if a run does not repeat its prefix."""
    answers: list[int] | None = []
    before: Sequence[Decision] = []
    while answers is not None:
        decisions = yield Answers(answers, "dfs")
        _check_repeated(before, decisions, len(answers))
        answers, before = _next_answers(decisions, delays), decisions


def _next_answers(decisions: Sequence[Decision], delays: int) -> list[int] | None:
    """The answers after these, in depth-first order, or None after the last."""
    spent = [0, *itertools.accumulate(decision.delays for decision in decisions)]
    for index in range(len(decisions) - 1, -1, -1):
        kind, options, answer = decisions[index]
        more = Decision(kind, options, answer + 1)
        affordable = spent[index] + more.delays <= delays
        if kind is not Kind.SEED and more.answer < options and affordable:
            return [*answers_of(decisions[:index]), more.answer]
    return None


def _check_repeated(before: Sequence[Decision], now: Sequence[Decision], length: int) -> None:
    """The questions of the shared prefix, its last one included, must be the same."""
    asked = [(decision.kind, decision.options) for decision in before[:length]]
    if asked != [(decision.kind, decision.options) for decision in now[:length]]:
        raise Diverged


def _roll(source: random.Random, kind: Kind, options: int) -> int:
    match kind:
        case Kind.CLOCK:
            return int(source.random() < _JUMP_PROBABILITY)
        case Kind.CANCEL:
            return int(source.random() < _CANCEL_PROBABILITY)
        case Kind.CHOICE | Kind.SEED | Kind.TASK:
            return source.randrange(options)
