"""PURE. The promise: what callers were told, held against what providers took.

Owns the judgement of one message's story. Must not know how messages are sent, or where it was
written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class End(IntEnum):
    """How one request ended for its caller."""

    SENT = 0
    REJECTED = 1
    NOT_SENT = 2
    UNKNOWN = 3
    REFUSED = 4
    """Answered at the door: the node is stopping, or a twin with the same key is under way."""
    FAULT = 5
    """The balancer's own answer: a node could not be reached, or broke off."""
    HUNG_UP = 6
    """The caller left after the last byte of its request."""
    CUT = 7
    """The caller left before that."""
    SILENT = 8
    """Neither an answer nor a hang-up, or more than one answer."""
    NONSENSE = 9
    """An answer that contradicts itself, or belongs to another request."""


MAY_HAVE_BEEN_TAKEN = frozenset({End.UNKNOWN, End.FAULT, End.HUNG_UP, End.SILENT, End.NONSENSE})
CERTAIN = frozenset({End.SENT, End.REJECTED})
"""What a key is answered with ever after. What is ``unknown`` is so until more is known, which may
be that nothing was sent: then the key is free, and its next message is another one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and how it ended. Moments are Unix time in seconds; an id is 16 bytes.

    ``refused`` are the recipients that the answer names as refused, a bit each; ``None`` if it says
    that nobody knows.
    """

    end: End
    began_at: float
    ended_at: float
    status: int = 0
    id: bytes | None = None
    provider: str | None = None
    refused: int | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A provider took a message, under this id of SMSP's.

    ``refused`` are the recipients for whom it did not, and said so, a bit each; ``None`` if it is
    one that never says.
    """

    provider: str
    id: bytes | None
    at: float
    refused: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one message. Its requests had one key, if they had one.

    Without a key a caller asks again only when nothing can have been taken. With a key it asks
    again whatever happened, as long as the node that knows the key lives.
    """

    number: int
    keyed: bool
    requests: Sequence[Request]
    acceptances: Sequence[Acceptance]


class Violation(StrEnum):
    """A way to break the promise."""

    LOST = "sent, and no provider took it"
    DOUBLED = "taken more than once"
    TAKEN_ANYWAY = "taken, although that was excluded"
    ELSEWHERE = "taken by another provider than the answer names"
    OTHER_ID = "taken under another id than the answer has"
    MISNAMED = "taken for others than the answer tells of"
    CONTRADICTED = "both sent and rejected"
    FORGOTTEN = "its key was answered, and then answered anew"
    SILENT = "not answered exactly once"
    NONSENSE = "answered with nonsense"
    NOWHERE = "taken, and nobody sent it"


def violations(story: Story) -> Iterator[Violation]:
    """What is wrong with a story; nothing if the promise held."""
    if not story.requests:
        yield Violation.NOWHERE
        return
    ends = [request.end for request in story.requests]
    if End.SILENT in ends:
        yield Violation.SILENT
    if End.NONSENSE in ends:
        yield Violation.NONSENSE
    if {End.SENT, End.REJECTED} <= set(ends):
        yield Violation.CONTRADICTED
    yield from _wrongly_counted(ends, len(story.acceptances))
    yield from _wrongly_answered(story)
    if story.keyed and _is_forgotten(story.requests):
        yield Violation.FORGOTTEN


def _wrongly_counted(ends: Sequence[End], times: int) -> Iterator[Violation]:
    least, most = times_allowed(ends)
    if times < least:
        yield Violation.LOST
    if times > 1:
        yield Violation.DOUBLED
    if times > most == 0:
        yield Violation.TAKEN_ANYWAY


def times_allowed(ends: Sequence[End]) -> tuple[int, int]:
    """How often at least, and at most, a message may have been taken whose requests ended so."""
    if End.SENT in ends:
        return 1, 1
    if End.REJECTED in ends:
        return 0, 0
    return 0, int(bool(MAY_HAVE_BEEN_TAKEN & set(ends)))


def _wrongly_answered(story: Story) -> Iterator[Violation]:
    for request in story.requests:
        under_its_id = [one for one in story.acceptances if one.id == request.id]
        match request.end:
            case End.SENT if story.acceptances:
                by_it = [one for one in under_its_id if one.provider == request.provider]
                if not under_its_id:
                    yield Violation.OTHER_ID
                elif not by_it:
                    yield Violation.ELSEWHERE
                elif request.refused not in {one.refused for one in by_it}:
                    yield Violation.MISNAMED
            case End.NOT_SENT | End.REJECTED if under_its_id:
                # Though another request of the same message may have been free to be taken.
                yield Violation.TAKEN_ANYWAY
            case _:
                pass


def _is_forgotten(requests: Sequence[Request]) -> bool:
    certain: bytes | None = None
    for request in requests:
        if certain is not None and request.end in {End.NOT_SENT, End.UNKNOWN}:
            return True
        if request.end in CERTAIN:
            if certain not in (None, request.id):
                return True
            certain = request.id
    return False
