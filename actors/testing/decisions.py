"""PURE. What a schedule is made of: decisions, and the token that writes them down.

A run of a program is a function of the answers given to a row of questions. The answer 0 is
always the plain order: the task that has waited longest, no clock jump, no cancellation, the
first choice. A schedule is therefore the short list of its *deviations*, the answers that are
not 0, and its token is that list.

Knows nothing of trio, of strategies or of pytest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self


class Kind(Enum):
    """What a decision is about."""

    TASK = "task"
    """Which of the runnable tasks goes next; the answer says how many are passed over."""
    CLOCK = "clock"
    """Whether the clock jumps to the next deadline although tasks are runnable."""
    CANCEL = "cancel"
    """Whether a block inside ``cancellable()`` is cancelled now."""
    CHOICE = "choice"
    """What ``choose(n)`` returns."""
    SEED = "seed"
    """The seed of an ``rng()``: sampled, never enumerated."""


class Decision(NamedTuple):
    """One question with more than one possible answer, and its answer in ``range(options)``."""

    kind: Kind
    options: int
    answer: int

    @property
    def delays(self) -> int:
        """What the answer costs against a bound on delays. Choices and seeds delay nobody."""
        return 0 if self.kind in (Kind.CHOICE, Kind.SEED) else self.answer


@dataclass(frozen=True, slots=True)
class Token:
    """A schedule on one line: ``s1:12=1,30=2`` allows 1 timer race and deviates twice.

    ``s`` stands for step mode. It holds neither spaces nor quotes, so that it can be pasted
    into any shell.
    """

    timer_races: int
    answers: tuple[int, ...]

    def __str__(self) -> str:
        pairs = (f"{index}={answer}" for index, answer in enumerate(self.answers) if answer)
        return f"s{self.timer_races}:{','.join(pairs)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token back. Raises ValueError for anything else."""
        if not _TOKEN.fullmatch(text):
            msg = f"{text!r} is not a schedule token, such as s0: or s1:12=1,30=2"
            raise ValueError(msg)
        head, _, tail = text.partition(":")
        answers: dict[int, int] = {}
        for pair in filter(None, tail.split(",")):
            index, _, answer = pair.partition("=")
            answers[int(index)] = int(answer)
        length = max(answers, default=-1) + 1
        return cls(int(head[1:]), tuple(answers.get(index, 0) for index in range(length)))


_TOKEN = re.compile(r"s\d{1,3}:(\d{1,6}=\d{1,6}(,\d{1,6}=\d{1,6})*)?")


def answers_of(decisions: Sequence[Decision]) -> list[int]:
    """The answers alone: what a replay needs."""
    return [decision.answer for decision in decisions]


def deviations(answers: Sequence[int]) -> int:
    """How often the answers leave the plain order."""
    return sum(1 for answer in answers if answer)
