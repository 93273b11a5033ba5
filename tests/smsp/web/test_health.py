"""Whether the process lives, whether it should get traffic, and how its circuits are."""

from __future__ import annotations

import pytest

from smsp.web.services import Readiness
from tests.kit.web import OBSERVE_KEY, SEND_KEY, Client, FakeDispatcher, fake_services, snapshot

WORDS = [
    (("closed", "closed"), "ok"),
    (("closed", "held_closed"), "ok"),
    (("closed", "open"), "degraded"),
    (("held_open", "held_closed"), "degraded"),
    (("quarantined", "closed"), "degraded"),
    (("open", "open"), "down"),
    (("held_open", "quarantined"), "down"),
]


def client_of(*states, started=True, draining=False):
    """A client of a node with circuits in these states."""
    dispatcher = FakeDispatcher(
        snapshots=[snapshot(name, state=state) for name, state in zip("ab", states, strict=True)]
    )
    return Client(fake_services(dispatcher=dispatcher, readiness=Readiness(started, draining)))


@pytest.mark.parametrize(("states", "word"), WORDS)
async def test_the_word_for_all_circuits(states, word):
    """``ok`` when all take mail, ``degraded`` when some do, ``down`` when none does."""
    answer = await client_of(*states).ask("/healthcheck", key=None)
    assert (answer.status, answer.json) == (200, {"status": word})


async def test_the_word_while_stopping():
    """``draining``, whatever the circuits."""
    answer = await client_of("open", "closed", draining=True).ask("/healthcheck", key=None)
    assert (answer.status, answer.json) == (200, {"status": "draining"})


async def test_health_for_an_observer():
    """With a key that may observe: version, node, what it allows, and each circuit's state."""
    answer = await client_of("closed", "open").ask("/healthcheck", key=OBSERVE_KEY)
    told = {
        "status": "degraded",
        "version": "1.2.3",
        "node": "node-1",
        "scopes": ["observe"],
        "providers": {"a": "closed", "b": "open"},
    }
    assert answer.json == told


@pytest.mark.parametrize("key", [SEND_KEY, "a-wrong-key"])
async def test_health_for_anybody_else(key):
    """A key that may not observe, or is none, shows what anybody sees."""
    answer = await client_of("closed", "closed").ask("/healthcheck", key=key)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("node", [{"started": False}, {"draining": True}, {}])
async def test_alive(node):
    """``livez`` is 200 for as long as the process answers at all."""
    answer = await client_of("quarantined", "quarantined", **node).ask("/livez", key=None)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("states", [states for states, word in WORDS])
async def test_ready(states):
    """Whatever the circuits, unless all are quarantined: another node's would be no better."""
    answer = await client_of(*states).ask("/readyz", key=None)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("states", "node", "why"),
    [
        (("closed", "closed"), {"started": False}, "The actors have not started."),
        (("closed", "closed"), {"draining": True}, "This node is stopping."),
        (("quarantined", "quarantined"), {}, "Every actor is quarantined."),
    ],
)
async def test_not_ready(states, node, why):
    """503 before the actors have started, while draining, and when nothing is left to serve."""
    answer = await client_of(*states, **node).ask("/readyz", key=None)
    assert (answer.status, answer.json["message"]) == (503, why)


@pytest.mark.parametrize(("states", "word"), WORDS)
async def test_ready_by_the_circuits(states, word):
    """``circuits=any`` asks for at least one circuit that can take mail."""
    answer = await client_of(*states).ask("/readyz?circuits=any", key=None)
    assert answer.status == (503 if word == "down" else 200)
