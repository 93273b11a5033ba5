"""Strategies and plans, without any trio: what is asked, answered and tried next."""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import pytest

from actors.testing.decisions import Decision, Kind
from actors.testing.strategies import (
    PCT,
    Answers,
    Diverged,
    Plan,
    RandomWalk,
    Strategy,
    just,
    plan_for,
    strategy_for,
)


@pytest.mark.parametrize("seed", ["plain", "random:17", "pct:3:60:17", "pct:1:1:0"])
def test_a_seed_names_its_strategy(seed: str) -> None:
    """A strategy made from a seed is known by that seed."""
    assert strategy_for(seed).name == seed


@pytest.mark.parametrize(
    "seed", ["", "dfs", "17", "random", "random:x", "random:-1", "pct:3:60", "pct:0:1:1", "plain:1"]
)
def test_a_bad_seed_is_refused(seed: str) -> None:
    """A mistyped seed is an error, not another schedule."""
    with pytest.raises(ValueError, match="is not a schedule seed"):
        strategy_for(seed)


@pytest.mark.parametrize("seed", ["random:5", "pct:3:20:5"])
def test_the_same_seed_answers_the_same(seed: str) -> None:
    """A strategy depends on nothing but its seed and what it is asked."""
    first, second = strategy_for(seed), strategy_for(seed)
    assert walk(first) == walk(second)


def test_other_seeds_answer_otherwise() -> None:
    """Seeds are worth having more than one of."""
    assert len({tuple(walk(RandomWalk(seed))) for seed in range(20)}) == 20


def test_pct_lets_one_task_run_until_it_is_demoted() -> None:
    """With depth 1 there is no demotion: the same task goes for as long as it is runnable."""
    assert len(set(walk(PCT(depth=1, horizon=10, seed=3)))) == 1


def test_pct_demotes_as_often_as_its_depth_allows() -> None:
    """Twenty picks change task at most twice under depth 3."""
    picks = walk(PCT(depth=3, horizon=20, seed=8))
    changes = sum(1 for before, after in pairwise(picks) if before != after)
    assert 1 <= changes <= 2


def test_answers_give_what_they_hold_and_then_the_plain_order() -> None:
    """A replay follows its list, and leaves the rest alone."""
    answers = Answers([1, 0, 2])
    assert [answers.pick(range(3)) for _ in range(5)] == [1, 0, 2, 0, 0]
    assert answers.fits


def test_answers_out_of_range_do_not_fit() -> None:
    """A token of another program is noticed; the nearest possible answer is given."""
    answers = Answers([4])
    assert answers.answer(Kind.CHOICE, 2) == 1
    assert not answers.fits


def test_answers_never_asked_for_do_not_fit() -> None:
    """Neither does a token that is longer than the run."""
    answers = Answers([0, 1])
    answers.pick(range(2))
    assert not answers.fits


def test_auto_begins_plainly_and_then_alternates() -> None:
    """The plain order first; then a random walk and a pct schedule in turn."""
    names = names_of(plan_for("auto", seed=0, delays=0), 5)
    assert names == ["plain", "random:1", "pct:3:4:2", "random:3", "pct:3:4:4"]


def test_base_seeds_do_not_overlap() -> None:
    """Another base seed is another set of schedules."""
    first, second = (set(names_of(plan_for("random", seed=base, delays=0), 300)) for base in (0, 1))
    assert first & second == {"plain"}


def test_a_plan_of_one_is_over_after_one() -> None:
    """A seed on its own is a single schedule."""
    assert names_of(just("random:7"), 9) == ["random:7"]


def test_dfs_tries_every_schedule_within_its_bound_once() -> None:
    """Three picks among three tasks: 27 schedules, 10 of them with at most two delays."""
    tried = list(dfs([(Kind.TASK, 3)] * 3, delays=2))
    assert len(tried) == len(set(tried)) == 10
    assert max(map(sum, tried)) == 2
    assert len(list(dfs([(Kind.TASK, 3)] * 3, delays=6))) == 27


def test_dfs_tries_every_choice_at_no_cost() -> None:
    """A bound on delays does not keep a value from being chosen."""
    assert len(list(dfs([(Kind.CHOICE, 4), (Kind.CHOICE, 2)], delays=0))) == 8


def test_dfs_leaves_seeds_alone() -> None:
    """Nobody wants every seed there is."""
    assert list(dfs([(Kind.SEED, 65_536), (Kind.CANCEL, 2)], delays=1)) == [(0, 0), (0, 1)]


def test_dfs_notices_a_program_that_does_not_repeat_itself() -> None:
    """If the questions before the deviation have changed, exhaustion would be a lie."""
    plan = plan_for("dfs", seed=0, delays=2)
    next(plan)
    plan.send([Decision(Kind.TASK, 2, 0), Decision(Kind.TASK, 2, 0)])
    with pytest.raises(Diverged):
        plan.send([Decision(Kind.TASK, 3, 0), Decision(Kind.TASK, 2, 1)])


def test_an_unknown_plan_is_refused() -> None:
    """A mistyped strategy is an error."""
    with pytest.raises(ValueError, match="unknown strategy 'fuzz'"):
        plan_for("fuzz", seed=0, delays=0)


def walk(strategy: Strategy) -> list[int]:
    """Twenty picks among three tasks that stay runnable."""
    return [strategy.pick([0, 1, 2]) for _ in range(20)]


def names_of(plan: Plan, number: int) -> list[str]:
    """The names of the first schedules of a plan, each run making four decisions."""
    made = [Decision(Kind.TASK, 2, 0)] * 4

    def names() -> Iterator[str]:
        yield next(plan).name
        while True:
            try:
                yield plan.send(made).name
            except StopIteration:
                return

    return list(islice(names(), number))


def dfs(questions: Sequence[tuple[Kind, int]], *, delays: int) -> Iterator[tuple[int, ...]]:
    """The answers, schedule by schedule, of a program that always asks the same."""
    plan = plan_for("dfs", seed=0, delays=delays)
    strategy = next(plan)
    while True:
        made = [Decision(kind, n, strategy.answer(kind, n)) for kind, n in questions]
        yield tuple(decision.answer for decision in made)
        try:
            strategy = plan.send(made)
        except StopIteration:
            return
