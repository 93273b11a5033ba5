"""SMSP through the clients for callers: in threads, under asyncio, under trio."""

from __future__ import annotations

import math
import pickle
from itertools import repeat

import httpx
import pytest

from smsp.client import (
    NoAnswer,
    NotSent,
    Record,
    Rejected,
    RequestRefused,
    Sent,
    Unknown,
)
from tests.kit.callers import CALLERS, KEY, MESSAGE, URL, Node, says

SENT = says(200, outcome="sent", id="1", provider="mailgun", messageid="m")
REJECTED = says(422, outcome="rejected", code="rejected", id="1", message="bad address")
UNKNOWN = says(504, outcome="unknown", code="unknown", id="1", message="who knows")
IN_PROGRESS = says(409, {"Retry-After": "2"}, code="in_progress", message="twin")
REFUSED = says(401, code="unauthorised", message="Unauthorised")
LOST = httpx.ReadError("reset")
UNREACHABLE = httpx.ConnectError("refused")
PAGE = httpx.Response(502, text="<html>a proxy's page</html>")

pytestmark = pytest.mark.parametrize("call", CALLERS, ids=lambda call: call.__name__)


def not_sent(wait: str | None = "1") -> httpx.Response:
    """``not_sent``, to be tried again after a while."""
    headers = {} if wait is None else {"Retry-After": wait}
    return says(503, headers, outcome="not_sent", code="not_sent", id="1", message="not now")


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends only when it is closed, as a connection's does: by an error."""

    def __init__(self) -> None:
        self.pieces = 0
        self.closed = False

    def __iter__(self):
        while not self.closed:
            self.pieces += 1
            yield b" " * 2**16
        raise httpx.ReadError("closed")

    async def __aiter__(self):
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def send(call, node, **options):
    """What became of the message, and the seconds that were waited for it."""
    told = call(node, "send", MESSAGE, **options)
    return told.result, told.waited_s


def test_what_is_asked(call):
    """The key in its header, the message as it is, and the two wishes if there are any."""
    node = Node(SENT)

    send(call, node, idempotency_key="order-42", deadline_s=2.5)

    request = node.requests[0]
    assert (request.method, request.url) == ("POST", f"{URL}/email")
    assert request.headers["X-API-KEY"] == KEY
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Idempotency-Key"] == "order-42"
    assert request.headers["SMSP-Deadline"] == "2.5"
    assert b'"toaddress":"b@example.org"' in request.content


def test_nothing_is_wished_for_by_itself(call):
    """Without a deadline and a key SMSP's own rules are left to it."""
    node = Node(SENT)
    send(call, node)
    assert not {"Idempotency-Key", "SMSP-Deadline"} & set(node.requests[0].headers)


def test_only_not_sent_is_tried_again(call):
    """After the wait that SMSP asks for, up to the number of times that the caller allows."""
    node = Node(not_sent("7"), not_sent("2"), SENT)
    outcome, waited_s = send(call, node, retries=5)
    assert isinstance(outcome, Sent)
    assert waited_s == 9


@pytest.mark.parametrize("last", [SENT, REJECTED, UNKNOWN, LOST, PAGE, IN_PROGRESS])
def test_without_a_key_nothing_else_is_tried_again(call, last):
    """An unknown outcome least of all."""
    node = Node(last)
    send(call, node, retries=5)
    assert len(node.requests) == 1


@pytest.mark.parametrize("last", [SENT, REJECTED, UNKNOWN])
def test_what_smsp_says_with_a_key_is_the_last_word(call, last):
    """It would say the same again: even ``unknown``, whose id tells where to ask."""
    node = Node(last)
    send(call, node, retries=5, idempotency_key="order-42")
    assert len(node.requests) == 1


@pytest.mark.parametrize("doubt", [LOST, PAGE, IN_PROGRESS, httpx.ReadTimeout("")])
def test_with_a_key_what_got_no_answer_is_asked_again(call, doubt):
    """The node that has begun it tells how it ended, and does not send it twice."""
    node = Node(doubt, doubt, SENT)

    outcome, waited_s = send(call, node, retries=5, idempotency_key="order-42")

    assert isinstance(outcome, Sent)
    assert {request.headers["Idempotency-Key"] for request in node.requests} == {"order-42"}
    assert waited_s == (4 if doubt is IN_PROGRESS else 3)


