"""The wait before a probe: exact at first, then longer and jittered, and forgiven in time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.backoff import Backoff

BASE_S, CAP_S = 5.0, 60.0


def backoff(seed: int = 0) -> Backoff:
    return Backoff(BASE_S, CAP_S, Random(seed), now=0.0)


def full_wait_s(level: int) -> float:
    return float(min(CAP_S, BASE_S * 2 ** (level - 1)))


@given(st.integers())
def test_the_first_wait_is_exactly_the_base(seed: int):
    """An operator who sets an interval sees it kept, whatever the random source says."""
    assert backoff(seed).longer() == BASE_S


@given(st.integers(), st.integers(2, 200))
def test_above_the_first_level_half_of_the_wait_is_random(seed: int, level: int):
    """Equal jitter: never less than half of the full wait and never more than all of it."""
    wait = backoff(seed)
    for _ in range(level - 1):
        wait.longer()
    assert full_wait_s(level) / 2 <= wait.longer() <= full_wait_s(level)


def test_jitter_covers_its_whole_range():
    """It is spread from half of the wait to all of it, not bunched."""
    waits = []
    for seed in range(500):
        wait = backoff(seed)
        wait.longer()
        waits.append(wait.longer())
    assert min(waits) < 5.1
    assert max(waits) > 9.9


@given(st.integers(1, 20))
def test_the_same_wait_again_does_not_raise_the_level(level: int):
    """A probe that was throttled without a delay has not failed."""
    wait = backoff()
    for _ in range(level):
        wait.longer()
    for _ in range(3):
        assert wait.same_again() <= full_wait_s(level)


def test_the_longest_wait_is_the_cap_without_jitter():
    """A fault that will not pass by itself is looked at as rarely as possible."""
    assert backoff().longest() == CAP_S


@given(st.integers(1, 8), st.floats(0, 20 * CAP_S))
def test_the_level_falls_by_one_for_every_cap_spent_closed(level: int, closed_s: float):
    """A circuit that flaps waits longer each time; one that was well for long begins anew."""
    wait = backoff()
    for _ in range(level):
        wait.longer()
    wait.closed(100.0)
    wait.no_longer_closed(100.0 + closed_s)
    left = max(0, level - int((100.0 + closed_s - 100.0) // CAP_S)) + 1
    assert wait.longer() <= full_wait_s(left)
    if left == 1:
        assert wait.same_again() == BASE_S
    else:
        assert wait.same_again() >= full_wait_s(left) / 2


@pytest.mark.parametrize("spells", [1, 2, 5])
def test_time_spent_closed_counts_whatever_ended_it(spells: int):
    """A pause or a hold between two spells does not take away what the first has earned."""
    wait = backoff()
    for _ in range(1 + spells):
        wait.longer()
    for spell in range(spells):
        wait.closed(1000.0 * spell)
        wait.no_longer_closed(1000.0 * spell + CAP_S)
    assert wait.longer() <= full_wait_s(2)


def test_a_week_of_failed_probes_does_not_overflow():
    """However often it doubles, the wait stays at the cap."""
    wait = backoff()
    for _ in range(5000):
        wait.longer()
    assert CAP_S / 2 <= wait.longer() <= CAP_S
