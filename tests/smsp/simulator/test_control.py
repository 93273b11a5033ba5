"""The control port: reading the outbox, and turning the providers' switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import orjson
import pytest
import trio
from trio.testing import memory_stream_pair

from smsp.simulator import FaultMix, Outbox, Position, Request, Submission, fault_table
from smsp.simulator.control import Control
from tests.kit.peer import Peer


@dataclass
class Provider:
    """What the control port sees of a provider."""

    name: str
    url: str = "http://127.0.0.1:1"
    switch: Position = Position.UP
    mix: FaultMix = field(default_factory=lambda: FaultMix(Random(0)))

    async def set_switch(self, position):
        """Be turned."""
        self.switch = position


class Desk:
    """A control interface and what it controls."""

    def __init__(self):
        self.mailgun = Provider("mailgun")
        self.outbox = Outbox()
        self.control = Control({"mailgun": self.mailgun}, self.outbox)
        for smsp_id in ("a", "a", "b"):
            self.outbox.take("mailgun", Submission(smsp_id, ("bob@example.org",), "hi"))
        self.outbox.take("mailgun", Submission("c", ("bob@example.org",), "hi", test=True))

    async def get(self, path):
        """Status and JSON of a GET."""
        answer = await self.control.answer(Request("GET", path))
        return answer.status, orjson.loads(answer.body)


@pytest.fixture
def desk():
    """One provider that took a message twice, another once, and a probe."""
    return Desk()


async def test_the_outbox(desk):
    """Totals, and the last messages whole."""
    status, outbox = await desk.get("/outbox")
    messages = outbox.pop("messages")
    assert status == 200
    assert outbox == {
        "accepted": {"mailgun": 3},
        "tested": {"mailgun": 1},
        "ids": 2,
        "duplicated": 1,
        "forgotten": 0,
    }
    assert [message["smsp_id"] for message in messages] == ["a", "a", "b"]
    assert messages[0]["recipients"] == ["bob@example.org"]


async def test_how_often_each_message_was_taken(desk):
    """All at once, or one by its id; one that was never seen was taken 0 times."""
    assert await desk.get("/outbox/counts") == (200, {"a": 2, "b": 1})
    assert await desk.get("/outbox/counts/a") == (200, {"a": 2})
    assert await desk.get("/outbox/counts/z") == (200, {"z": 0})


async def test_forgetting_the_outbox(desk):
    """``DELETE`` begins a new count."""
    assert (await desk.control.answer(Request("DELETE", "/outbox"))).status == 204
    assert await desk.get("/outbox/counts") == (200, {})


async def test_the_providers(desk):
    """Where each is, how its switch stands, and which faults it has."""
    shown = {"name": "mailgun", "url": "http://127.0.0.1:1", "switch": "up", "faults": {}}
    assert await desk.get("/providers") == (200, {"providers": [shown]})


@pytest.mark.parametrize("body", [b'{"switch": "down"}', b"down", b"down\n", b'"down"'])
async def test_turning_a_switch(desk, body):
    """As JSON, or as just the word: easy to type after ``curl -X PUT -d``."""
    answer = await desk.control.answer(Request("PUT", "/providers/mailgun", {}, body))
    assert (answer.status, orjson.loads(answer.body)["switch"]) == (200, "down")
    assert desk.mailgun.switch is Position.DOWN


@pytest.mark.parametrize("body", [b"", b"off", b"{}", b"[1]", b'{"switch": 3}', b"\xff"])
async def test_a_switch_has_four_positions(desk, body):
    """Anything else is refused with their names, and nothing is turned."""
    answer = await desk.control.answer(Request("PUT", "/providers/mailgun", {}, body))
    assert answer.status == 400
    assert "up, down, hang, stall" in orjson.loads(answer.body)["message"]
    assert desk.mailgun.switch is Position.UP


async def test_faults_by_chance(desk):
    """What is put replaces what was there, and is shown."""
    for shares in ({"error": 0.25, "slow-20ms": 0.5}, {"drop": 1}, {}):
        body = orjson.dumps(shares)
        answer = await desk.control.answer(Request("PUT", "/providers/mailgun/faults", {}, body))
        assert (answer.status, orjson.loads(answer.body)["faults"]) == (200, shares)
        assert desk.mailgun.mix.shares == shares


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"eror": 0.5}', "no fault 'eror'"),
        (b'{"error": 1.5}', "'error' is not from 0 to 1"),
        (b'{"error": 0.6, "drop": 0.6}', "more than 1"),
        (b'{"error": "half"}', "share"),
        (b'{"error": true}', "share"),
        (b'["error"]', "share"),
        (b"error", ""),
    ],
)
async def test_faults_that_cannot_be(desk, body, why):
    """They are refused with the reason, and nothing is changed."""
    desk.mailgun.mix.set({"busy": 0.5})
    answer = await desk.control.answer(Request("PUT", "/providers/mailgun/faults", {}, body))
    assert answer.status == 400
    assert why in orjson.loads(answer.body)["message"]
    assert desk.mailgun.mix.shares == {"busy": 0.5}


async def test_the_fault_table(desk):
    """Text for people, as in the documentation."""
    answer = await desk.control.answer(Request("GET", "/faults"))
    assert (answer.status, answer.body.decode()) == (200, fault_table())


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/outbox"), ("PUT", "/providers/nobody"), ("GET", "/outbox/a")],
)
async def test_nothing_else_is_there(desk, method, path):
    """404, with a message."""
    assert (await desk.control.answer(Request(method, path))).status == 404


async def test_it_is_served_over_http(desk):
    """Requests follow each other on one connection."""
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.control.serve, theirs)
        peer = Peer(ours)
        for _ in range(2):
            reply = await peer.ask(b"GET /outbox/counts/a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (reply.status, orjson.loads(reply.body)) == (200, {"a": 2})
        await ours.aclose()
