"""What a program may ask of the explorer: cancellation, choices, dice and invariants."""

from collections.abc import Callable

import pytest
import trio

from actors.testing import FailedSchedule, Report, always, cancellable, choose, explore, replay, rng

checkpoint = trio.lowlevel.checkpoint


def test_a_cancellable_block_is_left_alone_in_the_plain_order() -> None:
    """Cancellation is a deviation."""
    reached = walk_to_cancellation(schedules=1)
    assert reached == {3}


def test_a_cancellable_block_is_cancelled_at_every_checkpoint() -> None:
    """Depth first, with one deviation, it is cancelled at each, and once not at all."""
    assert walk_to_cancellation(strategy="dfs", delays=1) == {0, 1, 2, 3}


def test_a_cancellable_block_is_cancelled_while_it_waits_for_others() -> None:
    """Not only when its own task has made a step: a caller may leave at any moment."""
    left_at: set[int] = set()

    async def program() -> None:
        progress = 0

        async def work(done: trio.Event) -> None:
            nonlocal progress
            for _ in range(4):
                await checkpoint()
                progress += 1
            done.set()

        async with trio.open_nursery() as nursery:
            done = trio.Event()
            nursery.start_soon(work, done)
            with cancellable() as scope:
                await done.wait()
            if scope.cancelled_caught:
                left_at.add(progress)

    assert explore(program, strategy="dfs", delays=1).exhausted
    assert left_at >= {0, 1, 2, 3}


def test_an_injected_cancellation_is_in_the_trace() -> None:
    """The reader sees when it came."""

    async def program() -> None:
        with cancellable() as scope:
            await checkpoint()
        assert not scope.cancelled_caught

    assert any("cancels a cancellable() block" in line for line in explore(program).trace)


def test_dfs_tries_every_choice() -> None:
    """Choices are enumerated, whatever the bound on delays."""
    chosen: set[tuple[int, int]] = set()

    async def program() -> None:
        chosen.add((choose(3), choose(2)))

    report = explore(program, strategy="dfs", delays=0)
    assert report.exhausted
    assert report.schedules == len(chosen) == 6


def test_a_choice_is_shrunk_and_replayed() -> None:
    """The least choice that fails is what the token holds."""

    async def program() -> None:
        assert choose(10) < 4

    report = explore(program)
    assert report.token == "s0:0=4"
    assert "choose(10) is 4" in "\n".join(replay(program, report.token).trace)


def test_nothing_can_be_chosen_from_nothing() -> None:
    """As with an empty sequence, it is an error."""

    async def program() -> None:
        choose(0)

    assert isinstance(failure_of(explore(program)).error, ValueError)


def test_dice_belong_to_the_schedule() -> None:
    """Schedules throw different dice, a replay the same."""
    thrown: list[int] = []

    async def program() -> None:
        thrown.append(rng().randrange(1_000_000))
        assert len(thrown) < 5

    report = explore(program)
    assert len(set(thrown[:5])) > 3
    assert report.token is not None
    last = thrown[-1]
    replay(program, report.token)
    assert thrown[-1] == last


def test_an_invariant_is_checked_after_every_step() -> None:
    """What no task looks at is seen between the steps, in the schedules where it happens."""

    async def program(holds: Callable[[int], object]) -> None:
        level = 0

        async def worker() -> None:
            nonlocal level
            level += 1
            await checkpoint()
            level -= 1

        with always(lambda: holds(level)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker)
                nursery.start_soon(worker)

    def at_most_one(level: int) -> None:
        assert level <= 1, f"{level} at once"

    broken = failure_of(explore(lambda: program(at_most_one)))
    assert str(broken.error).startswith("2 at once")
    assert explore(lambda: program(lambda level: level <= 2)).failure is None


def test_an_invariant_may_simply_be_false() -> None:
    """A check that returns False fails like one that raises, and is named."""

    async def program() -> None:
        full: list[int] = []

        def never_full() -> bool:
            return not full

        with always(never_full):
            await checkpoint()
            full.append(1)
            await checkpoint()

    error = failure_of(explore(program)).error
    assert isinstance(error, AssertionError)
    assert "never_full does not hold" in str(error)


def test_an_invariant_is_checked_when_its_block_ends() -> None:
    """A last change without a checkpoint after it does not slip through."""

    async def program() -> None:
        values = [1]
        with always(lambda: bool(values)):
            await checkpoint()
            values.clear()

    assert isinstance(failure_of(explore(program)).error, AssertionError)


def test_a_broken_invariant_ends_the_run() -> None:
    """Its first failure counts, and is not drowned by what comes of it."""
    steps: list[int] = []

    async def program() -> None:
        steps.clear()
        with always(lambda: len(steps) < 3):
            for step in range(100):
                steps.append(step)
                await checkpoint()

    assert isinstance(failure_of(explore(program)).error, AssertionError)
    assert len(steps) == 3


@pytest.mark.parametrize(
    "ask",
    [lambda: choose(2), rng, lambda: cancellable().__enter__(), lambda: always(bool).__enter__()],
    ids=["choose", "rng", "cancellable", "always"],
)
async def test_outside_of_an_exploration_there_is_nobody_to_ask(ask: Callable[[], object]) -> None:
    """An ordinary trio run has no explorer, and says so."""
    with pytest.raises(RuntimeError, match="schedule explorer"):
        ask()


def walk_to_cancellation(**options: object) -> set[int]:
    """How many of three checkpoints are passed, over all schedules, before a cancellation."""
    reached: set[int] = set()

    async def program() -> None:
        passed = 0
        with cancellable():
            for _ in range(3):
                await checkpoint()
                passed += 1
        reached.add(passed)

    assert explore(program, **options).failure is None
    return reached


def failure_of(report: Report) -> FailedSchedule:
    assert report.failure is not None, report
    return report.failure
