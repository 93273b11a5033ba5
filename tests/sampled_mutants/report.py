"""PURE. The score, by module, and what it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.sampled_mutants.mutants import Mutant
from tests.sampled_mutants.trial import Fate


@dataclass(frozen=True)
class Tried:
    """What became of one."""

    mutant: Mutant
    fate: Fate
    tests: int
    """How many were to notice it."""


def score(tried: Sequence[Tried]) -> float:
    """Killed, in percent of those tried; 0 if there are none."""
    return 100.0 * sum(one.fate.killed for one in tried) / max(1, len(tried))


def table(tried: Sequence[Tried]) -> Iterator[str]:
    """A line for each module, and one for all."""
    by_module: dict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        by_module[one.mutant.path].append(one)
    for path, some in sorted(by_module.items()):
        yield _row(path, some)
    yield _row("all", tried)


def survivors(tried: Sequence[Tried]) -> Iterator[str]:
    """The diff of each, by module, and how many tests had their say."""
    left = [one for one in tried if not one.fate.killed]
    for one in sorted(left, key=lambda one: (one.mutant.path, one.mutant.lines.start)):
        yield f"{one.fate.value}; tests: {one.tests}\n{one.mutant.diff}\n"


def _row(name: str, tried: Sequence[Tried]) -> str:
    killed = sum(one.fate.killed for one in tried)
    endless = sum(one.fate is Fate.ENDLESS for one in tried)
    note = f"  ({endless} endless)" if endless else ""
    return f"{name:40} {killed:4} of {len(tried):4}  {score(tried):5.1f} %{note}"
