"""PURE. Which mutants are tried: lines are drawn, and then a mutant of each.

A line on which the mutators find much to do would otherwise count for more than a line with one
comparison, and most of what they find is an argument less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from tests.sampled_mutants.mutants import Mutant


def sample(mutants: Iterable[Mutant], count: int, seed: str) -> list[Mutant]:
    """At most `count`, from each module its share of the lines, one mutant a line; in the order in
    which to try them, so that whatever the time allows is a sample of all modules as well."""
    by_module: dict[str, dict[int, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in mutants:
        by_module[mutant.path][mutant.lines.start].append(mutant)
    shares = _shares({path: len(lines) for path, lines in by_module.items()}, count)
    random = Random(seed)
    drawn = [
        [
            random.choice(by_module[path][line])
            for line in random.sample(sorted(lines), shares[path])
        ]
        for path, lines in sorted(by_module.items())
    ]
    return _spread(drawn)


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Each its part of `count`, by largest remainder; never more than there are."""
    total = sum(sizes.values())
    if count >= total:
        return dict(sizes)
    exact = {name: count * size / total for name, size in sizes.items()}
    shares = {name: int(part) for name, part in exact.items()}
    rest = count - sum(shares.values())
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name))[:rest]:
        shares[name] += 1
    return shares


def _spread(drawn: Sequence[Sequence[Mutant]]) -> list[Mutant]:
    """Evenly: the first of each, and so on, a large module more often than a small one."""
    placed = (((i + 0.5) / len(some), mutant) for some in drawn for i, mutant in enumerate(some))
    return [mutant for _, mutant in sorted(placed, key=lambda pair: pair[0])]
