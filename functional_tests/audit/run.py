"""One audit from its first process to its last: start, send amid the weather, mend, stop, judge.

Owns the order of these. The weather, the callers, the books and the judgement each have a module.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trio

from functional_tests.audit.books import Taken, Told, stories
from functional_tests.audit.callers import Load
from functional_tests.audit.nodes import Node, Nodes, nodes
from functional_tests.audit.promise import End, Story, Violation, violations
from functional_tests.audit.providers import KINDS, Providers, providers
from functional_tests.audit.rest import Rest
from functional_tests.audit.timeline import Timeline
from functional_tests.audit.vitals import Sample, sample
from functional_tests.audit.weather import Weather
from functional_tests.kit.nginx import in_front_of
from functional_tests.kit.smsp import KEY

VIOLATIONS_KEPT = 20
LOOK_EVERY_S = 1.0
TELL_EVERY_S = 10.0
EVER = 2**31 - 1
"""More messages than there is time for."""
DECISIVE = (End.SENT, End.REJECTED, End.UNKNOWN, End.FAULT, End.HUNG_UP, End.NOT_SENT, End.REFUSED)
"""The first of these among a message's ends is what became of it."""


@dataclass(frozen=True)
class Plan:
    """What is to be done: ``messages`` within ``seconds``, or as many as there is time for."""

    messages: int | None
    seed: int
    callers: int = 300
    per_s: float | None = None
    seconds: float = float("inf")
    calm: float = 1.0
    """How much more time than usual lies between two troubles."""
    fair: bool = False
    """No faults, and nobody is replaced."""


@dataclass
class Result:
    """What came of it."""

    plan: Plan
    timeline: Timeline
    seconds: float = 0.0
    """Of the sending alone."""
    messages: int = 0
    requests: int = 0
    told_bytes: int = 0
    table: Counter[tuple[End, int]] = field(default_factory=Counter)
    """Messages by what became of them, and how often they were taken."""
    ends: Counter[End] = field(default_factory=Counter)
    """Requests by how they ended."""
    partly: int = 0
    """Messages that were told to be sent, and not to everybody."""
    violations: Counter[Violation] = field(default_factory=Counter)
    examples: list[tuple[Violation, Story]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    """What is wrong beside the answers: circuits, descriptors, a node's end, a bug in its log."""
    logs: tuple[Path, ...] = ()
    """Of the nodes, life by life."""
    samples: list[Sample] = field(default_factory=list)
    """Of the node that stays."""
    rest: Rest | None = None


def audit(plan: Plan, folder: Path, say: Callable[[str], None]) -> Result:
    """Do it all. ``say`` gets a line now and then."""
    result = Result(plan, Timeline())
    told = Told(tuple(KINDS))
    with ExitStack() as stack:
        far = stack.enter_context(providers(folder, plan.seed))
        near = stack.enter_context(nodes(folder, far.settings))
        stack.enter_context(in_front_of([node.address for node in near.both], folder))
        socket = folder / "socket"
        load = Load(
            socket,
            KEY,
            plan.seed,
            told,
            lambda: near.turn,
            EVER if plan.messages is None else plan.messages,
            callers=plan.callers,
            per_s=plan.per_s,
        )
        say(f"seed {plan.seed}: three providers, two nodes and nginx are up")
        trio.run(_send, result, load, far, near, say)
        for node in near.both:
            node.stop()
    result.wrongs += near.wrongs + [f"{times} × {what}" for what, times in load.nonsense.items()]
    result.told_bytes = told.size
    result.logs = tuple(path for node in near.both for path in node.logs)
    _judge(result, told, far.journals)
    return result


async def _send(
    result: Result, load: Load, far: Providers, near: Nodes, say: Callable[[str], None]
) -> None:
    rest = result.rest = Rest(near, tuple(far.each), load.told)
    await rest.before()
    weather = Weather(result.plan.seed, result.plan.calm, far, near, result.timeline)
    load.until = time.time() + result.plan.seconds
    began_at = time.time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_look, near.staying, result.samples)
        nursery.start_soon(_tell, load, result.samples, say)
        if not result.plan.fair:
            nursery.start_soon(weather.run)
        await load.run()
        nursery.cancel_scope.cancel()
    result.seconds = time.time() - began_at
    result.messages, result.requests = load.ended, load.requests
    say(f"{load.ended:,} messages are through; waiting for everything to come to rest")
    if result.plan.messages is not None and load.ended < result.plan.messages:
        result.wrongs.append(
            f"time was up after {load.ended:,} of {result.plan.messages:,} messages"
        )
    await weather.mend()
    result.wrongs += await rest.after()


async def _look(node: Node, samples: list[Sample]) -> None:
    while True:
        samples.append(sample(node.process.pid))
        await trio.sleep(LOOK_EVERY_S)


async def _tell(load: Load, samples: list[Sample], say: Callable[[str], None]) -> None:
    before = 0
    while True:
        await trio.sleep(TELL_EVERY_S)
        per_s = (load.ended - before) / TELL_EVERY_S
        before, last = load.ended, samples[-1]
        memory = f"{last.rss_bytes / 2**20:.1f} MiB, {last.descriptors} descriptors"
        say(f"{load.ended:,} messages, {per_s:,.0f}/s; the node that stays: {memory}")


def _judge(result: Result, told: Told, journals: Mapping[str, Path]) -> None:
    for story in stories(told, Taken(journals)):
        ends = [request.end for request in story.requests]
        result.ends.update(ends)
        became = next((end for end in DECISIVE if end in ends), ends[-1] if ends else End.SILENT)
        result.table[became, len(story.acceptances)] += 1
        result.partly += any(one.end is End.SENT and one.refused for one in story.requests)
        for violation in violations(story):
            result.violations[violation] += 1
            if len(result.examples) < VIOLATIONS_KEPT:
                result.examples.append((violation, story))