@pytest.mark.parametrize("doubt", [LOST, PAGE, IN_PROGRESS])
@pytest.mark.parametrize("last", [not_sent(), UNREACHABLE, REFUSED])
def test_a_doubt_stays_if_only_the_last_try_is_spoken_of(call, doubt, last):
    """A node that was restarted in between knows nothing of the first, which may have been sent."""
    node = Node(doubt, last)
    outcome, _ = send(call, node, retries=1, idempotency_key="order-42")
    assert isinstance(outcome, Unknown)
    assert "; then: " in outcome.message


def test_a_doubt_stays_a_doubt_for_the_tries_after_it(call):
    """However often the next ones are not sent; until SMSP tells what became of it."""
    node = Node(LOST, UNREACHABLE, not_sent(), REJECTED)
    outcome, _ = send(call, node, retries=9, idempotency_key="order-42")
    assert isinstance(outcome, Rejected)


def test_a_doubt_is_not_forgotten_over_several_tries(call):
    """The first may have been sent, however surely those after it were not."""
    node = Node(LOST, UNREACHABLE, UNREACHABLE)
    outcome, _ = send(call, node, retries=2, idempotency_key="order-42")
    assert isinstance(outcome, Unknown)
    assert "reset" in outcome.message


def test_it_gives_up(call):
    """And says that nothing was sent."""
    node = Node(*repeat(not_sent(), 3))
    outcome, waited_s = send(call, node, retries=2)
    assert isinstance(outcome, NotSent)
    assert (len(node.requests), waited_s) == (3, 2)


@pytest.mark.parametrize("retries", [0, -1])
def test_it_is_asked_once_at_least(call, retries):
    """Also of who forbids more than they mean to."""
    node = Node(not_sent())
    assert isinstance(send(call, node, retries=retries)[0], NotSent)


def test_who_cannot_reach_it_backs_off(call):
    """A node that is down is not asked every second by everybody."""
    node = Node(*repeat(UNREACHABLE, 8))
    _, waited_s = send(call, node, retries=7)
    assert waited_s == 1 + 2 + 4 + 8 + 16 + 30 + 30


def test_who_waits_for_ever_backs_off_no_further(call):
    """However many tries there have been."""
    node = Node(*repeat(UNREACHABLE, 1100))
    _, waited_s = send(call, node, retries=1099, deadline_s=math.inf)
    assert waited_s == 1 + 2 + 4 + 8 + 16 + 30 * 1094


def test_the_deadline_is_for_everything_together(call):
    """Each try is told what is left of it, and no wait is begun that would outlast it."""
    node = Node(not_sent("7"), not_sent("2"), not_sent("1"))

    outcome, waited_s = send(call, node, retries=9, deadline_s=10)

    assert isinstance(outcome, NotSent)
    assert waited_s == 9
    assert [one.headers["SMSP-Deadline"] for one in node.requests] == ["10", "3", "1"]


def test_a_deadline_longer_than_smsp_takes(call):
    """Is told as the longest that it does take, and waited for all the same."""
    node = Node(*repeat(not_sent("500"), 2), SENT)
    outcome, waited_s = send(call, node, retries=2, deadline_s=math.inf)
    assert isinstance(outcome, Sent)
    assert waited_s == 1000
    assert {one.headers["SMSP-Deadline"] for one in node.requests} == {"300"}


@pytest.mark.parametrize("deadline_s", [math.nan, -1.0, 0.0, 1e-9])
def test_a_deadline_that_is_none_is_smsps_to_refuse(call, deadline_s):
    """It is told as it is, waited for no longer, and tried once."""
    node = Node(UNREACHABLE)
    outcome, waited_s = send(call, node, retries=5, deadline_s=deadline_s)
    assert isinstance(outcome, NotSent)
    assert waited_s == 0


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("2.5", 2.5),
        ("3600", 3600),
        ("99999", 3600),
        ("1" + "0" * 400, 1),
        *zip(
            ["nan", "-5", "inf", "-inf", "1e3", "1_0", "soon", "", " ", "7, 7"],
            repeat(1),
            strict=False,
        ),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
        (None, 1),
    ],
)
def test_a_wait_is_a_number_of_seconds_or_the_least(call, wait, seconds):
    """Whatever stands there, who sleeps for ``retry_after_s`` neither fails nor sleeps for long."""
    outcome, _ = send(call, Node(not_sent(None if wait is None else wait)))
    assert outcome.retry_after_s == seconds


@pytest.mark.parametrize("wait", ["3600", "301", "99999999"])
def test_a_wait_beyond_all_patience_is_left_to_the_caller(call, wait):
    """Who names no deadline is not kept for an hour."""
    node = Node(not_sent(wait))
    outcome, waited_s = send(call, node, retries=3)
    assert isinstance(outcome, NotSent)
    assert (len(node.requests), waited_s) == (1, 0)


