"""PURE. Whether what a server said to a case is right: the oracle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from functional_tests.fuzz.answers import Answer
from functional_tests.fuzz.cases import Case
from functional_tests.fuzz.grammar import Ending, Reading

REFUSALS = frozenset({400, 414, 431, 501})
"""Of what is no request; empty, and the connection ends."""

STATUSES = REFUSALS | {200, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429}
"""All that there is while every provider works: no bug's 500, and no outage."""


@dataclass
class Heard:
    """What came of a case. ``ended``: the server's end of the connection, or none in time."""

    answers: list[Answer] = field(default_factory=list)
    ended: Literal["closed", "reset", "open"] = "open"
    complaint: str | None = None


def complaints(case: Case, reading: Reading, heard: Heard) -> Iterator[str]:
    """Everything that is wrong with the answers to one case."""
    if heard.complaint is not None:
        yield heard.complaint
    if case.leaves:
        return
    if heard.ended == "open":
        yield "the connection did not end"
    yield from _of_the_number(case, reading, heard)
    for answer in heard.answers:
        yield from _of_one(answer)
    yield from _of_the_last(reading, heard)


def messages_in(reading: Reading) -> Counter[str]:
    """The subjects of what may have been sent: messages in whole requests, and no others."""
    posts = (one for one in reading.requests if one.head.method == b"POST")
    return Counter(subject for one in posts if (subject := _subject(one.body)) is not None)


def smuggled(taken: Iterable[str], allowed: Counter[str]) -> list[str]:
    """The subjects of messages that nobody has asked to send, or not so often."""
    return list((Counter(taken) - allowed).elements())


def _subject(body: bytes) -> str | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    return str(message.get("subject")) if isinstance(message, dict) else None


def _of_the_number(case: Case, reading: Reading, heard: Heard) -> Iterator[str]:
    statuses = [answer.status for answer in heard.answers]
    if case.statuses is not None and statuses != case.statuses:
        yield f"answered {statuses} instead of {case.statuses}"
    whole = reading.ending in (Ending.CLEAN, Ending.LAST)
    most = len(reading.requests) + (0 if whole else 1)
    if len(statuses) > most:
        yield f"{len(statuses)} answers to at most {most} requests: {statuses}"


def _of_one(answer: Answer) -> Iterator[str]:
    if answer.status not in STATUSES:
        yield f"status {answer.status}: {answer.body[:200]!r}"
    if "requestkey" in answer.headers:
        return
    if answer.status not in REFUSALS or answer.body or not answer.closes:
        yield f"neither an answer of the application nor a refusal: {answer}"


def _of_the_last(reading: Reading, heard: Heard) -> Iterator[str]:
    """What is no request is refused, unless the server was stricter with one before."""
    if reading.ending is Ending.BAD_HEAD and heard.ended == "closed":
        last = heard.answers[-1] if heard.answers else None
        if last is None or last.status not in REFUSALS:
            yield f"no refusal of what is no request, but {last}"
