"""The wait before a probe: exact at first, then longer and jittered, and forgiven in time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.backoff import CEILING_S_MAX, Backoff

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


@given(st.integers(0, 20))
def test_a_grave_fault_waits_the_cap_without_jitter(level: int):
    """A fault that will not pass by itself is looked at as rarely as possible."""
    wait = backoff()
    for _ in range(level):
        wait.longer()
    assert wait.longer(grave=True) == CAP_S
    assert backoff().after_call(grave=True) == CAP_S


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


def test_a_year_of_relapses_does_not_overflow():
    """However often it doubles, the ceiling stays where it is."""
    wait = backoff()
    for _ in range(50_000):
        wait.after_call()
    assert CEILING_S_MAX - CAP_S / 2 <= wait.after_call() <= CEILING_S_MAX
    assert wait.after_call(grave=True) == CEILING_S_MAX


@given(st.integers())
def test_relapses_lead_from_the_base_to_the_ceiling(seed: int):
    """Twice the wait while the far side may be flapping, then four times; little of it random."""
    wait = backoff(seed)
    full = (5.0, 10.0, 20.0, 80.0, 320.0, 900.0, 900.0)
    for full_s in full:
        assert full_s - min(full_s, CAP_S) / 2 <= wait.after_call() <= full_s


@given(st.integers(0, 8))
def test_each_relapse_doubles_the_ceiling(relapses: int):
    """From the cap to its end, which is what a grave fault waits."""
    wait = backoff()
    for _ in range(relapses):
        wait.after_call()
    assert wait.after_call(grave=True) == min(CAP_S * 2**relapses, CEILING_S_MAX)


@pytest.mark.parametrize("cap_s", [900.0, 3600.0])
def test_a_cap_above_the_ceiling_stands(cap_s: float):
    """An operator who polls less often than relapses would make it is not overruled."""
    wait = Backoff(BASE_S, cap_s, Random(0), now=0.0)
    for _ in range(5):
        assert wait.after_call(grave=True) == cap_s
    assert wait.relapsed


def test_a_relapse_is_forgiven_whole():
    """One success shows that calls succeed: the next fault is a first one, below the cap."""
    wait = backoff()
    for _ in range(9):
        wait.after_call()
    assert wait.relapsed
    wait.forgive()
    assert not wait.relapsed
    assert wait.after_call() <= CAP_S
    assert not wait.relapsed
    assert wait.after_call(grave=True) == 2 * CAP_S


def test_time_spent_closed_earns_nothing_while_calls_fail():
    """A circuit that nobody asked has shown nothing; once a call has succeeded it all counts."""
    quiet, proven = backoff(), backoff()
    for wait in (quiet, proven):
        for _ in range(4):
            wait.after_call()
        wait.closed(0.0)
    proven.forgive()
    for wait in (quiet, proven):
        wait.no_longer_closed(100 * CAP_S)
    assert quiet.after_call() > CAP_S
    assert proven.after_call() == BASE_S
