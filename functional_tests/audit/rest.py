"""The nodes at rest: before the first message and after the last one they hold the same.

Owns what can be seen from outside of a leak: circuits, calls in flight, descriptors, threads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from functional_tests.audit.books import SUBJECT, Told
from functional_tests.audit.callers import OUTCOMES
from functional_tests.audit.nodes import Node, Nodes
from functional_tests.audit.people import refused_in
from functional_tests.audit.promise import End, Request
from functional_tests.audit.vitals import Sample, sample
from functional_tests.kit.smsp import Answer

FIRST_NUMBER = 1 << 31
"""The messages sent at rest are counted from here, the others from 0."""
IDLE_S = 11.0
"""After so long an idle connection to a provider is not used again."""
QUIET_WITHIN_S = 30.0


@dataclass
class Rest:
    """Both nodes before and after."""

    nodes: Nodes
    providers: Sequence[str]
    told: Told
    first: Sample = field(init=False)
    last: Sample = field(init=False)
    """Of the node that stays."""
    _number: int = FIRST_NUMBER

    async def before(self) -> None:
        """Let every node send a message to every provider, and see what it holds then."""
        for node in self.nodes.both:
            await trio.to_thread.run_sync(self._send_to_all, node)
        self.first = sample(self.nodes.staying.process.pid)

    async def after(self) -> list[str]:
        """Wait until nothing is under way and connections are old; everything that is wrong."""
        wrongs = []
        for node in self.nodes.both:
            wrongs += await _not_quiet(node)
        await trio.sleep(IDLE_S)
        for node in self.nodes.both:
            wrongs += await trio.to_thread.run_sync(self._send_to_all, node)
        self.last = sample(self.nodes.staying.process.pid)
        # One more for each provider: the connection of its probes, of which there were none before.
        if self.last.descriptors > self.first.descriptors + len(self.providers):
            held = f"{self.last.descriptors} descriptors, {self.first.descriptors} at first"
            wrongs.append(f"the node that stays holds {held}")
        return wrongs

    def _send_to_all(self, node: Node) -> list[str]:
        return [why for name in self.providers for why in self._send(node, name)]

    def _send(self, node: Node, provider: str) -> list[str]:
        number, began_at = self._number, time.time()
        self._number += 1
        answer = node.smsp.send(provider=provider, subject=f"{SUBJECT}{number}")
        self.told.add(number, keyed=False, requests=[_request(answer, began_at)])
        if answer.outcome == "sent":
            return []
        return [f"{node.name} at rest could not send to {provider}: {answer.body}"]


async def _not_quiet(node: Node) -> list[str]:
    give_up_at = trio.current_time() + QUIET_WITHIN_S
    while busy := await trio.to_thread.run_sync(_busy, node):
        if trio.current_time() > give_up_at:
            return [f"{node.name} has not come to rest: {one}" for one in busy]
        await trio.sleep(0.1)
    return []


def _busy(node: Node) -> list[dict]:
    """The snapshots of circuits that are not closed, or have something under way."""
    return [
        one
        for one in node.smsp.providers()
        if one["state"] != "closed"
        or one["in_flight"]
        or one["settling"]
        or one["mailbox"]["depth"]
    ]


def _request(answer: Answer, began_at: float) -> Request:
    end = OUTCOMES.get((answer.status, answer.outcome or ""), End.NONSENSE)
    known = None if answer.id is None else bytes.fromhex(answer.id.replace("-", ""))
    refused = refused_in(answer.body) if end is End.SENT else None
    provider = answer.body.get("provider")
    return Request(end, began_at, time.time(), answer.status, known, provider, refused)
