"""Fakes around one circuit: a far side that does what the question says, a judge that can break,
an observer that remembers, and ``running``, which puts a circuit under a supervisor.

A question *is* its script, and an answer *is* its verdict, so a test reads in one line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TypeVar

import trio
import trio.testing

from actors import (
    Answered,
    Circuit,
    Config,
    Fault,
    Intensity,
    Notice,
    Progress,
    Refused,
    Replied,
    Reply,
    Snapshot,
    Success,
    Supervisor,
    Unanswered,
    Verdict,
)

T = TypeVar("T")
DOWN = Fault("down")


@dataclass(frozen=True, eq=False)
class Act:
    """A question that says what the far side does with it; all times in seconds.

    It works ``before_s``, commits unless ``commits`` is false, works ``after_s`` and says
    ``says``. ``raises`` is a bug in place of that end. ``closing_s`` is what a cancelled call
    takes to go away; ``deaf`` ones don't hear of it and answer all the same. ``stage`` is what it
    says that it is doing.
    """

    says: Verdict = Success()  # noqa: RUF009 - a frozen value
    before_s: float = 0.0
    after_s: float = 0.0
    commits: bool = True
    raises: BaseException | None = None
    closing_s: float = 0.0
    deaf: bool = False
    stage: str = ""


HUNG_S = 1e6
"""Longer than any test."""


class FarSide:
    """What a circuit stands in front of. Remembers when it was called, and what was wrong."""

    def __init__(self, *probes: Act) -> None:
        self.probes = list(probes)
        """What the next probes do; a probe without a script passes at once."""
        self.called_at: list[float] = []
        self.probed_at: list[float] = []
        self.committed: list[Act] = []
        self.answered: list[Act] = []
        """What has come to its own end: from that step on the answer is in the actor's hands."""
        self.calls = 0
        """The calls under way."""
        self.probes_running = 0
        self.probes_peak = 0

    async def call(self, act: Act, progress: Progress) -> Verdict:
        self.called_at.append(trio.current_time())
        self.calls += 1
        try:
            verdict = await self.play(act, progress)
            self.answered.append(act)
            return verdict
        finally:
            self.calls -= 1

    async def probe(self) -> Verdict:
        self.probed_at.append(trio.current_time())
        self.probes_running += 1
        self.probes_peak = max(self.probes_peak, self.probes_running)
        act = self.probes.pop(0) if self.probes else Act()
        try:
            return await self.play(act, None)
        finally:
            self.probes_running -= 1

    async def play(self, act: Act, progress: Progress | None) -> Verdict:
        with trio.CancelScope(shield=act.deaf):
            try:
                if progress is not None:
                    progress.stage = act.stage
                await _take(act.before_s)
                if act.commits and progress is not None:
                    progress.commit()
                    self.committed.append(act)
                await _take(act.after_s)
            finally:
                if act.closing_s:
                    with trio.CancelScope(shield=True):
                        await trio.sleep(act.closing_s)
        if act.raises is not None:
            raise act.raises
        return act.says


async def _take(seconds: float) -> None:
    """Work for so long; no time at all is not even a checkpoint."""
    if seconds:
        await trio.sleep(seconds)


class PlainJudge:
    """Reads a verdict as itself. ``breaks_on`` makes it raise, as a bug in a judge would."""

    def __init__(self) -> None:
        self.breaks_on: Callable[[object], bool] = lambda _: False

    def verdict(self, answer: Verdict) -> Verdict:
        if self.breaks_on(answer):
            raise RuntimeError("a bug in verdict()")
        return answer

    def word(self, reply: Reply[Verdict]) -> str:
        if self.breaks_on(reply):
            raise RuntimeError("a bug in word()")
        match reply:
            case Answered(answer):
                return type(answer).__name__.lower()
            case Refused(reason):
                return reason.value
            case Unanswered(cause):
                return cause.value


class Recorder:
    """An observer that remembers every notice. ``breaks_on`` makes it raise."""

    def __init__(self) -> None:
        self.notices: list[Notice[Act, Verdict]] = []
        self.breaks_on: Callable[[object], bool] = lambda _: False

    def __call__(self, notice: Notice[Act, Verdict]) -> None:
        self.notices.append(notice)
        if self.breaks_on(notice):
            raise RuntimeError("a bug in observe()")

    def of(self, kind: type[T]) -> list[T]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


