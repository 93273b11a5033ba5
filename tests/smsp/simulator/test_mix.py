"""Faults that come by chance: their shares, and that a seed gives the same ones again."""

from __future__ import annotations

from collections import Counter
from random import Random

from smsp.simulator import FAULTS, FaultMix

DRAWS = 10_000


def drawn(shares, seed=0):
    """The faults of many messages in a row."""
    mix = FaultMix(Random(seed))
    mix.set(shares)
    return [mix.draw() for _ in range(DRAWS)]


def test_no_faults_at_first():
    """A new mix lets every message through."""
    assert FaultMix(Random(0)).draw() is None


def test_each_fault_meets_its_share():
    """To within five standard deviations, and the rest meets none."""
    counts = Counter(drawn({"error": 0.25, "drop": 0.1}))
    for fault, share in ((FAULTS["error"], 0.25), (FAULTS["drop"], 0.1), (None, 0.65)):
        assert abs(counts[fault] - share * DRAWS) < 5 * (share * (1 - share) * DRAWS) ** 0.5


def test_a_share_of_one_meets_all():
    """Nobody gets through."""
    assert set(drawn({"hang": 1})) == {FAULTS["hang"]}


def test_a_delay_is_a_fault_too():
    """Those that are not in the table, too: ``slow-250ms``."""
    assert {fault.delay_s for fault in drawn({"slow-250ms": 1.0})} == {0.25}


def test_the_seed_decides():
    """The same seed is the same faults in the same order, another seed is others."""
    shares = {"error": 0.5}
    assert drawn(shares, seed=7) == drawn(shares, seed=7)
    assert drawn(shares, seed=7) != drawn(shares, seed=8)
