"""Shrinking, without any trio: a failing list of answers becomes a plain one."""

from collections.abc import Callable, Sequence

from actors.testing.decisions import Decision, Kind
from actors.testing.shrink import Shrinker, Trial


def test_only_what_is_needed_stays() -> None:
    """Of forty deviations the two that matter are left."""
    shrinker = Shrinker(program(lambda answers: answers[7] == 1 and answers[23] > 0))
    assert places(shrinker.shrink([1] * 40)) == {7: 1, 23: 1}


def test_answers_become_small() -> None:
    """A deviation that must stay need not be a large one."""
    shrinker = Shrinker(program(lambda answers: answers[3] >= 2))
    assert places(shrinker.shrink([4] * 10)) == {3: 2}


def test_a_failure_of_the_plain_order_needs_no_deviation() -> None:
    """What always fails is shrunk to nothing, at the price of one replay."""
    shrinker = Shrinker(program(lambda _: True))
    assert shrinker.shrink([1] * 40) == []
    assert shrinker.replays == 1


def test_a_lone_deviation_is_found_although_the_failing_schedule_lacks_it() -> None:
    """Two deviations that need each other give way to a single one elsewhere."""
    shrinker = Shrinker(
        program(lambda answers: answers[9] == 2 or (answers[1] == 1 and answers[2] == 1))
    )
    assert places(shrinker.shrink([1] * 20)) == {9: 2}


def test_the_budget_is_kept() -> None:
    """However stubborn the failure, replays are bounded, and the best so far is the result."""
    shrinker = Shrinker(program(lambda answers: sum(answers) > 25), replays_max=30)
    assert sum(shrinker.shrink([1] * 40)) > 25
    assert shrinker.replays <= 30


def test_what_cannot_be_shrunk_is_left() -> None:
    """A failure that only the very same answers show is not lost."""
    failing = [1] * 12
    shrinker = Shrinker(program(lambda answers: answers == failing + [0] * 28))
    assert places(shrinker.shrink(failing)) == dict.fromkeys(range(12), 1)


def program(fails: Callable[[list[int]], bool]) -> Trial:
    """Stands for one that makes forty decisions among five tasks each."""

    def attempt(answers: Sequence[int]) -> tuple[bool, Sequence[Decision]]:
        made = [*answers, *[0] * (40 - len(answers))]
        return fails(made), [Decision(Kind.TASK, 5, answer) for answer in made]

    return attempt


def places(answers: Sequence[int]) -> dict[int, int]:
    """The deviations and where they are."""
    return {index: answer for index, answer in enumerate(answers) if answer}
