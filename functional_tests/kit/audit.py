"""The promise, held against the truth: what callers were told against what providers took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from functional_tests.kit.smsp import Answer

STATUS_AND_TIMES = {
    "sent": (200, {1}),
    "rejected": (422, {0}),
    "not_sent": (503, {0}),
    "unknown": (504, {0, 1}),
}
"""What each outcome looks like, and how often its message may have been taken."""


def audit(answers: Iterable[Answer], taken: Mapping[str, int]) -> None:
    """Fail unless every answer is true; ``taken`` is how often each id was taken."""
    counted = [(answer, taken.get(answer.id, 0)) for answer in answers]
    assert [(answer, times) for answer, times in counted if not _is_true(answer, times)] == []


def audit_all(answers: Iterable[Answer], taken: Mapping[str, int]) -> None:
    """The same where these are all the answers there were: no message came from nowhere."""
    answers = list(answers)
    audit(answers, taken)
    assert set(taken) <= {answer.id for answer in answers}


def _is_true(answer: Answer, times: int) -> bool:
    status, may_be_taken = STATUS_AND_TIMES[answer.outcome]
    return answer.status == status and times in may_be_taken
