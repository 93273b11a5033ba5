"""``/providers``: the actors, as they last published themselves."""

from __future__ import annotations

import pytest
import trio

from actors import Transition
from actors.notices import LastFailure, ProbeRecord
from tests.kit.web import Client, FakeDispatcher, fake_services, snapshot


def client_of(*snapshots):
    """A client of a node whose circuits have published these."""
    dispatcher = FakeDispatcher(snapshots=snapshots)
    kinds = {one.name: "mailgun" for one in snapshots}
    return Client(fake_services(dispatcher=dispatcher, kinds=kinds))


async def test_a_snapshot(autojump_clock):
    """Every field by its name in the contract; times of the run are times of day, in UTC."""
    await trio.sleep(100)
    moves = (Transition(at=40.0, source="closed", target="open", reason="timeout"),)
    client = client_of(
        snapshot(
            "eu",
            state="open",
            reason="timeout",
            since=40.0,
            epoch=7,
            in_flight=3,
            settling=2,
            limit=1,
            mailbox_depth=4,
            due_at=102.5,
            last_probe=ProbeRecord(at=95.0, outcome="not_sent", seconds=0.12345),
            last_failure=LastFailure(at=99.9996, reason="unavailable"),
            counts={"sent": 5, "unknown": 1},
            restarts=1,
            transitions=moves,
        )
    )
    answer = await client.ask("/providers/eu")
    shown = answer.json
    shown.pop("latency_seconds", None)  # computed when read; has tests of its own
    assert answer.status == 200
    assert shown == {
        "name": "eu",
        "kind": "mailgun",
        "state": "open",
        "reason": "timeout",
        "since": "2026-01-02T11:59:00.000Z",
        "epoch": 7,
        "in_flight": 3,
        "settling": 2,
        "limit": 1,
        "max_in_flight": 256,
        "mailbox": {"depth": 4, "capacity": 1024},
        "next_probe_at": "2026-01-02T12:00:02.500Z",
        "last_probe": {
            "at": "2026-01-02T11:59:55.000Z",
            "outcome": "not_sent",
            "seconds": 0.123,
        },
        "last_failure": {"at": "2026-01-02T11:59:59.999Z", "reason": "unavailable"},
        "counts": {"sent": 5, "rejected": 0, "not_sent": 0, "unknown": 1, "refused": 0},
        "restarts": 1,
        "alive": True,
        "transitions": [
            {
                "at": "2026-01-02T11:59:00.000Z",
                "from": "closed",
                "to": "open",
                "reason": "timeout",
            }
        ],
    }


async def test_a_limit_that_grows(autojump_clock):
    """It is told as of now, whenever the circuit was last heard of; one that does not grow is as it
    was."""
    growing, alone = snapshot("a", limit=2, limit_grows_from=0.0), snapshot("b", limit=2)
    client = client_of(growing, alone)
    told = []
    for _ in range(3):
        body = (await client.ask("/providers")).json
        told.append([one["limit"] for one in body["providers"]])
        await trio.sleep(15)
    assert told == [[2, 2], [128, 2], [256, 2]]


async def test_what_has_not_happened():
    """What there is not is null, not missing."""
    body = (await client_of(snapshot("eu")).ask("/providers/eu")).json
    assert (body["next_probe_at"], body["last_probe"], body["last_failure"]) == (None, None, None)
    assert body["transitions"] == []


@pytest.mark.parametrize("state", ["closed", "held_open", "held_closed", "quarantined"])
async def test_no_probe_without_an_open_circuit(state):
    """The end of a hold is no probe."""
    client = client_of(snapshot("eu", state=state, due_at=30.0))
    assert (await client.ask("/providers/eu")).json["next_probe_at"] is None


async def test_all_providers(autojump_clock):
    """All are listed, in routing order."""
    client = client_of(snapshot("b"), snapshot("a"), snapshot("c"))
    body = (await client.ask("/providers")).json
    assert [one["name"] for one in body["providers"]] == ["b", "a", "c"]
    assert body["providers"][0] == (await client.ask("/providers/b")).json


async def test_an_unknown_provider():
    """404."""
    answer = await client_of(snapshot("a")).ask("/providers/b")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
