"""Runs that do not end: they are failures that say who waits where, and never hang the tests."""

import subprocess
import sys

import trio
from trio.testing import MockClock

from actors.testing import Deadlock, Livelock, explore
from actors.testing.run import AsyncFn


def test_a_deadlock_says_who_waits_where() -> None:
    """Every waiting task is named, with the line it waits at."""

    async def forgotten() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for, trio.Event(), name="asker of mail")
            nursery.start_soon(wait_for, trio.Event())

    error = error_of(forgotten)
    assert isinstance(error, Deadlock)
    assert "nothing can run and no deadline is pending" in str(error)
    assert "#1 asker of mail waits at test_stuck.py:" in str(error)
    assert "#2 wait_for waits at test_stuck.py:" in str(error)


def test_a_livelock_says_who_runs_where() -> None:
    """Too many steps are a failure, and the tasks that make them are named."""

    async def spin() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    error = error_of(spin, max_steps=100)
    assert isinstance(error, Livelock)
    assert "still running after 100 steps" in str(error)
    assert "#0 main is at test_stuck.py:" in str(error)


def test_polling_is_no_livelock() -> None:
    """A task that polls for another's work is not starved by it: in the end it is all fair."""

    async def poll() -> None:
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(set_later, done)
            while not done.is_set():
                await trio.lowlevel.checkpoint()

    report = explore(poll, schedules=30, max_steps=200)
    assert report.failure is None, report


def test_a_long_wait_is_no_deadlock() -> None:
    """As long as a deadline is pending, time will pass."""

    async def patient() -> None:
        with trio.move_on_after(86_400 * 365):
            await trio.sleep_forever()

    assert explore(patient, schedules=2).failure is None


def test_waiting_for_everybody_to_block_is_no_deadlock() -> None:
    """``wait_all_tasks_blocked`` wakes by itself when nothing is runnable."""

    async def settle() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    assert explore(settle, schedules=20).failure is None


def test_waiting_for_a_thread_is_no_deadlock() -> None:
    """A thread will come back, although nothing is runnable until it does."""

    async def ask_a_thread() -> None:
        assert await trio.to_thread.run_sync(sum, [1, 2]) == 3

    assert explore(ask_a_thread, schedules=2).failure is None


def test_a_clock_that_nobody_moves_is_a_deadlock() -> None:
    """With a clock that only the test moves, a sleeper may wait for ever: it is said why."""

    async def sleeper() -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock)
        clock.autojump_threshold = float("inf")
        await trio.sleep(7)

    error = error_of(sleeper)
    assert isinstance(error, Deadlock)
    assert "7 s away on a clock that only the test moves" in str(error)


def test_a_deadlock_behind_a_shield_ends() -> None:
    """A shield keeps cancellation out; it does not keep a test run from ending."""
    cleaned_up = []

    async def shielded() -> None:
        try:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()
        finally:
            cleaned_up.append(True)

    assert isinstance(error_of(shielded), Deadlock)
    assert all(cleaned_up)


def test_a_program_that_cannot_be_cancelled_ends() -> None:
    """One that shields itself again and again is broken off, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.startswith("Deadlock")


def test_what_is_raised_while_unwinding_does_not_hide_the_deadlock() -> None:
    """The first failure counts, not what the cancelled tasks make of it."""

    async def grumbling() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise ValueError from None

    assert isinstance(error_of(grumbling), Deadlock)


STUBBORN = """
import trio
from actors.testing import explore

async def stubborn():
    while True:
        try:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()
        except trio.Cancelled:
            continue

print(repr(explore(stubborn).failure.error))
"""


async def wait_for(event: trio.Event) -> None:
    await event.wait()


async def set_later(event: trio.Event) -> None:
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    event.set()


def error_of(program: AsyncFn, max_steps: int = 10_000) -> BaseException:
    report = explore(program, max_steps=max_steps)
    assert report.failure is not None
    return report.failure.error
