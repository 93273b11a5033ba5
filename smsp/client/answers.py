"""PURE. What an answer to a caller proves of its message, and whether it is SMSP's at all.

Between a caller and SMSP there may be proxies, and they answer for it: with pages, with errors
after SMSP has sent, with JSON of their own. An answer is SMSP's if it is whole, is a JSON object
under JSON's media type, and says what SMSP says with that status: an ``outcome`` with the members
that belong to it, or else a ``code`` and a ``message``. Those two any gateway might say, so they
count only with the ``RequestKey`` that is on every answer of SMSP's. Nothing else proves anything.

If there is no answer: before a connection is made nothing can have been sent. After that the error
does not tell how much was written, nor whether a proxy took it for the whole, so it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import orjson

from smsp.client.outcomes import (
    AnswerBody,
    Attempt,
    NotSent,
    Outcome,
    Record,
    RefusedRecipient,
    Rejected,
    RequestRefused,
    Sent,
    Unknown,
)

RETRY_AFTER_S_MIN, RETRY_AFTER_S_MAX = 1.0, 3600.0

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_SAID_WITH = MappingProxyType(
    {
        "sent": (HTTPStatus.OK, ()),
        "rejected": (HTTPStatus.UNPROCESSABLE_ENTITY, ("rejected",)),
        "not_sent": (HTTPStatus.SERVICE_UNAVAILABLE, ("not_sent", "no_provider")),
        "unknown": (HTTPStatus.GATEWAY_TIMEOUT, ("unknown",)),
    }
)
"""The status that an outcome is answered with, and the codes."""
_NOT_READ = frozenset(
    {
        (HTTPStatus.REQUEST_TIMEOUT, "body_timeout"),
        (HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "draining"),
    }
)
"""Answers by which SMSP says that it did not take the message in, and will another time."""


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """Somebody's answer, come whole. The names in ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, or none that can be read; ``unsent`` if nothing can have been written."""

    why: str
    unsent: bool = False


Heard = HeardAnswer | Lost | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What one try has shown. ``kept``: it is what SMSP remembers of the message by its key, so it
    speaks of earlier tries too. ``wait_s`` is SMSP's wish, if it has one."""

    outcome: Outcome | RequestRefused
    kept: bool = False
    wait_s: float | None = None

    @property
    def doubt(self) -> Unknown | None:
        """What may yet be learned by asking SMSP once more with the same key."""
        return self.outcome if isinstance(self.outcome, Unknown) and not self.kept else None


def shown_by(heard: Heard) -> Shown:
    """What an answer to a message, or its absence, shows."""
    if isinstance(heard, Lost) and heard.unsent:
        return Shown(NotSent(f"SMSP cannot be reached: {heard.why}", RETRY_AFTER_S_MIN, {}))
    if not isinstance(heard, HeardAnswer):
        return Shown(Unknown(why_none(heard), {}))
    answer = object_in(heard)
    shown = _with_outcome(heard, answer) or without_outcome(heard, answer)
    return shown or Shown(Unknown(why_foreign(heard), {}))


def why_none(heard: Lost | None) -> str:
    """That there is no answer, for a reader."""
    return f"there was no answer from SMSP: {heard.why if heard else 'nothing came'}"


def why_foreign(reply: HeardAnswer) -> str:
    """That an answer is somebody else's, for a reader."""
    return f"the answer is not SMSP's: status {reply.status}"


def _with_outcome(reply: HeardAnswer, answer: AnswerBody) -> Shown | None:
    """The outcome that SMSP answers in these words with this status; none if it never does."""
    word = _text(answer, "outcome") or ""
    status, codes = _SAID_WITH.get(word, (None, ()))
    if reply.status != status or answer.get("code") not in (None, *codes):
        return None
    outcome = _outcome(word, answer, _text(answer, "message"), _retry_after_s(reply))
    if isinstance(outcome, NotSent):
        return Shown(outcome, wait_s=outcome.retry_after_s)
    return None if outcome is None else Shown(outcome, kept=True)


