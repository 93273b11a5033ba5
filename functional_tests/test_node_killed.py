"""A node is killed under load: whoever was with it hears of it in time, nothing is doubled, the
other node goes on, and the one that replaces it at its address is used again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from functional_tests.audit.books import Taken, Told, stories
from functional_tests.audit.callers import Load
from functional_tests.audit.nodes import Nodes, nodes
from functional_tests.audit.promise import End, Story, violations
from functional_tests.audit.providers import KINDS, Providers, providers
from functional_tests.kit.nginx import in_front_of
from functional_tests.kit.smsp import KEY

SEED = 821
PER_S = 150.0
KILLED_AFTER_S, DEAD_FOR_S, GOES_ON_FOR_S = 2.0, 1.5, 2.0
MESSAGES_MAX = 10_000
"""More than there is time for, even if the new node takes a minute to start."""
ANSWER_WITHIN_S = 20.0
"""Of any request; a provider takes at most a second here, and a busy machine its time."""


@dataclass
class Scene:
    """Providers, nodes, and nginx's socket."""

    far: Providers
    near: Nodes
    socket: Path


@pytest.fixture
def scene(tmp_path) -> Iterator[Scene]:
    """Everything up, and providers slow enough for a killed node to have something under way."""
    with ExitStack() as stack:
        far = stack.enter_context(providers(tmp_path, SEED))
        near = stack.enter_context(nodes(tmp_path, far.settings))
        stack.enter_context(in_front_of([node.address for node in near.both], tmp_path))
        for provider in far.each.values():
            provider.mix({"slow-200ms": 1.0})
        yield Scene(far, near, tmp_path / "socket")


def test_a_node_is_killed_under_load(scene):
    """No answer is untrue, none is late, and both nodes have mail before and after."""
    told = Told(tuple(KINDS))
    load = Load(scene.socket, KEY, SEED, told, lambda: scene.near.turn, MESSAGES_MAX, per_s=PER_S)
    killed_at, replaced_at = trio.run(_send_and_kill, load, scene.near)
    taken = Taken(scene.far.journals)
    seen = list(stories(told, taken))
    assert [(one, found) for one in seen if (found := list(violations(one)))] == []
    assert max(_seconds(seen)) < ANSWER_WITHIN_S
    # Some were with it when it died; others were sent while it was dead, and after it was replaced.
    assert _ended(seen, End.FAULT, killed_at - 1, killed_at + 1)
    assert _ended(seen, End.SENT, killed_at + 0.2, replaced_at)
    assert _ended(seen, End.SENT, replaced_at, time.time())
    assert scene.near.replaced.smsp.provider("mailgun")["counts"]["sent"] > 0
    for node in scene.near.both:
        node.stop()
    assert scene.near.wrongs == []


async def _send_and_kill(load: Load, near: Nodes) -> tuple[float, float]:
    """Send it all; when the node was killed, and when it was there again."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        await trio.sleep(KILLED_AFTER_S)
        near.turn += 1
        killed_at = time.time()
        await trio.to_thread.run_sync(near.replaced.process.kill)
        await trio.sleep(DEAD_FOR_S)
        await trio.to_thread.run_sync(near.replaced.start)
        near.turn += 1
        replaced_at = time.time()
        load.until = replaced_at + GOES_ON_FOR_S
    return killed_at, replaced_at


def _seconds(seen: list[Story]) -> list[float]:
    return [one.ended_at - one.began_at for story in seen for one in story.requests]


def _ended(seen: list[Story], end: End, begin: float, until: float) -> bool:
    return any(
        one.end is end and begin <= one.ended_at <= until
        for story in seen
        for one in story.requests
    )
