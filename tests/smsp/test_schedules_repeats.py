"""Who repeats a message with its key, under many schedules: one mail, and the truth about it.

Beside the laws of ``tests/kit/postroom.py``, which hold after every step: no key sends two mails.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from actors.testing import always, cancellable, choose
from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Unknown
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.postroom import Deed, Postroom, running_postroom
from tests.kit.web import Answered, message

KEYED = {"Idempotency-Key": "order-42"}
TIMEOUT_S, SETTLE_S, HUNG_S = 2.0, 30.0, 1e6

SLOW = Deed(before_s=0.5, after_s=0.5)
LATE = Deed(after_s=TIMEOUT_S + 1.0)
HANGS = Deed(after_s=HUNG_S)
LOSES = Deed(Unknown(Reason.CONNECTION_LOST))
REJECTS = Deed(Rejected(Reason.BAD_RECIPIENT))
THROTTLES = Deed(NotSent(Reason.THROTTLED, Blame.THROTTLE))


@asynccontextmanager
async def one_mail(*deeds: Deed) -> AsyncGenerator[Postroom, None]:
    """A node whose only provider does these deeds; at most one of its calls may take a message."""

    def taken_once() -> bool:
        return sum(not call.proves_nothing_sent and call.committed for call in room.calls) <= 1

    async with running_postroom(mailgun=deeds) as room:
        with always(taken_once):
            yield room


@pytest.mark.schedules(60)
async def test_who_hangs_up_and_is_back_at_once():
    """The connection ends at any step of the first request, while the second is on its way."""
    async with one_mail(SLOW) as room, trio.open_nursery() as nursery:
        first = Caller(create_app(room.services), headers=KEYED)
        first.says(message())
        nursery.start_soon(first.exchange)
        for _ in range(choose(6)):
            await trio.lowlevel.checkpoint()
        first.hangs_up()
        again = await _insist(room)
        assert (again.status, again.json["outcome"]) == (200, "sent")
        assert len(room.calls) == 1


@pytest.mark.schedules(60)
@pytest.mark.parametrize(
    ("deed", "status", "calls"),
    [(REJECTS, 422, 1), (LOSES, 504, 1), (LATE, 200, 1), (THROTTLES, 200, 2)],
    ids=["rejected", "in doubt", "late", "not sent"],
)
async def test_what_a_repetition_is_told(deed, status, calls):
    """What became of the message, whatever that is: only after *not sent* is it a real try, and a
    doubt is none any more once the late answer has come."""
    async with one_mail(deed) as room:
        with cancellable():
            await _post_below(room)
        await trio.sleep(2 * TIMEOUT_S)
        again = await _insist(room)
        await trio.sleep(2 * TIMEOUT_S)
        again = await _insist(room)
        assert (again.status, len(room.calls)) == (status, calls)


@pytest.mark.schedules(60)
async def test_twins():
    """Two callers with one key at one time: one mail, and both are told of the same message."""
    answers: list[Answered] = []

    async def call() -> None:
        answers.append(await _insist(room))

    async with one_mail(SLOW) as room:
        async with trio.open_nursery() as callers:
            callers.start_soon(call)
            callers.start_soon(call)
        first, second = answers
        assert (first.status, second.status) == (200, 200)
        assert first.json == second.json
        replayed = ["Idempotency-Replayed" in one.headers for one in answers]
        assert sorted(replayed) == [False, True]


@pytest.mark.schedules(60)
async def test_while_the_node_stops():
    """A repetition is told what became of the message if it had begun, and else that nothing was
    sent: also by a node that takes no new mail any more."""
    async with one_mail(SLOW) as room, trio.open_nursery() as nursery:
        nursery.start_soon(_stop, room)
        with cancellable():
            await _post_below(room)
        await trio.sleep(2.0)
        again = await room.client.post(headers=KEYED)
        if room.calls:
            assert (again.status, again.json["outcome"]) == (200, "sent")
        else:
            assert again.status == 503
            assert again.json["code"] in {"draining", "no_provider"}


@pytest.mark.schedules(60, timer_races=20)
async def test_a_late_outcome_meets_a_repetition():
    """The answer to a call that was given up comes at the very moment when somebody asks again, and
    clocks may go on at any moment: a doubt may be lifted, and never becomes another."""
    async with one_mail(Deed(after_s=TIMEOUT_S)) as room:
        told = [await _insist(room) for _ in range(2)]
        await trio.sleep(2 * SETTLE_S)
        told += [await _insist(room) for _ in range(2)]
        outcomes = [one.json["outcome"] for one in told]
        assert set(outcomes) <= {"unknown", "sent"}
        assert outcomes == sorted(outcomes, reverse=True)
        assert outcomes[-1] == outcomes[-2] == room.truth(room.messages[0])


@pytest.mark.schedules(60)
async def test_a_call_that_hangs_for_ever():
    """Its doubt is told to whoever asks: while it is waited for, while it settles, and after it was
    given up. It is never sent again."""
    async with one_mail(HANGS) as room:
        with cancellable():
            await _post_below(room)
        answers = []
        for pause_s in (0.0, TIMEOUT_S, 2 * SETTLE_S):
            await trio.sleep(pause_s)
            answers.append((await room.client.post(headers=KEYED)).status)
        assert set(answers) <= {409, 504}
        assert answers[-1] == 504
        assert len(room.calls) == 1


async def _post_below(room: Postroom) -> None:
    """A request below Quart's test client, which leaves a nursery open when it is cancelled."""
    caller = Caller(create_app(room.services), headers=KEYED)
    caller.says(message())
    await caller.exchange()


async def _insist(room: Postroom) -> Answered:
    """Post the message as a good client does: again while it is under way, was not sent, or was not
    even read in time."""
    while True:
        answer = await room.client.post(headers=KEYED)
        if answer.status not in {408, 409, 503}:
            return answer
        await trio.sleep(float(answer.headers.get("Retry-After", 1)))


async def _stop(room: Postroom) -> None:
    room.services.readiness.draining = True
    await room.supervisor.drain(100.0)
