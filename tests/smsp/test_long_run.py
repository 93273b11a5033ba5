"""An hour of a whole node in virtual time: mail at random, and every fault there is, coming and
going at two providers. What holds at its end holds all along, and nothing has grown.

The load and the weather are a seed's; the house adds its own chance, as it does in production.
"""

from __future__ import annotations

import gc
from collections import Counter
from functools import partial

import pytest
import trio

from tests.kit.far_weather import FAIR, FOUL, Provider
from tests.kit.long_run import KEYS_MAX, MAX_IN_FLIGHT, PROVIDERS, TIMES, Node, running_node

HOUR_S = 3600.0
CENSUS_S = (HOUR_S / 2, HOUR_S)
"""When everything is counted; for ``FAIR_S`` before that the weather is fair."""
FAIR_S = 60.0
CLOSED_WITHIN_S = 10.0
"""The longest probe that began in a fault, the longest wait before the next, and that one."""
RECOVERED_WITHIN_S = CLOSED_WITHIN_S + 30.0
EVERY_S = 1.6
"""Between two messages, on average; some come in bursts."""
BURST = 14
TRANSITIONS_MAX = 64
OF_A_MESSAGE = {
    "smsp.sending.ledger.Record": 1,
    "smsp.sending.ledger.Claim": 1,
    "smsp.mail.dispatched.Dispatched": 1,
    "smsp.mail.dispatched.Route": 1,
    "smsp.mail.dispatched.Attempt": len(PROVIDERS),
    **{
        f"smsp.mail.outcome.{name}": 2 * len(PROVIDERS)
        for name in ("NotSent", "Unknown", "AttemptRefused")
    },
    **{f"smsp.mail.outcome.{name}": 2 for name in ("Sent", "Rejected")},
}
"""How many values of each type the ledger remembers of one message, at most; late ones, too."""
CONSTANTS_MAX = 40
"""Values of these types that stand in our modules' tables."""
CHANCE_MAX = 10
"""Values of a type that there may be more of at one moment than at another. What leaks, leaks with
each of a thousand messages or hundreds of polls."""
FAULTY = ("reject", "sender", "error", "accept-then-error", "accept-then-hang", "slow", "drop")
BUGS = {"adapter.failed", "actor.restarted", "actor.quarantined", "request.failed"}


@pytest.mark.parametrize("seed", range(4))
async def test_an_hour(seed, autojump_clock):
    """Every answer was true, every circuit recovered, and the node is as large as at half-time."""
    censuses, before = [], values_alive()
    async with running_node(seed) as node:
        for until in CENSUS_S:
            await half_an_hour(node, until)
            check_truth(node)
            check_metrics(node)
            check_stores(node)
            censuses.append(census(len(node.services.ledger._records), before))
        assert min(one.probed for one in node.far.providers.values()) > 10
    assert {*node.outcomes} == {"sent", "rejected", "not_sent", "unknown"}
    assert not BUGS & {*node.log.events}
    at_half_time, at_the_end = censuses
    grown = {name: more for name, more in (at_the_end - at_half_time).items() if more > CHANCE_MAX}
    assert grown == {}, "more of these than at half-time"


async def half_an_hour(node: Node, until: float) -> None:
    """Mail and every weather; then fair weather, in which all recovers; then nothing at all."""
    async with trio.open_nursery() as nursery:
        for provider in node.far.providers.values():
            nursery.start_soon(change_weather, node, provider, until - FAIR_S)
        nursery.start_soon(send_mail, node, until - FAIR_S, FAULTY)
    # As an operator would, who knows that all is mended: after relapses a circuit waits for long.
    for name in node.services.dispatcher.names:
        await node.services.dispatcher.order(name, "auto", None)
    await trio.sleep_until(until - FAIR_S + CLOSED_WITHIN_S)
    snapshots = node.services.dispatcher.snapshots()
    assert [one.state for one in snapshots] == ["closed"] * 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_mail, node, until - FAIR_S + RECOVERED_WITHIN_S - 1, ())
    await trio.sleep_until(until - FAIR_S + RECOVERED_WITHIN_S)
    await send_as_many_as_may_be(node)
    await trio.sleep_until(until)


