"""PURE. Makes a failing schedule as plain as possible: fewest deviations, then smallest answers.

First by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
Input", 2002): deviations are taken away in ever smaller portions, until no single one can go.
Where more than one is left, every schedule of a single deviation is tried too.

Knows nothing of trio: an ``Trial`` runs the program and says what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from actors.testing.decisions import Decision, Kind, answers_of, deviations

Trial: TypeAlias = Callable[[Sequence[int]], tuple[bool, Sequence[Decision]]]
"""Runs a schedule: whether it fails in the same way, and the decisions that were made."""

REPLAYS_MAX = 400
_SMALL = 10


class Shrinker:
    """Shrinks one failing schedule within a budget of replays."""

    def __init__(self, attempt: Trial, replays_max: int = REPLAYS_MAX) -> None:
        self.replays = 0
        """How many runs it has taken."""
        self._attempt = attempt
        self._replays_max = replays_max

    def shrink(self, failing: Sequence[int]) -> list[int]:
        """The plainest failing answers it can find, ``failing`` itself at worst."""
        fails, plain = self._attempt([])
        self.replays += 1
        if fails:
            return []
        best = self._fewer(list(failing))
        if deviations(best) > 1:
            best = self._first_failing(_lone_deviations(plain)) or best
        return self._smaller(best)

    def _fewer(self, best: list[int]) -> list[int]:
        portion = max(1, deviations(best) // 2)
        while True:
            shrunk = self._pass(best, portion)
            if portion == 1 and shrunk == best:
                return best
            best, portion = shrunk, max(1, portion // 2)

    def _pass(self, best: list[int], portion: int) -> list[int]:
        """One walk from the end to the start, so that what is still to come keeps its place."""
        unseen = deviations(best)
        while unseen > 0:
            places = [index for index, answer in enumerate(best) if answer][:unseen]
            gone = frozenset(places[-portion:])
            unseen -= len(gone)
            without = [0 if index in gone else answer for index, answer in enumerate(best)]
            shorter = self._try(without)
            if shorter is not None and deviations(shorter) < deviations(best):
                best = shorter
        return best

    def _smaller(self, best: list[int]) -> list[int]:
        for index in range(len(best)):
            if index < len(best) and best[index] > 1:
                best = self._first_failing(_smaller_answers(best, index)) or best
        return best

    def _first_failing(self, candidates: Iterator[list[int]]) -> list[int] | None:
        found = (self._try(candidate) for candidate in candidates)
        return next((answers for answers in found if answers is not None), None)

    def _try(self, answers: Sequence[int]) -> list[int] | None:
        """The answers that were really used, if they fail; None if not, or the budget is spent."""
        if self.replays >= self._replays_max:
            return None
        self.replays += 1
        fails, decisions = self._attempt(answers)
        return answers_of(decisions) if fails else None


def _lone_deviations(plain: Sequence[Decision]) -> Iterator[list[int]]:
    for index, decision in enumerate(plain):
        if decision.kind is not Kind.SEED:
            for answer in range(1, decision.options):
                yield [*[0] * index, answer]


def _smaller_answers(answers: Sequence[int], index: int) -> Iterator[list[int]]:
    for smaller in range(1, min(answers[index], _SMALL)):
        yield [*answers[:index], smaller, *answers[index + 1 :]]