@dataclass
class Pending:
    """A question that somebody has asked in a task of its own."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    reply: Reply[Verdict] | None = None
    replied_at: float | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def answered(self) -> Reply[Verdict]:
        await self.over.wait()
        assert self.reply is not None
        return self.reply


class Rig:
    """One circuit, what is around it, and the nursery in which its askers live."""

    def __init__(
        self, config: Config, *probes: Act, intensity: Intensity = Intensity(), seed: int = 0
    ) -> None:
        self.config = config
        self.far = FarSide(*probes)
        self.judge = PlainJudge()
        self.seen = Recorder()
        self.circuit = self.another(config, seed)
        self.supervisor = Supervisor([self.circuit], intensity)
        self.nursery: trio.Nursery | None = None
        self.begun: list[Pending] = []
        """Whoever asks, or will ask, in a task of its own."""
        self.replies = 0
        """How many askers have read their reply."""

    def another(self, config: Config, seed: int = 0) -> Circuit[Act, Verdict]:
        """A circuit before the same far side, with the same judge and observer."""
        return Circuit(
            config,
            call=self.far.call,
            probe=self.far.probe,
            judge=self.judge,
            observe=self.seen,
            random=Random(seed),
        )

    @property
    def now_shows(self) -> Snapshot:
        return self.circuit.snapshot

    async def ask(self, act: Act | None = None, *, within_s: float = inf) -> Reply[Verdict]:
        """Ask and wait for the reply."""
        reply = await self.circuit.ask(act or Act(), deadline=trio.current_time() + within_s)
        self.replies += 1
        return reply

    def begin(
        self, act: Act | None = None, *, within_s: float = inf, starts_at: float | None = None
    ) -> Pending:
        """Ask in a task of its own, now or at an instant."""
        pending = Pending()
        self.begun.append(pending)

        async def asker() -> None:
            with pending.scope:
                if starts_at is not None:
                    await trio.sleep_until(starts_at)
                pending.reply = await self.ask(act, within_s=within_s)
                pending.replied_at = trio.current_time()
            pending.over.set()

        assert self.nursery is not None
        self.nursery.start_soon(asker)
        return pending

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Let a task of its own do this after a while."""

        async def do() -> None:
            await trio.sleep(seconds)
            act()

        assert self.nursery is not None
        self.nursery.start_soon(do)

    async def quiet(self) -> Snapshot:
        """Until nothing can run before time passes; the laws are checked there."""
        await trio.testing.wait_all_tasks_blocked()
        self.check()
        return self.circuit.snapshot

    async def at(self, when: float) -> Snapshot:
        """Let time pass until ``when``, and everything due by then happen."""
        await trio.sleep_until(when)
        return await self.quiet()

    async def trip(self) -> None:
        """Open the circuit by one failed call."""
        await self.ask(Act(DOWN))
        assert self.now_shows.state == "open"

    def check(self) -> None:
        """What holds at any moment at which nothing can run."""
        shown = self.circuit.snapshot
        assert not shown.alive or shown.in_flight == self.far.calls
        assert self.far.calls <= self.config.max_in_flight
        assert 0 <= shown.settling <= shown.in_flight
        assert 1 <= shown.limit <= self.config.max_in_flight
        assert self.far.probes_peak <= 1
        questions = [id(replied.question) for replied in self.seen.of(Replied)]
        assert len(questions) == len(set(questions)), "a question was answered twice"


def config(**changes: object) -> Config:
    """A circuit's settings in round numbers."""
    values: dict[str, object] = {
        "name": "far",
        "timeout_s": 2.0,
        "settle_s": 30.0,
        "probe_s": 15.0,
        "base_s": 5.0,
        "cap_s": 60.0,
        "max_in_flight": 8,
        "mailbox_capacity": 16,
    }
    return Config(**{**values, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def running(
    *probes: Act,
    intensity: Intensity = Intensity(),
    seed: int = 0,
    beside: bool = False,
    **changes: object,
) -> AsyncGenerator[Rig, None]:
    """A circuit under its supervisor, until the block ends; then it is drained. With ``beside``
    the supervisor has an idle one as well, so that one in quarantine is not all."""
    rig = Rig(config(**changes), *probes, intensity=intensity, seed=seed)
    if beside:
        idle = rig.another(config(name="beside"))
        rig.supervisor = Supervisor([rig.circuit, idle], intensity)
    async with trio.open_nursery() as nursery:
        rig.nursery = nursery
        await nursery.start(rig.supervisor.run)
        yield rig
        await rig.quiet()
        await rig.supervisor.drain(0.0)
        nursery.cancel_scope.cancel()


async def crash(rig: Rig) -> None:
    """Make the actor crash once: its observer raises at the next reply."""
    rig.seen.breaks_on = lambda notice: isinstance(notice, Replied)
    pending = rig.begin(Act(says=Success()))
    await trio.testing.wait_all_tasks_blocked()
    rig.seen.breaks_on = lambda _: False
    assert pending.reply is not None
    await rig.quiet()
