"""What befalls providers and nodes, and in which order: decks of faults, shuffled by the seed.

Every fault comes once before any comes again. How the faults of one provider meet those of another,
and which messages they meet, is the machine's business, and must not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import trio

from functional_tests.audit.nodes import Nodes
from functional_tests.audit.providers import Provider, Providers
from functional_tests.audit.timeline import Timeline


@dataclass(frozen=True)
class Trouble:
    """One card: faults by their share, or a turn of the switch, or SIGKILL if it is neither."""

    name: str
    shares: Mapping[str, float] = field(default_factory=dict)
    switch: str | None = None


DECK = (
    Trouble("latency", {"slow-150ms": 0.5, "slow-600ms": 0.2}),
    Trouble("errors (5xx)", {"error": 0.2, "busy": 0.2, "accept-then-error": 0.2}),
    Trouble("throttled, told how long", {"throttle": 0.2}),
    Trouble("throttled, not told how long", {"throttle-mute": 0.5}),
    Trouble("dropped before acceptance", {"drop": 0.4}),
    Trouble("dropped after acceptance", {"accept-then-drop": 0.4}),
    Trouble("hung", {"hang": 0.2, "accept-then-hang": 0.2}),
    Trouble("garbage", {"garbage": 0.2, "cut": 0.2, "html": 0.1, "redirect": 0.1}),
    Trouble("account", {"unauthorised": 0.2, "credits": 0.2, "sender": 0.2}),
    Trouble("connections refused", switch="down"),
    Trouble("connections not accepted", switch="hang"),
    Trouble("requests not read", switch="stall"),
    Trouble("killed (SIGKILL)"),
)
TROUBLE_S, CALM_S = (0.2, 1.0), (0.3, 1.5)
REPLACED_EVERY_S = 12.0
FIRST_REPLACED_AFTER_S = 3.0


def dealt(random: Random, deck: Sequence[Trouble] = DECK) -> Iterator[Trouble]:
    """The deck again and again, shuffled anew each time."""
    while True:
        yield from random.sample(deck, len(deck))


@dataclass
class Weather:
    """Trouble for each provider and replacements for a node, until cancelled."""

    seed: int
    calm: float
    providers: Providers
    nodes: Nodes
    timeline: Timeline

    async def run(self) -> None:
        """Go on until cancelled; what is broken then is left so: see :meth:`mend`."""
        async with trio.open_nursery() as nursery:
            for provider in self.providers.each.values():
                nursery.start_soon(self._trouble, provider)
            nursery.start_soon(self._replace)

    async def mend(self) -> None:
        """Everybody is well again."""
        for provider in self.providers.each.values():
            if not provider.process.is_running:
                await trio.to_thread.run_sync(provider.start)
            await _end(provider)
        self.timeline.note("all is mended")

    async def _trouble(self, provider: Provider) -> None:
        random = Random(f"{self.seed}:{provider.name}")
        for trouble in dealt(random):
            await trio.sleep(self.calm * random.uniform(*CALM_S))
            self.timeline.note(f"{provider.name}: {trouble.name}", counted=trouble.name)
            await _begin(provider, trouble)
            await trio.sleep(random.uniform(*TROUBLE_S))
            if not provider.process.is_running:
                await trio.to_thread.run_sync(provider.start)
            await _end(provider)
            self.timeline.note(f"{provider.name}: well")

    async def _replace(self) -> None:
        await trio.sleep(FIRST_REPLACED_AFTER_S)
        while True:
            self.timeline.note("a node: SIGTERM", counted="nodes replaced (SIGTERM)")
            # A replacement that has begun is done: the run ends with two nodes.
            with trio.CancelScope(shield=True):
                await self.nodes.replace()
            self.timeline.note("a node: replaced")
            await trio.sleep(self.calm * REPLACED_EVERY_S)


async def _begin(provider: Provider, trouble: Trouble) -> None:
    if trouble.shares:
        await trio.to_thread.run_sync(provider.mix, trouble.shares)
    elif trouble.switch is not None:
        await trio.to_thread.run_sync(provider.turn, trouble.switch)
    else:
        await trio.to_thread.run_sync(provider.kill)


async def _end(provider: Provider) -> None:
    await trio.to_thread.run_sync(provider.turn, "up")
    await trio.to_thread.run_sync(provider.mix, {})
