"""``smsp.client`` against a running SMSP: four outcomes as four types, from two kinds of code."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio

from functional_tests.kit.smsp import KEY
from smsp.client import Client, NotSent, Rejected, RequestRefused, Sent, TrioClient, Unknown

SETTINGS = {"CALL_TIMEOUT": "0.6", "SETTLE_TIMEOUT": "30"}
OUTCOMES = [
    ("bob", Sent),
    ("reject", Rejected),
    ("credits", NotSent),
    ("accept-then-drop", Unknown),
]


def message(to="bob"):
    """To a recipient who names a fault, or none; to one provider only, so that it shows."""
    return {
        "fromaddress": "alice@mail.example.com",
        "toaddress": f"{to}@example.org",
        "subject": "hello",
        "provider": "mailgun",
    }


def under_trio(smsp, *messages, key=KEY, meanwhile=None, **options):
    """The outcomes of these messages, one after the other."""

    async def main():
        async with TrioClient(smsp.url, key) as client, trio.open_nursery() as nursery:
            if meanwhile is not None:
                nursery.start_soon(trio.to_thread.run_sync, meanwhile)
            return [await client.send(one, **options) for one in messages]

    return trio.run(main)


@pytest.mark.parametrize(("to", "kind"), OUTCOMES)
def test_an_outcome(smsp, to, kind):
    """Each is a type of its own, with what SMSP said of it."""
    with Client(smsp.url, KEY) as client:
        outcome = client.send(message(to))
    assert isinstance(outcome, kind)
    assert outcome.answer["id"]


@pytest.mark.parametrize(("to", "kind"), OUTCOMES)
def test_an_outcome_under_trio(smsp, to, kind):
    """The same types there."""
    (outcome,) = under_trio(smsp, message(to))
    assert isinstance(outcome, kind)


def test_only_not_sent_is_tried_again(smsp, simulators):
    """After the wait that SMSP asks for, and with the key that it had; it is sent once."""
    simulators.turn("mailgun", "down")
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        simulators.mend()
        smsp.wait_until_quiet()

    with Client(smsp.url, KEY) as client:
        key = str(uuid4())
        outcome = client.send(message(), idempotency_key=key, retries=3, sleep=sleep)
        again = client.send(message(), idempotency_key=key)
    assert isinstance(outcome, Sent)
    assert (len(waits), again) == (1, outcome)
    assert set(simulators.taken().values()) == {1}


def test_tried_again_under_trio(smsp, simulators):
    """The same, while other tasks go on."""
    simulators.turn("mailgun", "down")

    (outcome,) = under_trio(smsp, message(), meanwhile=simulators.mend, retries=5)

    assert isinstance(outcome, Sent)
    assert set(simulators.taken().values()) == {1}


def test_a_doubt_is_not_tried_again(smsp, simulators):
    """However many retries are allowed. With a key it may be asked again, and is not sent again."""
    with Client(smsp.url, KEY) as client:
        key = str(uuid4())
        outcomes = [
            client.send(message("accept-then-drop"), idempotency_key=key, retries=5)
            for _ in range(2)
        ]
    assert all(isinstance(one, Unknown) for one in outcomes)
    assert list(simulators.taken().values()) == [1]


def test_a_deadline(smsp):
    """The patience that a caller has in all."""
    with Client(smsp.url, KEY) as client:
        outcome = client.send(message("slow-500ms"), deadline_s=0.2)
    assert isinstance(outcome, Unknown)
    assert outcome.answer["attempts"][0]["reason"] == "deadline"


def test_a_wrong_key(smsp):
    """It is the caller's mistake, and no outcome."""
    with Client(smsp.url, KEY + "x") as client, pytest.raises(RequestRefused) as refused:
        client.send(message())
    assert (refused.value.status, refused.value.code) == (401, "unauthorised")


def test_nobody_there():
    """A connection that was never made proves that nothing was sent."""
    with Client("http://127.0.0.1:9", KEY) as client:
        assert isinstance(client.send(message()), NotSent)
