"""PURE. What an HTTP answer proves about a message, where all providers agree.

Owns the reading that every adapter shares: the verdict by status code alone, the table in which
an adapter writes down what its provider says in its own words, ``Retry-After``, JSON that may be
anything, and the provider's words made fit to be shown to a caller.
Must not know any one provider. Nothing here can say ``Sent``: what success looks like is each
provider's own business, and whatever it is not ends up here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import orjson

from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Unknown
from smsp.providers.kinds import HttpReply
from smsp.providers.redaction import redacted

Refusal = Rejected | NotSent | Unknown

DETAIL_CHARS_MAX = 200
_LOOKED_AT_CHARS = 4096
"""What is taken out makes words shorter, so more is looked at than is shown."""
PAUSE_S_MAX = 86_400.0
"""No pause is read as longer than a day; a circuit waits for less than that anyway."""


@dataclass(frozen=True, slots=True)
class ResponseRule:
    """One row of an adapter's table: an answer its provider is known to give, and what it proves.

    ``says`` is a regular expression searched for in the provider's words, letter case aside.
    """

    status: int
    says: str
    outcome: Refusal

    def matches(self, status: int, words: str) -> bool:
        """Whether a reply with this status and these words is the one this row describes."""
        return status == self.status and re.search(self.says, words, re.IGNORECASE) is not None


def judge(
    reply: HttpReply,
    table: Sequence[ResponseRule],
    *,
    words: str,
    secrets: Iterable[str] = (),
    pause_s: float | None = None,
) -> Refusal:
    """What ``reply`` proves, given that it is not the success its provider documents.

    The first row of ``table`` that matches decides, else the status code alone.
    ``words`` is the provider's explanation; it becomes the outcome's ``detail`` with ``secrets``
    taken out, unless the body was cut short: half a secret could not be recognised.
    ``pause_s`` is a delay the provider gave outside ``Retry-After``, and goes before that header.
    """
    matching = (row.outcome for row in table if row.matches(reply.status, words))
    outcome = next(matching, by_status(reply.status))
    detail = presentable(words, secrets) if reply.complete else None
    match outcome:
        case Rejected():
            return replace(outcome, detail=detail)
        case NotSent() | Unknown():
            pause_s = retry_after_s(reply) if pause_s is None else pause_s
            return replace(outcome, detail=detail, retry_after_s=pause_s)


_MISCONFIGURED = NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
_NOT_UNDERSTOOD = NotSent(Reason.REFUSED_4XX, Blame.NOBODY)
_SERVER_ERROR = Unknown(Reason.SERVER_ERROR)

_BY_STATUS: Mapping[int, Refusal] = MappingProxyType(
    {
        401: NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT),
        402: NotSent(Reason.NO_CREDITS, Blame.ACCOUNT),
        403: NotSent(Reason.FORBIDDEN, Blame.PROVIDER),
        404: _MISCONFIGURED,
        405: _MISCONFIGURED,
        406: _MISCONFIGURED,
        408: _SERVER_ERROR,  # the server stopped waiting, for us or for something behind it
        413: Rejected(Reason.TOO_LARGE),
        415: _MISCONFIGURED,
        429: NotSent(Reason.THROTTLED, Blame.THROTTLE),
    }
)

# A 503 is here with the other 5xx: what a proxy in front says proves nothing about what is behind.
_BY_CLASS: Mapping[int, Refusal] = MappingProxyType(
    {3: _MISCONFIGURED, 4: _NOT_UNDERSTOOD, 5: _SERVER_ERROR}
)


def by_status(status: int) -> Refusal:
    """What a status code proves when nothing else about the answer is understood."""
    in_class = _BY_CLASS.get(status // 100, Unknown(Reason.BAD_ANSWER))
    return _BY_STATUS.get(status, in_class)


def retry_after_s(reply: HttpReply) -> float | None:
    """Seconds to wait from ``received_at``, by ``Retry-After`` in either form (RFC 9110 §10.2.3).

    ``None`` without the header or when it cannot be read; 0 for a moment already past.
    """
    value = reply.headers.get("retry-after", "").strip()
    seconds = seconds_of(value)
    return seconds if seconds is not None else seconds_until(value, reply.received_at)


def seconds_of(digits: str) -> float | None:
    """A whole number of seconds written in ASCII digits, at most ``PAUSE_S_MAX``."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    # A longer number is above the maximum anyway, and int() takes no more than some digits.
    return min(float(digits.lstrip("0")[:12] or "0"), PAUSE_S_MAX)


def seconds_until(date: str, now: float) -> float | None:
    """Seconds from ``now`` (Unix time) to an HTTP or RFC 5322 date, from 0 to ``PAUSE_S_MAX``."""
    try:
        moment = parsedate_to_datetime(date)
        # A date without a zone is in UTC: HTTP knows no other.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(moment.timestamp() - now, 0.0), PAUSE_S_MAX)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def json_of(reply: HttpReply) -> object:
    """The body as JSON; ``None`` when it is none. Look into it with ``member`` and ``text``."""
    try:
        value: object = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
    return value


def member(value: object, name: str) -> object:
    """The named member of a JSON object; ``None`` if there is none, or ``value`` is no object."""
    return value.get(name) if isinstance(value, dict) else None


def items(value: object) -> list[object]:
    """The items of a JSON list; none of anything else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """A JSON string as it is; anything else as the empty string."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """A whole JSON number; ``None`` for anything else, ``true`` included, which Python counts."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def coded(error: object, code: str, explanation: str) -> str:
    """An error with a code and an explanation under these names, as ``code: explanation``.

    The code may be a word or a number; what is missing is left out.
    """
    known = member(error, code)
    number = str(known) if isinstance(known, int) else text(known)
    return ": ".join(filter(None, (number, text(member(error, explanation)))))


def body_text(reply: HttpReply) -> str:
    """The body read as UTF-8, whatever it is."""
    return reply.body.decode("utf-8", "replace")


def identifier(value: object) -> str | None:
    """A provider's id for a message, if ``value`` is fit to be one: printable, and not too long."""
    word = text(value).strip()
    return word if word.isprintable() and 0 < len(word) <= DETAIL_CHARS_MAX else None


def presentable(words: str, secrets: Iterable[str] = ()) -> str | None:
    """Words as one line of at most ``DETAIL_CHARS_MAX`` printable characters, without ``secrets``
    (:mod:`smsp.providers.redaction`).

    ``None`` when nothing is left.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return redacted(line[:_LOOKED_AT_CHARS], secrets)[:DETAIL_CHARS_MAX] or None