async def send_as_many_as_may_be(node: Node) -> None:
    """Every circuit takes as much at once as before its faults."""
    before = node.attempts.copy()
    async with trio.open_nursery() as nursery:
        for name in PROVIDERS * MAX_IN_FLIGHT:
            nursery.start_soon(partial(node.send, "bob@example.org", 30.0, provider=name))
    news = node.attempts - before
    assert news == {(name, "sent"): MAX_IN_FLIGHT for name in PROVIDERS}


async def change_weather(node: Node, provider: Provider, until: float) -> None:
    """Fair and foul in turn."""
    random = node.random
    with trio.move_on_at(until):
        while True:
            await trio.sleep(random.expovariate(1 / 30))
            provider.weather = random.choice(FOUL)
            await trio.sleep(random.uniform(0.5, 25))
            provider.weather = FAIR
    provider.weather = FAIR


async def send_mail(node: Node, until: float, faulty: tuple[str, ...]) -> None:
    """Messages at random; some of them to recipients by whom a provider fails."""
    random = node.random
    async with trio.open_nursery() as callers:
        with trio.move_on_at(until):
            while True:
                await trio.sleep(random.expovariate(1 / EVERY_S))
                for _ in range(BURST if random.random() < 0.02 else 1):
                    name = random.choice(faulty) if faulty and random.random() < 0.05 else "bob"
                    deadline_s = random.choice((0.05, 0.3, 2.0, 30.0, 30.0, 30.0))
                    callers.start_soon(node.send, f"{name}@example.org", deadline_s)


def check_truth(node: Node) -> None:
    """Nobody was told what is not so, and no law was broken in front of a provider."""
    assert node.untrue == []
    assert [broken for one in node.far.providers.values() for broken in one.broken] == []
    taken = sum((one.taken for one in node.far.providers.values()), Counter())
    assert set(taken.values()) == {1}
    assert node.outcomes["sent"] <= len(taken) <= node.outcomes["sent"] + node.outcomes["unknown"]


def check_metrics(node: Node) -> None:
    """What is counted is what was said."""
    counted = samples(node.services.metrics.exposition().decode())
    messages = {name: counted[f'smsp_messages_total{{outcome="{name}"}}'] for name in TIMES}
    assert messages == {name: node.outcomes[name] for name in TIMES}
    for (provider, outcome), number in node.attempts.items():
        labels = f'outcome="{outcome}",provider="{provider}"'
        assert counted[f"smsp_attempts_total{{{labels}}}"] == number
    requests = [n for name, n in counted.items() if name.startswith("smsp_http_requests_total")]
    assert sum(requests) == node.asked


def check_stores(node: Node) -> None:
    """Nothing is in flight, and what is remembered is within its bounds."""
    for one in node.services.dispatcher.snapshots():
        assert (one.in_flight, one.settling, one.mailbox_depth, one.restarts) == (0, 0, 0, 0)
        assert len(one.transitions) <= TRANSITIONS_MAX
    ledger = node.services.ledger
    assert ledger.keys <= KEYS_MAX // 2, "one API key may hold half of them"
    # A message that was not sent, be it found out late, has freed its key, and is remembered.
    freed_max = node.outcomes["not_sent"] + node.outcomes["unknown"]
    assert len(ledger._records) <= ledger.keys + freed_max
    windows = node.services.watching.latency._windows.values()
    assert all(len(one._slices) <= 60 for one in windows)


def census(remembered: int, before: Counter[str]) -> Counter[str]:
    """How many values of each type of ours have come to life since ``before``, but for those whose
    number has a bound, which is checked here. ``remembered`` is how many messages the ledger knows.
    """
    alive = values_alive() - before
    for name, most in OF_A_MESSAGE.items():
        assert alive.pop(name, 0) <= most * remembered + CONSTANTS_MAX, name
    assert alive.pop("actors.breaker.Transition") <= TRANSITIONS_MAX * len(PROVIDERS)
    return alive


def values_alive() -> Counter[str]:
    """How many values there are of each type of ours, those of other tests included."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    ours = (kind for kind in kinds if str(kind.__module__).startswith(("smsp.", "actors.")))
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in ours)


def samples(exposition: str) -> dict[str, float]:
    """The numbers of Prometheus' text format, by name and labels."""
    lines = (line.rpartition(" ") for line in exposition.splitlines() if line[:1] != "#")
    return {name: float(number) for name, _, number in lines}
