"""PURE. Which tests are to notice a mutant, the nearest first, as many as there is time for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
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

    def tests(self, mutant: Mutant) -> list[str]:
        """Near is a test that is named after the module, then one that runs few lines besides."""
        chosen, seconds = [], 0.0
        for test in sorted(self._covering(mutant), key=lambda test: self._distance(mutant, test)):
            seconds += self.witnesses.seconds.get(test, 0.0)
            if chosen and seconds > self.seconds_max:
                break
            chosen.append(test)
        return chosen

    def turns(self, mutant: Mutant) -> list[list[str]]:
        """The tests in two turns: most mutants fall to the nearest, and to collect the others takes
        longer than to run them."""
        tests = self.tests(mutant)
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))[:NEAR_FILES]
        near = [test for test in tests if test.partition("::")[0] in files]
        rest = [test for test in tests if test.partition("::")[0] not in files]
        return [turn for turn in (near, rest) if turn]

    def expected_s(self, tests: Iterable[str]) -> float:
        """What they took while they were watched."""
        return sum(self.witnesses.seconds.get(test, 0.0) for test in tests)

    def _covering(self, mutant: Mutant) -> frozenset[str]:
        """Of the lines that are changed; else of the function; else, as of what runs when a module
        is imported, of any line in it."""
        lines = self.witnesses.tests_by_line.get(mutant.path, {})
        for numbers in (mutant.lines, mutant.function_lines, lines):
            found = frozenset[str]().union(*(lines.get(number, ()) for number in numbers))
            if found:
                return found
        return frozenset()

    def _distance(self, mutant: Mutant, test: str) -> tuple[bool, int, float, str]:
        module = PurePosixPath(mutant.path).stem
        named = test.rpartition("/")[2].startswith(f"test_{module}")
        return (
            not (named or f"[{module}" in test),
            self._reach[test],
            self.witnesses.seconds.get(test, 0.0),
            test,
        )

    @cached_property
    def _reach(self) -> Mapping[str, int]:
        """How many lines each test runs."""
        return Counter(
            test
            for lines in self.witnesses.tests_by_line.values()
            for tests in lines.values()
            for test in tests
        )
