"""PURE. Which tests are to notice a mutant, the nearest first, as many as there is time for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import PurePosixPath

from tests.sampled_mutants.mutants import Mutant
from tests.sampled_mutants.witness import Witnesses

NEAR_FILES = 2
"""How many files of tests are collected for a mutant at first."""


@dataclass(frozen=True)
class Chooser:
    """Chooses tests by what they ran when nothing was wrong."""

    witnesses: Witnesses
    seconds_max: float
    """How long the chosen ones may take together."""

    def turns(self, mutant: Mutant) -> list[list[str]]:
        """The tests in turns: most mutants fall to the nearest, and to collect the others takes
        longer than to run them. A value that is made when a module is imported may be read by
        anybody, which no line shows, so in the end all the quickest are asked."""
        covering = self._in_time(
            sorted(self._covering(mutant), key=lambda test: self._distance(mutant, test))
        )
        files = list(dict.fromkeys(map(_file, covering)))[:NEAR_FILES]
        near = [test for test in covering if _file(test) in files]
        rest = [test for test in covering if _file(test) not in files]
        turns = [near, rest]
        if not mutant.function_lines:
            others = self.witnesses.seconds.keys() - covering
            turns.append(self._in_time(sorted(others, key=self._cost)))
        return [turn for turn in turns if turn]

    def expected_s(self, tests: Iterable[str]) -> float:
        """What they took while they were watched."""
        return sum(map(self._seconds, tests))

    def _in_time(self, tests: Sequence[str]) -> list[str]:
        """The first of them, but one in any case."""
        ends_s = accumulate(map(self._seconds, tests))
        return [
            test
            for number, (test, end_s) in enumerate(zip(tests, ends_s, strict=True))
            if number == 0 or end_s <= self.seconds_max
        ]

    def _seconds(self, test: str) -> float:
        return self.witnesses.seconds.get(test, 0.0)

    def _cost(self, test: str) -> tuple[float, str]:
        return self._seconds(test), test

    def _covering(self, mutant: Mutant) -> frozenset[str]:
        """Of the lines that are changed; else of the function; else, as of what runs when a module
        is imported, of any line in it."""
        lines = self.witnesses.tests_by_line.get(mutant.path, {})
        for numbers in (mutant.lines, mutant.function_lines, lines):
            found = frozenset[str]().union(*(lines.get(number, ()) for number in numbers))
            if found:
                return found
        return frozenset()

    def _distance(self, mutant: Mutant, test: str) -> tuple[bool, float, str]:
        module = PurePosixPath(mutant.path).stem
        named = test.rpartition("/")[2].startswith(f"test_{module}")
        return (
            not (named or f"[{module}" in test),
            *self._cost(test),
        )


def _file(test: str) -> str:
    return test.partition("::")[0]
