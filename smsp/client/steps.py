"""PURE. What a caller asks SMSP, and when it asks again.

A conversation is a generator: it yields :class:`SendRequest` and is sent what was heard, yields
:class:`Wait` and is sent ``None``, and returns what the caller wants to know. Whoever runs it does
the I/O, so that code in threads, under asyncio and under trio decides alike.

``not_sent`` may always be asked again. With a key for repetitions so may what got no answer, and
what is still being sent: the node that has begun it tells what became of it, and sends nothing.
A doubt outlives every later answer but those that SMSP remembers by the key (sent, rejected,
unknown): a node that was restarted between two tries knows nothing of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import quote

from smsp.client.answers import (
    Heard,
    HeardAnswer,
    Shown,
    object_in,
    record_in,
    shown_by,
    why_foreign,
    why_none,
    without_outcome,
)
from smsp.client.outcomes import (
    NoAnswer,
    NotSent,
    Outcome,
    Record,
    Rejected,
    RequestRefused,
    Sent,
    Unknown,
)

PATIENCE_S = 300.0
"""Of a caller who names none: for each try, and until the last wait is over. It is also the longest
``SMSP-Deadline``."""
DEADLINE_S_MIN = 0.05
"""The shortest ``SMSP-Deadline``: no try is begun with less."""
BACKOFF_S_MAX = 30.0
"""Between tries for which SMSP has named no wait: one second, then twice as long up to this."""
FIND_PATIENCE_S = 10.0

Clock = Callable[[], float]
"""Seconds since whenever, that only grow."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request: ``path`` is below SMSP's URL, ``patience_s`` how long the answer may take."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    patience_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a caller wants beside its message. ``deadline_s`` is for all tries and waits together;
    ``retries`` is how often a request may be repeated."""

    idempotency_key: str | None
    deadline_s: float | None
    retries: int


def sending(
    content: bytes, wishes: Wishes, clock: Clock
) -> Generator[SendRequest | Wait, Heard, Outcome]:
    """The conversation about one message, which is JSON already. Raises :class:`RequestRefused`."""
    until = clock() + (PATIENCE_S if wishes.deadline_s is None else wishes.deadline_s)
    doubt: Unknown | None = None
    for tries in count(1):
        shown = shown_by((yield _post(content, wishes, until - clock())))
        outcome = shown.outcome if doubt is None or shown.kept else _still(doubt, shown.outcome)
        wait_s = _backoff_s(tries) if shown.wait_s is None else shown.wait_s
        in_time = clock() + wait_s + DEADLINE_S_MIN <= until
        if tries > wishes.retries or not in_time or not _may_repeat(shown, wishes):
            break
        doubt = doubt or shown.doubt
        yield Wait(wait_s)
    if isinstance(outcome, RequestRefused):
        raise outcome
    return outcome


def finding(message_id: str) -> Generator[SendRequest | Wait, Heard, Record | None]:
    """The conversation about what became of a message. Raises :class:`NoAnswer`, and
    :class:`RequestRefused`."""
    path = "/email/" + quote(message_id, safe="").replace(".", "%2E")
    heard = yield SendRequest("GET", path, {}, b"", FIND_PATIENCE_S)
    if not isinstance(heard, HeardAnswer):
        raise NoAnswer(why_none(heard))
    answer = object_in(heard)
    record = record_in(heard, answer, message_id)
    if record is not None:
        return record
    refusal = without_outcome(heard, answer)
    if refusal is None or not isinstance(refusal.outcome, RequestRefused):
        raise NoAnswer(why_foreign(heard) if refusal is None else _message(refusal.outcome))
    if refusal.outcome.code == "not_found":
        return None
    raise refusal.outcome


def _backoff_s(tries: int) -> float:
    return min(2.0 ** min(tries - 1, 10), BACKOFF_S_MAX)  # a larger power may be too large


def _may_repeat(shown: Shown, wishes: Wishes) -> bool:
    if shown.doubt:
        return wishes.idempotency_key is not None
    return isinstance(shown.outcome, NotSent)


def _still(doubt: Unknown, outcome: Outcome | RequestRefused) -> Unknown:
    """What is known after a later try that says nothing of the one which left the doubt."""
    return replace(doubt, message=f"{doubt.message}; then: {_message(outcome)}")


def _message(outcome: Outcome | RequestRefused) -> str:
    match outcome:
        case RequestRefused():
            return str(outcome)
        case Sent():
            return "sent"
        case Rejected() | NotSent() | Unknown():
            return outcome.message


def _post(content: bytes, wishes: Wishes, left_s: float) -> SendRequest:
    headers = {"Content-Type": "application/json"}
    if wishes.idempotency_key is not None:
        headers["Idempotency-Key"] = wishes.idempotency_key
    if wishes.deadline_s is None:
        return SendRequest("POST", "/email", headers, content, PATIENCE_S)
    deadline_s = min(left_s, PATIENCE_S)
    headers["SMSP-Deadline"] = f"{round(deadline_s, 3):g}"
    return SendRequest("POST", "/email", headers, content, deadline_s)
