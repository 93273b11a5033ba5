"""Whole requests under many schedules, without sockets: what a caller is told is true, no message
goes to two providers that may both take it, and whoever hangs up leaves the books in order.

The laws of ``tests/kit/postroom.py`` hold after every step.
"""

from __future__ import annotations

import pytest
import trio

from actors.testing import cancellable, choose
from smsp.mail.outcome import Blame, NotSent, Reason, Sent, Unknown
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.postroom import Deed, Postroom, running_postroom
from tests.kit.web import Answered, message

KEYED = {"Idempotency-Key": "order-42"}
DOWN = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)
LOST = Unknown(Reason.CONNECTION_LOST)
HUNG_S = 1e6


@pytest.mark.schedules(100, timer_races=2)
async def test_an_answer_in_hand_is_never_a_504():
    """The provider answers as the caller's patience ends: 200, or a 504 that has a true end."""
    async with running_postroom(mailgun=[Deed(after_s=1.0)]) as postroom:
        told = await postroom.client.post(headers={"SMSP-Deadline": "1.0"})
        await trio.sleep(2.0)
        if told.status == 504:
            after = await postroom.client.ask(f"/email/{told.json['id']}")
            (sent,) = postroom.messages
            # Even now its task may not have run. In the end it has, and the books are read.
            settled = after.json["settled"]
            assert after.json["outcome"] == (postroom.truth(sent) if settled else "unknown")
        else:
            # 408, 503: time was up before the message was read, or before a provider had it.
            answered = any(call.said for call in postroom.calls)
            assert told.status in ((200,) if answered else (408, 503))


@pytest.mark.schedules(100)
async def test_nobody_else_is_asked_after_an_unknown():
    """Whether the answer is lost, late or wanting: only ``not_sent`` goes on to the next."""
    first = (Deed(LOST), Deed(after_s=HUNG_S), Deed(after_s=1.0), Deed(DOWN))[choose(4)]
    async with running_postroom(mailgun=[first, first], sendgrid=[]) as postroom:
        answers = await _at_once(postroom, 2, headers={"SMSP-Deadline": "1.0"})
    for answer in answers:
        words = [one["outcome"] for one in answer.json["attempts"]]
        assert "unknown" not in words[:-1]
        assert (answer.status, words[-1]) in ((504, "unknown"), (200, "sent"))


@pytest.mark.schedules(100)
async def test_messages_beside_one_that_opens_the_circuit():
    """They go to the next provider, called in vain or not called at all; none is lost."""
    down = Deed(DOWN, after_s=0.5)
    async with running_postroom(mailgun=[down, down, down], sendgrid=[]) as postroom:
        answers = await _at_once(postroom, 3)
    assert [answer.status for answer in answers] == [200] * 3
    taken = [call.message for call in postroom.calls if isinstance(call.said, Sent)]
    assert len(taken) == len(set(taken)) == 3


@pytest.mark.schedules(100)
async def test_a_hang_up_anywhere():
    """Who repeats the message with its key, even while it is still under way, learns what became
    of it, and it is sent once."""
    first = (Deed(before_s=0.5, after_s=0.5), Deed(LOST), Deed(DOWN))[choose(3)]
    async with running_postroom(mailgun=[first], sendgrid=[]) as postroom:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hang_up_sometime, postroom)
            again = await _patiently(postroom)
        (sent,) = postroom.messages
        assert (again.json["id"], again.json["outcome"]) == (str(sent), postroom.truth(sent))
        assert postroom.truth(sent) == ("unknown" if first.says is LOST else "sent")


@pytest.mark.schedules(100)
async def test_a_hang_up_while_the_node_drains():
    """The drain waits for the message of a caller who has gone, and the ledger has its end."""
    slow = Deed(before_s=0.5, after_s=0.5)
    async with running_postroom(mailgun=[slow], sendgrid=[slow]) as postroom:

        async def drain() -> None:
            postroom.services.readiness.draining = True
            await postroom.supervisor.drain(100.0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hang_up_sometime, postroom)
            nursery.start_soon(drain)
        assert len(postroom.calls) <= 1
        for sent in postroom.messages:
            told = await postroom.client.ask(f"/email/{sent}")
            assert (told.json["settled"], told.json["outcome"]) == (True, "sent")


async def _at_once(postroom: Postroom, number: int, **request: object) -> list[Answered]:
    answers: list[Answered] = []

    async def post() -> None:
        answers.append(await postroom.client.post(**request))

    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(post)
    return answers


async def _hang_up_sometime(postroom: Postroom) -> None:
    """A request whose connection may be cancelled at any moment. It comes below Quart's test
    client, which leaves a nursery open when it is cancelled."""
    caller = Caller(create_app(postroom.services), headers=KEYED)
    caller.says(message())
    with cancellable():
        await caller.exchange()


async def _patiently(postroom: Postroom) -> Answered:
    """The message with its key, again until it is no longer in progress."""
    for _ in range(10):
        answer = await postroom.client.post(headers=KEYED)
        if answer.status != 409:
            break
        await trio.sleep(float(answer.headers["Retry-After"]))
    return answer
