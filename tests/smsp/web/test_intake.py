"""A node that stops while bodies are on their way: a short time for the rest, then the truth."""

from __future__ import annotations

from functools import partial
from math import inf

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.web.app import create_app
from smsp.web.intake import SharedDeadline
from tests.kit.asgi import Caller
from tests.kit.web import FakeDispatcher, fake_services, message

DRAIN_S = 10.0
REST_S, LINGER_S = 2.0, 1.0
"""What a caller has for the rest of its body, and then to stop writing, when a stop may take ten
seconds."""


@pytest.fixture
def dispatcher():
    return FakeDispatcher()


@pytest.fixture
def services(dispatcher):
    return fake_services(dispatcher=dispatcher)


@pytest.fixture
def uploading(services, nursery):
    """Begin a request of which the first byte of the body has come."""

    async def begin(path="/email", *, method="POST", headers=None):
        caller = Caller(create_app(services), path, method=method, headers=headers)
        caller.says(b"{", more=True)
        nursery.start_soon(caller.exchange)
        await wait_all_tasks_blocked()
        return caller

    return begin


def stop(services, drain_s=DRAIN_S):
    """What ``serve`` does when no more connections are taken."""
    services.readiness.draining = True
    services.intake.end(drain_s)


async def seconds_until(has_happened):
    """After how long something has happened, on a clock that only waiting moves."""
    for hundredth in range(10_000):
        if has_happened():
            return hundredth / 100
        await trio.sleep(0.01)
    raise AssertionError("it never happens")


async def answered_after_s(caller):
    """When the answer begins."""
    return await seconds_until(lambda: caller.status is not None)


async def over_after_s(caller):
    """When the exchange is over."""
    return await seconds_until(lambda: caller.over)


@pytest.mark.parametrize(
    ("drain_s", "rest_s"), [(DRAIN_S, REST_S), (3600.0, REST_S), (8.0, 2.0), (1.0, 0.25), (0.0, 0)]
)
async def test_half_a_body(services, dispatcher, uploading, autojump_clock, drain_s, rest_s):
    """Two seconds, or a quarter of the time that there is; then 503 and the end, and nothing was
    sent."""
    caller = await uploading()
    await trio.sleep(1)
    stop(services, drain_s)
    assert await answered_after_s(caller) == pytest.approx(rest_s, abs=0.02)
    assert (caller.status, caller.json["code"]) == (503, "draining")
    assert caller.json["message"] == "This node is stopping. The message was not sent."
    assert caller.headers["retry-after"] == "1"
    assert caller.headers["connection"] == "close"
    assert await over_after_s(caller) == pytest.approx(rest_s / 2, abs=0.02)
    assert dispatcher.sends == []


async def test_a_body_that_dribbles(services, uploading, autojump_clock, nursery):
    """That more of it comes again and again makes no difference."""
    caller = await uploading()

    async def dribble():
        while not caller.over:
            caller.says(b" " * 8192, more=True)
            await trio.sleep(0.1)

    nursery.start_soon(dribble)
    await trio.sleep(1)
    stop(services)
    assert await answered_after_s(caller) == pytest.approx(REST_S, abs=0.02)
    assert caller.json["code"] == "draining"
    assert await over_after_s(caller) == pytest.approx(LINGER_S, abs=0.02)


async def test_a_body_whose_rest_comes_in_time(services, dispatcher, uploading, autojump_clock):
    """It is a message like any other."""
    caller = await uploading()
    stop(services)
    await trio.sleep(REST_S - 0.1)
    caller.says(message()[1:])
    await wait_all_tasks_blocked()
    assert (caller.status, len(dispatcher.sends)) == (200, 1)


async def test_many_bodies_at_once(services, uploading, autojump_clock):
    """All of them, at the same moment, keyed or not."""
    callers = [await uploading(headers={"Idempotency-Key": str(n)}) for n in range(50)]
    stop(services)
    await trio.sleep(REST_S - 0.01)
    assert {caller.status for caller in callers} == {None}
    await trio.sleep(0.02)
    assert {caller.status for caller in callers} == {503}


async def test_an_order_whose_body_is_not_whole(services, uploading, autojump_clock):
    """An operator is told the same, and nothing of a message."""
    caller = await uploading("/providers/mailgun/circuit", method="PUT")
    stop(services)
    assert await answered_after_s(caller) == pytest.approx(REST_S, abs=0.02)
    assert caller.json == {"message": "This node is stopping.", "code": "draining"}
    assert services.log.told("request.failed") == []


async def test_an_upload_that_was_refused_before(services, uploading, autojump_clock):
    """Who is heard out when the stop begins does not hold it up either."""
    caller = await uploading(headers={"X-API-KEY": "a-wrong-key"})
    assert caller.status == 401
    stop(services, drain_s=1.0)
    assert await over_after_s(caller) == pytest.approx(0.375, abs=0.02)


async def test_a_body_that_was_too_slow_anyway(services, uploading, autojump_clock):
    """Its own time may be up sooner than the stop's, and then it is told that."""
    caller = await uploading()
    await trio.sleep(9.0)
    stop(services)
    assert await answered_after_s(caller) == pytest.approx(1.0, abs=0.02)
    assert (caller.status, caller.json["code"]) == (408, "body_timeout")


async def test_a_body_that_comes_later_still(services, uploading, autojump_clock):
    """Who asks again what became of a message is read, if it is quick; there is no second time."""
    caller = await uploading(headers={"Idempotency-Key": "a"})
    caller.says(message()[1:])
    await wait_all_tasks_blocked()
    stop(services)
    again = await uploading(headers={"Idempotency-Key": "a"})
    await trio.sleep(REST_S + 0.01)
    assert again.json["code"] == "draining"
    late = await uploading(headers={"Idempotency-Key": "a"})
    assert late.json["code"] == "draining"


async def test_a_moment_that_is_shared(autojump_clock, nursery):
    """It ends every wait, may be brought forward while somebody waits, and is never put off."""
    shared, ended = SharedDeadline(), []

    async def wait(until):
        with shared.wait_until(until):
            await trio.sleep_forever()
        ended.append(trio.current_time())

    assert (shared.at, shared.passed) == (inf, False)
    for until in (inf, 3.0, 5.0):
        nursery.start_soon(partial(wait, until))
    await wait_all_tasks_blocked()
    shared.bring_forward(4.0)
    shared.bring_forward(6.0)
    await trio.sleep(4.5)
    assert (ended, shared.at, shared.passed) == ([3.0, 4.0, 4.0], 4.0, True)
