"""A test of the tests: every safeguard is missed when it is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.testing import Report, replay
from tests.kit.mutations import Mutation, fate, mutations
from tests.kit.situations import sampled
from tests.mutations import actor, node, relapse

MUTATIONS = mutations(actor, relapse, node)


@pytest.fixture(params=MUTATIONS.values(), ids=MUTATIONS)
def mutant(request: pytest.FixtureRequest) -> Mutation:
    """One after the other."""
    return request.param


@pytest.fixture
def report(mutant: Mutation) -> Report:
    """What its situation shows of the mutant, explored just as it is without it."""
    with mutant.switched_on():
        return sampled(mutant.killed_by)


def test_the_mutant_is_killed(
    mutant: Mutation, report: Report, record_property: Callable[[str, object], None]
):
    """It fails on some schedule, and the code as it is passes on the very same one."""
    record_property(*fate(report))
    assert report.failure is not None, f"nobody misses {mutant.name}: {mutant.broken.__doc__}"
    assert report.reproducible
    assert report.token is not None
    survivor = replay(mutant.killed_by, report.token)
    assert survivor.failure is None, survivor