def _outcome(
    word: str, answer: AnswerBody, message: str | None, retry_after_s: float
) -> Outcome | None:
    message_id, provider = _text(answer, "id"), _text(answer, "provider")
    attempts = _attempts(answer)
    match word:
        case "sent" if message_id and provider:
            messageid, refused = _text(answer, "messageid"), _refused(answer)
            count = _refused_count(answer)
            return Sent(message_id, provider, messageid, answer, refused, count, attempts)
        case "rejected" if message_id and message is not None:
            return Rejected(message_id, message, answer, attempts)
        case "not_sent" if message is not None:
            return NotSent(message, retry_after_s, answer, message_id, attempts)
        case "unknown" if message_id and message is not None:
            return Unknown(message, answer, message_id, attempts)
        case _:
            return None


def without_outcome(reply: HeardAnswer, answer: AnswerBody) -> Shown | None:
    """What SMSP says of a request that came to no outcome; none if the answer is not SMSP's."""
    code, message = _text(answer, "code"), _text(answer, "message")
    ours = reply.headers.get("requestkey") and "outcome" not in answer
    if not ours or not code or message is None or reply.status < HTTPStatus.BAD_REQUEST:
        return None
    wait_s = _retry_after_s(reply)
    if (reply.status, code) in _NOT_READ:
        return Shown(NotSent(message, wait_s, answer), wait_s=wait_s)
    if code == "in_progress":
        return Shown(Unknown(message, answer), wait_s=wait_s)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Shown(Unknown(message, answer))
    return Shown(RequestRefused(reply.status, code, message, answer))


def record_in(reply: HeardAnswer, answer: AnswerBody, message_id: str) -> Record | None:
    """What SMSP remembers of this message; none if the answer does not say so."""
    word, settled = _text(answer, "outcome"), answer.get("settled")
    ours = reply.status == HTTPStatus.OK and (_text(answer, "id") or "") == message_id.lower()
    if not ours or word is None or not isinstance(settled, bool):
        return None
    if word == "in_progress":
        return Record(message_id, None, settled, answer)
    outcome = _outcome(word, answer, _reasons(answer), RETRY_AFTER_S_MIN)
    return None if outcome is None else Record(message_id, outcome, settled, answer)


def _reasons(answer: AnswerBody) -> str:
    """A record has no sentence of its own, but what came of each provider."""
    return ", ".join(f"{one.provider}: {one.reason}" for one in _attempts(answer))


def _retry_after_s(reply: HeardAnswer) -> float:
    """The wait that is asked for. SMSP names whole seconds; anything else is no wish of its own."""
    text = reply.headers.get("retry-after", "")
    seconds = float(text) if _NUMBER.fullmatch(text) else RETRY_AFTER_S_MIN
    return min(max(seconds, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX)


def object_in(reply: HeardAnswer) -> AnswerBody:
    """The JSON object in an answer, which is empty if there is none."""
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        return {}
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _attempts(answer: AnswerBody) -> tuple[Attempt, ...]:
    return tuple(_attempt(row) for row in _rows(answer, "attempts"))


def _attempt(row: AnswerBody) -> Attempt:
    provider, outcome, reason = (
        _text(row, name) or "" for name in ("provider", "outcome", "reason")
    )
    seconds = row.get("seconds")
    took_s = float(seconds) if isinstance(seconds, int | float) else 0.0
    return Attempt(provider, outcome, reason, took_s, _text(row, "detail"))


def _refused(answer: AnswerBody) -> tuple[RefusedRecipient, ...] | None:
    if not isinstance(answer.get("refusedrecipients"), list):
        return None
    return tuple(_recipient(row) for row in _rows(answer, "refusedrecipients"))


def _refused_count(answer: AnswerBody) -> int:
    number = answer.get("refusedrecipientscount")
    return number if isinstance(number, int) else len(_refused(answer) or ())


def _recipient(row: AnswerBody) -> RefusedRecipient:
    address, reason = _text(row, "address") or "", _text(row, "reason") or ""
    return RefusedRecipient(address, reason, _text(row, "detail"))


def _rows(answer: AnswerBody, name: str) -> list[AnswerBody]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(answer: AnswerBody, name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) else None
