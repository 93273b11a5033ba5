"""SMSP's answers as four types, for callers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
import trio

from smsp.client import (
    Client,
    NotSent,
    Outcome,
    RefusedRecipient,
    Rejected,
    RequestRefused,
    Sent,
    TrioClient,
    Unknown,
)

MESSAGE = {"fromaddress": "a@example.com", "toaddress": "b@example.org"}
URL, KEY = "http://smsp.example", "a-key-of-some-length"
Answering = Callable[[httpx.Request], httpx.Response]


class Node:
    """An SMSP that gives these answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        # A fresh one each time: a response's stream is of one client only.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def says(status: int, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    """One answer."""
    return httpx.Response(status, json=body, headers=headers)


SENT = {"outcome": "sent", "id": "1", "provider": "mailgun", "messageid": "m"}
NOT_SENT = {"outcome": "not_sent", "message": "not now", "code": "not_sent"}


def send(node: Node, **options: object) -> Outcome:
    """Send the message by the synchronous client."""
    with Client(URL, KEY, transport=httpx.MockTransport(node)) as client:
        return client.send(MESSAGE, **options)


async def send_under_trio(node: Node, **options: object) -> Outcome:
    """The same by the other one."""
    async with TrioClient(URL, KEY, transport=httpx.MockTransport(node)) as client:
        return await client.send(MESSAGE, **options)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(200, **SENT), Sent),
        (says(422, outcome="rejected", id="1", message="bad address"), Rejected),
        (says(503, {"Retry-After": "7"}, **NOT_SENT), NotSent),
        (says(504, outcome="unknown", id="1", message="who knows"), Unknown),
        (says(503, {"Retry-After": "1"}, code="draining", message="stopping"), NotSent),
        (says(503, {"Retry-After": "1"}, code="busy", message="busy"), NotSent),
        (says(429, {"Retry-After": "1"}, code="too_many_requests", message="slow"), NotSent),
        (says(409, {"Retry-After": "1"}, code="in_progress", message="twin"), Unknown),
        (says(500, code="internal", message="a bug"), Unknown),
        (httpx.Response(502, text="<html>a proxy's page</html>"), Unknown),
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ReadError("reset"), Unknown),
        (httpx.ReadTimeout("nothing came"), Unknown),
        (httpx.WriteError("reset"), Unknown),
    ],
)
async def test_an_answer_has_one_of_four_types(answer, kind):
    """Also what is no answer: only a connection that was never made proves anything."""
    assert isinstance(send(Node(answer)), kind)
    assert isinstance(await send_under_trio(Node(answer)), kind)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(401, code="unauthorised", message="Unauthorised"), "unauthorised"),
        (says(422, code="invalid_message", message="toaddress: is required"), "invalid_message"),
        (httpx.Response(404, text="not found"), "not_smsp"),
        (httpx.Response(200, text="hello"), "not_smsp"),
    ],
)
async def test_a_request_that_was_not_taken_is_an_exception(answer, code):
    """Trying it again changes nothing, so it is no outcome of the message."""
    with pytest.raises(RequestRefused) as refused:
        send(Node(answer))
    assert refused.value.code == code
    with pytest.raises(RequestRefused):
        await send_under_trio(Node(answer))


CAROL = {"address": "carol@example.org", "reason": "suppressed"}


@pytest.mark.parametrize(
    ("told", "refused", "count"),
    [
        ({}, None, 0),
        ({"refusedrecipients": None}, None, 0),
        ({"refusedrecipients": []}, (), 0),
        ({"refusedrecipients": [CAROL]}, (RefusedRecipient(*CAROL.values()),), 1),
        (
            {"refusedrecipients": [CAROL | {"detail": "bounced"}], "refusedrecipientscount": 150},
            (RefusedRecipient(*CAROL.values(), "bounced"),),
            150,
        ),
        ({"refusedrecipients": None, "refusedrecipientscount": 2}, None, 2),
        ({"refusedrecipients": ["nonsense"], "refusedrecipientscount": "two"}, (), 0),
    ],
)
async def test_who_will_not_get_a_message_that_was_sent(told, refused, count):
    """As far as SMSP knows; an SMSP from before that says nothing of it."""
    for sent in (
        send(Node(says(200, **SENT, **told))),
        await send_under_trio(Node(says(200, **SENT, **told))),
    ):
        assert isinstance(sent, Sent)
        assert (sent.refusedrecipients, sent.refusedrecipientscount) == (refused, count)


def test_only_not_sent_is_tried_again():
    """After the wait that SMSP asks for, up to the number of times that the caller allows."""
    waits: list[float] = []
    node = Node(
        says(503, {"Retry-After": "7"}, **NOT_SENT),
        says(503, {"Retry-After": "2"}, **NOT_SENT),
        says(200, **SENT),
    )

    assert isinstance(send(node, retries=5, sleep=waits.append), Sent)
    assert waits == [7, 2]


@pytest.mark.parametrize("status", [422, 504])
def test_nothing_else_is_tried_again(status):
    """An unknown outcome least of all."""
    outcome = {422: "rejected", 504: "unknown"}[status]
    node = Node(says(status, outcome=outcome, id="1", message=""))

    send(node, retries=5)

    assert len(node.requests) == 1


def test_it_gives_up():
    """And says that nothing was sent."""
    waits: list[float] = []
    node = Node(*(says(503, {"Retry-After": "1"}, **NOT_SENT) for _ in range(3)))

    assert isinstance(send(node, retries=2, sleep=waits.append), NotSent)
    assert (len(node.requests), len(waits)) == (3, 2)


async def test_under_trio_it_waits_on_the_clock(autojump_clock):
    """Without blocking anybody else."""
    node = Node(says(503, {"Retry-After": "30"}, **NOT_SENT), says(200, **SENT))
    started_at = trio.current_time()

    assert isinstance(await send_under_trio(node, retries=1), Sent)
    assert trio.current_time() - started_at == pytest.approx(30)


def test_what_is_asked():
    """The key in its header, the message as it is, and the two wishes if there are any."""
    node = Node(says(200, **SENT))

    send(node, idempotency_key="order-42", deadline_s=2.5)

    request = node.requests[0]
    assert request.url == f"{URL}/email"
    assert request.headers["X-API-KEY"] == KEY
    assert request.headers["Idempotency-Key"] == "order-42"
    assert request.headers["SMSP-Deadline"] == "2.5"
    assert b'"toaddress":"b@example.org"' in request.content


def test_a_repetition_keeps_its_key():
    """All tries of one send are one message to SMSP."""
    node = Node(says(503, {"Retry-After": "1"}, **NOT_SENT), says(200, **SENT))

    send(node, idempotency_key="order-42", retries=1, sleep=lambda _seconds: None)

    assert {request.headers["Idempotency-Key"] for request in node.requests} == {"order-42"}
