"""Explores the schedules of a trio program: which ones, until when, and what a failure comes to.

``explore`` and ``replay`` are called from plain code, outside any trio run. Knows nothing of
pytest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf

import trio
from trio.abc import Instrument

from actors.testing.decisions import Decision, Token, deviations
from actors.testing.report import FailedSchedule, Report, without_plumbing
from actors.testing.run import AsyncFn, Run, fails_alike, run_schedule
from actors.testing.schedule import MAX_STEPS, Rules
from actors.testing.shrink import Shrinker
from actors.testing.strategies import (
    Answers,
    Diverged,
    Plan,
    Strategy,
    StrategyName,
    just,
    plan_for,
)

SCHEDULES = 300
DOES_NOT_FIT = "The token asks for more than this program does: it has changed since."


class NotReproducible(Exception):
    """The program is not a function of its schedule, so dfs can say nothing of all schedules."""


def explore(
    async_fn: AsyncFn,
    *,
    schedules: int = SCHEDULES,
    strategy: StrategyName = "auto",
    seed: int | str = 0,
    timer_races: int = 0,
    delays: int = 2,
    seconds: float = inf,
    max_steps: int = MAX_STEPS,
    instruments: Sequence[Instrument] = (),
) -> Report:
    """Run ``async_fn()`` under up to ``schedules`` schedules, until one fails. Never raises for it.

    strategy: ``random``, ``pct``, both in turn (``auto``), or ``dfs``: every schedule in which
    all in all at most ``delays`` times a task is passed over, a clock jumps early or a block is
    cancelled. The first schedule is always the plain order.

    seed: an integer is the base seed of all schedules; the same one gives the same schedules in
    any process. A string such as ``pct:3:60:17``, out of a report, is that one schedule.

    timer_races: how many times in a run the clock may jump to the next deadline while tasks are
    runnable, so that a timeout races with the work it guards.

    seconds: real time after which no further schedule is begun. max_steps: a run of more task
    steps is a livelock. instruments: given to every run, beside the explorer's own.

    Raises ValueError for a bad argument, RuntimeError inside a trio run, and lets
    KeyboardInterrupt and SystemExit through.
    """
    plan = just(seed) if isinstance(seed, str) else plan_for(strategy, seed=seed, delays=delays)
    rules = Rules(timer_races=timer_races, max_steps=max_steps, instruments=tuple(instruments))
    return Exploration(async_fn, rules).explore(plan, schedules, seconds)


def replay(
    async_fn: AsyncFn,
    token: str,
    *,
    max_steps: int = MAX_STEPS,
    instruments: Sequence[Instrument] = (),
) -> Report:
    """Run ``async_fn()`` under the schedule of a token, with its trace in the report.

    ``report.fits`` is false if the program has changed so much that the token means nothing to
    it any more. Raises as ``explore`` does.
    """
    read = Token.parse(token)
    rules = Rules(read.timer_races, max_steps, tuple(instruments))
    return Exploration(async_fn, rules).replay(read.answers)


class Exploration:
    """One program under one set of rules, and the runs made with it."""

    def __init__(self, async_fn: AsyncFn, rules: Rules) -> None:
        if trio.lowlevel.in_trio_run():
            msg = "schedules are explored from plain code, not inside a trio run"
            raise RuntimeError(msg)
        self._async_fn = async_fn
        self._rules = rules
        self._digests: set[bytes] = set()
        self._schedules = 0
        self._reproducible = True
        self._started = time.perf_counter()

    def explore(self, plan: Plan, schedules: int, seconds: float) -> Report:
        """Run the plan until a schedule fails, or nothing is left of it, or of the budget."""
        strategy = next(plan)
        while True:
            run = self._run(strategy)
            if run.error is not None:
                return self._failed(run, strategy)
            if self._schedules == 1:
                again = self._again(run)
                self._reproducible = again.error is None and again.digest == run.digest
            try:
                following = plan.send(run.decisions)
            except StopIteration:
                return self._report(exhausted=strategy.name == "dfs")
            except Diverged:
                return self._diverged(strategy)
            if self._schedules >= schedules or self._seconds() > seconds:
                return self._report()
            strategy = following

    def replay(self, answers: Sequence[int]) -> Report:
        """Run one schedule, traced."""
        strategy = Answers(answers)
        run = self._run(strategy, traced=True)
        failure = None
        token = str(Token(self._rules.timer_races, tuple(answers)))
        if run.error is not None:
            found = "Replayed." if strategy.fits else f"Replayed. {DOES_NOT_FIT}"
            failure = FailedSchedule(without_plumbing(run.error), token, found, run.trace)
        return self._report(failure, trace=run.trace, fits=strategy.fits)

    def _run(self, strategy: Strategy, *, traced: bool = False) -> Run:
        run = run_schedule(self._async_fn, strategy, self._rules, traced=traced)
        self._schedules += 1
        self._digests.add(run.digest)
        return run

    def _again(self, run: Run) -> Run:
        return run_schedule(self._async_fn, Answers(run.answers), self._rules)

    def _failed(self, run: Run, strategy: Strategy) -> Report:
        """Is it reproducible, how short can it be made, and how does it go, step by step?"""
        again = self._again(run)
        self._reproducible = fails_alike(again.error, run.error) and again.digest == run.digest
        if not self._reproducible:
            return self._report(self._failure(run, run, strategy), strategy.name)
        shrinker = Shrinker(lambda answers: self._attempt(answers, run.error))
        answers = shrinker.shrink(run.answers) if deviations(run.answers) else []
        final = run_schedule(self._async_fn, Answers(answers), self._rules, traced=True)
        self._reproducible = fails_alike(final.error, run.error)
        failure = self._failure(run, final, strategy, shrinker.replays)
        return self._report(failure, strategy.name)

    def _attempt(
        self, answers: Sequence[int], error: BaseException | None
    ) -> tuple[bool, Sequence[Decision]]:
        run = run_schedule(self._async_fn, Answers(answers), self._rules)
        return fails_alike(run.error, error), run.decisions

    def _failure(
        self, first: Run, final: Run, strategy: Strategy, replays: int = 0
    ) -> FailedSchedule:
        error = final.error or first.error
        assert error is not None
        found = f"Failed on schedule {self._schedules} ({strategy.name})"
        if replays:
            before, after = _deviations(first.answers), _deviations(final.answers)
            found += f", shrunk from {before} to {after} in {replays} replays"
        return FailedSchedule(
            without_plumbing(error),
            str(Token(self._rules.timer_races, tuple(final.answers))),
            f"{found}.",
            final.trace,
            reproducible=self._reproducible,
        )

    def _diverged(self, strategy: Strategy) -> Report:
        self._reproducible = False
        error = NotReproducible("a run did not repeat the decisions of an earlier one")
        found = f"Given up on schedule {self._schedules} ({strategy.name})."
        failure = FailedSchedule(error, "s0:", found, (), reproducible=False)
        return self._report(failure, strategy.name)

    def _report(
        self,
        failure: FailedSchedule | None = None,
        name: str = "dfs",
        *,
        exhausted: bool = False,
        fits: bool = True,
        trace: Sequence[str] = (),
    ) -> Report:
        return Report(
            schedules=self._schedules,
            distinct=len(self._digests),
            seconds=self._seconds(),
            exhausted=exhausted,
            failure=failure,
            seed=None if name == "dfs" or failure is None else name,
            token=failure.token if failure is not None else None,
            reproducible=self._reproducible,
            fits=fits,
            trace=failure.trace if failure is not None else trace,
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def _deviations(answers: Sequence[int]) -> str:
    match deviations(answers):
        case 0:
            return "the plain order"
        case 1:
            return "1 deviation"
        case number:
            return f"{number} deviations"