@pytest.mark.parametrize("key", ["naïve", "a\nb", "a\r\nX-Other: b", " a", "a ", "\x00"])
def test_a_key_for_repetitions_that_no_header_can_carry(call, key):
    """Is the caller's mistake, and nothing is asked."""
    node = Node()
    with pytest.raises(ValueError, match="idempotency_key"):
        send(call, node, idempotency_key=key)
    assert node.requests == []


@pytest.mark.parametrize("value", [math.nan, "\ud800", object()])
def test_a_message_that_is_no_json(call, value):
    """The same."""
    with pytest.raises((ValueError, TypeError)):
        call(Node(), "send", MESSAGE | {"subject": value})


@pytest.mark.parametrize(
    ("word", "settled", "kind"),
    [
        ("sent", True, Sent),
        ("rejected", True, Rejected),
        ("not_sent", True, NotSent),
        ("unknown", False, Unknown),
        ("in_progress", False, type(None)),
    ],
)
def test_what_became_of_a_message(call, word, settled, kind):
    """The outcome by SMSP's id for it, and whether there is more to come."""
    attempts = [{"provider": "mailgun", "outcome": word, "reason": "why", "seconds": 1.5}]
    node = Node(
        says(200, id="1", outcome=word, settled=settled, provider="mailgun", attempts=attempts)
    )

    record = call(node, "find", "1").result

    assert isinstance(record, Record)
    assert isinstance(record.outcome, kind)
    assert (record.id, record.settled) == ("1", settled)
    assert (node.requests[0].method, node.requests[0].url) == ("GET", f"{URL}/email/1")
    if record.outcome is not None:
        assert record.outcome.attempts[0].seconds == 1.5


def test_a_message_that_nobody_remembers(call):
    """It is forgotten, or another key's; SMSP does not tell which."""
    node = Node(says(404, code="not_found", message="There is no such message."))
    assert call(node, "find", "1").result is None


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        UNREACHABLE,
        PAGE,
        UNKNOWN,
        httpx.Response(404, text="not found"),
        says(404, ours=False, code="not_found", message="no route"),
        says(200, id="2", outcome="sent", settled=True, provider="mailgun", attempts=[]),
        says(200, id="1", outcome="sent", provider="mailgun", attempts=[]),
        says(200, id="1", outcome="done", settled=True),
        says(500, code="internal", message="a bug"),
        says(429, {"Retry-After": "1"}, code="too_many_requests", message="slow"),
    ],
)
def test_nothing_could_be_learned_now(call, answer):
    """Which is no reason to say anything of the message."""
    with pytest.raises(NoAnswer):
        call(Node(answer), "find", "1")


def test_who_may_not_ask(call):
    """It is refused as a message is."""
    with pytest.raises(RequestRefused, match="Unauthorised"):
        call(Node(REFUSED), "find", "1")


@pytest.mark.parametrize(
    "message_id", ["../livez", "..", ".", "a/b", "a?b", "#", "", "é\r\n", "x" * 5000]
)
def test_an_id_is_one_segment_of_a_path(call, message_id):
    """Whatever is asked for as one, no other resource is."""
    node = Node(says(404, code="not_found", message="none"))
    assert call(node, "find", message_id).result is None
    path = node.requests[0].url.raw_path
    assert path.startswith(b"/email/")
    assert path.count(b"/") == 2
    assert b"?" not in path


def test_a_refusal_is_an_exception(call):
    """Trying it again changes nothing, so it is no outcome of the message."""
    with pytest.raises(RequestRefused) as refused:
        send(call, Node(REFUSED))
    error = refused.value
    assert (error.status, error.code, str(error)) == (401, "unauthorised", "Unauthorised")
    again = pickle.loads(pickle.dumps(error))
    assert (again.answer, str(again)) == (error.answer, "Unauthorised")


def test_an_answer_without_end_is_left_alone(call):
    """It is cut off, and says nothing."""
    stream = Endless()

    outcome, _ = send(call, lambda _: httpx.Response(200, stream=stream))

    assert isinstance(outcome, Unknown)
    assert stream.closed
    assert stream.pieces < 20


def test_the_key_is_shown_nowhere(call):
    """Not in what is told of an answer, nor in what is told of none."""
    for answer in (SENT, LOST, PAGE, httpx.Response(500, text=KEY), UNREACHABLE):
        assert KEY not in repr(send(call, Node(answer)))
