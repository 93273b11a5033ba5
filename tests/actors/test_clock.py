"""A clock that stands still while its loop does: what has arrived is read before time is up."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors import LoopClock, ago_s, loop_clock, lost_s
from actors.clock import HELD_S_MAX, NAP_S, STALL_S, TURN_S_MAX, WINDOW_S, stalls
from tests.kit.world import Arrivals, World, WorldClock, live, steps

STOP_S = 5.0
SEEDS = range(40)
seeds = pytest.mark.parametrize("seed", SEEDS)


def now() -> float:
    return trio.current_time()


def test_time_passes_as_it_does_outside():
    """While the loop keeps up, sleeping and working take as long as they take."""
    world = World()

    async def program() -> None:
        for _ in range(100):
            await trio.sleep(1.7)
            world.work(TURN_S_MAX / 2)
            await trio.lowlevel.checkpoint()
            assert now() == pytest.approx(world.now)
        assert world.now == pytest.approx(100 * (1.7 + TURN_S_MAX / 2))

    live(program, world)


def test_a_deadline_is_met_to_the_moment():
    """Nobody is woken early, and nobody late."""
    world = World()

    async def program() -> None:
        began_at = now()
        for seconds in (0.0001, NAP_S, 1.0, 100.0):
            with trio.move_on_after(seconds):
                await trio.sleep_forever()
            began_at += seconds
            assert now() == pytest.approx(began_at) == pytest.approx(world.now)

    live(program, world)


@seeds
@pytest.mark.parametrize("pieces", [1, 4])
@pytest.mark.parametrize("patience_s", [1.0, STOP_S + 1.5])
@pytest.mark.parametrize("length", [1, 7])
def test_an_answer_that_came_in_a_stop_is_read(seed, pieces, patience_s, length):
    """However many steps its reader takes, in whatever order, and in how many pieces it has come:
    the deadline that passed in the same stop does not win."""
    world = World((0.9, STOP_S))
    arrivals = Arrivals(world, *[(2.0 + n / 10, n) for n in range(pieces)])

    async def program() -> list[int]:
        read = []
        with trio.move_on_after(patience_s):
            for _ in range(pieces):
                read.append(await arrivals.take())
                await steps(length)
        return read

    assert live(program, world, seed) == list(range(pieces))


@seeds
def test_an_answer_is_read_by_a_task_that_hands_it_on(seed):
    """From task to task to a third one, whose own patience passed in the stop as well."""
    world = World((0.5, STOP_S))
    arrivals = Arrivals(world, (3.0, "answer"))
    first, second = trio.open_memory_channel(1), trio.open_memory_channel(1)

    async def hand_on(take, send) -> None:
        with trio.move_on_after(1.0):
            await send(await take())

    async def program() -> str | None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hand_on, arrivals.take, first[0].send)
            nursery.start_soon(hand_on, first[1].receive, second[0].send)
            with trio.move_on_after(1.0):
                return await second[1].receive()
        return None

    assert live(program, world, seed) == "answer"


@pytest.mark.parametrize("stop_s", [TURN_S_MAX * 1.5, STALL_S, STOP_S])
def test_a_stop_in_the_middle_of_a_turn(stop_s):
    """It is no other than one of a loop that sleeps."""
    world = World()
    arrivals = Arrivals(world, (0.95 + stop_s / 2, "answer"))

    async def busy() -> None:
        await trio.sleep(0.95)
        world.work(stop_s)
        await steps(3)

    async def program() -> str | None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(busy)
            with trio.move_on_after(1.0):
                answer = await arrivals.take()
                await steps(5)
                return answer
        return None

    assert live(program, world) == "answer"


@pytest.mark.parametrize(("stops_at", "seconds_left"), [(0.2, 1.8), (1.9, 0.1)])
def test_who_gets_no_answer_waits_for_what_was_left(stops_at, seconds_left):
    """A stop is no part of anybody's patience, save the sleep in which it came and one turn."""
    world = World((stops_at, STOP_S))

    async def program() -> float:
        with trio.move_on_after(2.0):
            await trio.sleep_forever()
        return world.now

    ended_at, at_most = live(program, world), stops_at + STOP_S + seconds_left
    assert at_most - NAP_S - TURN_S_MAX <= ended_at <= at_most


def test_work_without_end_does_not_hold_time_up():
    """Who never lets the loop be idle gets its deadline all the same."""
    world = World((0.5, STOP_S))

    async def program() -> float:
        with trio.move_on_after(1.0):
            while True:
                world.work(0.01)
                await trio.lowlevel.checkpoint()
        return world.now

    assert live(program, world) <= STOP_S + 1.0 + HELD_S_MAX


def test_turns_that_are_all_late_do_not_hold_time_up():
    """Time goes more slowly then, by a bound, but it goes."""
    world = World()

    async def program() -> float:
        with trio.move_on_after(1.0):
            while True:
                world.work(1.0)
                await trio.lowlevel.checkpoint()
        return world.now

    assert live(program, world) <= (1.0 + HELD_S_MAX) / TURN_S_MAX + 2.0


def test_a_second_stop_while_the_first_is_dealt_with():
    """What came in it is read as well."""
    world = World((0.5, STOP_S))
    arrivals = Arrivals(world, (1.0, "first"), (7.0, "second"))

    async def program() -> list[str]:
        read = []
        with trio.move_on_after(1.0):
            read.append(await arrivals.take())
            world.work(STOP_S)
            await steps(3)
            read.append(await arrivals.take())
            await steps(3)
        return read

    assert live(program, world) == ["first", "second"]


def test_the_clock_stands_within_a_turn():
    """What a task sets off by the clock does not depend on who ran before it in this turn."""
    world = World()

    async def program() -> None:
        began_at = now()
        world.work(TURN_S_MAX / 2)
        assert now() == began_at
        await trio.lowlevel.checkpoint()
        assert now() == pytest.approx(began_at + TURN_S_MAX / 2)

    live(program, world)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 8)), max_size=6),
    st.lists(st.tuples(st.sampled_from(["sleep", "work"]), st.floats(0, 2)), max_size=12),
)
def test_time_never_goes_back_nor_ahead(stops, doings):
    """Whatever happens, and whatever is late, the clock only moves forward, and not faster than
    time outside. What it leaves out is known as lateness."""
    world = World(*stops)
    seen = []

    async def watch() -> None:
        for doing, seconds in doings:
            if doing == "sleep":
                await trio.sleep(seconds)
            else:
                world.work(seconds)
                await trio.lowlevel.checkpoint()
            seen.append((world.now, now()))

    live(watch, world)
    for (outside, inside), (later_outside, later_inside) in pairwise(seen):
        assert later_inside >= inside
        assert later_inside <= later_outside + 1e-9
        assert later_outside >= outside


def test_a_stall_is_counted_and_told():
    """Whoever waits for it hears of it; less than that is no stall."""
    world = World((1.0, STOP_S), (10.0, STALL_S / 2))
    told = []

    async def listen() -> None:
        clock = loop_clock()
        while True:
            told.append(await clock.stall())

    async def program() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(20)
            nursery.cancel_scope.cancel()
        return stalls()

    assert live(program, world) == 1
    assert told == [pytest.approx(STOP_S, abs=NAP_S)]


def test_a_long_turn_is_no_shorter_for_the_sleep_after_it():
    """The loop is woken from that by what came in the turn, before it has slept as it meant to."""
    world = World()
    arrivals = Arrivals(world, (0.5, "answer"))

    async def work() -> None:
        world.work(STALL_S + NAP_S / 2)

    async def program() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await arrivals.take()
        return stalls()

    assert live(program, world) == 1


def test_what_is_not_counted_is_known():
    """To the second: what the clock has, and what it has left out, make up time outside."""
    world = World((1.0, STOP_S), (9.0, 2 * TURN_S_MAX))

    async def program() -> float:
        before_s, began_at = lost_s(), now()
        for _ in range(15):
            await trio.sleep(1.0)
            elapsed_s = now() - began_at
            assert elapsed_s + lost_s() - before_s == pytest.approx(world.now)
        return lost_s() - before_s

    assert live(program, world) == pytest.approx(STOP_S, abs=NAP_S + 2 * TURN_S_MAX)


def test_when_something_was_stays_as_it_was():
    """A moment of this clock is told as the same moment outside, however often it has stood still
    since, and at whatever point of a turn it is asked for."""
    world = World((1.0, STOP_S), (8.5, STALL_S), (20.0, STOP_S))
    moments = []

    def check() -> None:
        for at, outside in moments:
            assert world.now - ago_s(at) == pytest.approx(outside, abs=1e-6)

    async def program() -> None:
        for _ in range(40):
            await trio.sleep(0.7)
            await trio.lowlevel.checkpoint()
            moments.append((now(), world.now))
            check()
            world.work(TURN_S_MAX / 3)
            check()
        assert ago_s(now() + 5.0) == pytest.approx(world.now - moments[-1][1] - 5.0)

    live(program, world)


async def test_when_something_was_by_another_clock(mock_clock):
    """It is what that clock says."""
    mock_clock.jump(3.0)
    assert (ago_s(1.0), ago_s(4.0)) == (2.0, -1.0)


def test_the_longest_lateness_is_remembered_for_a_while():
    """For a minute at least, and for two at most."""
    world = World((1.0, STOP_S))

    async def program() -> list[float]:
        seen = []
        for _ in range(3):
            seen.append(loop_clock().lag_s)
            await trio.sleep(WINDOW_S)
        return seen

    never = pytest.approx(0.0, abs=1e-6)
    assert live(program, world) == [never, pytest.approx(STOP_S, abs=NAP_S), never]


def test_a_stop_longer_than_that_is_forgotten_in_the_same_time():
    """It is what has been seen last."""
    world = World((1.0, 10 * WINDOW_S))

    async def program() -> list[float]:
        seen = []
        for pause_s in (2.0, 2 * WINDOW_S + 1, 0):
            await trio.sleep(pause_s)
            seen.append(loop_clock().lag_s)
        return seen[:2]

    assert live(program, world) == [
        pytest.approx(10 * WINDOW_S, abs=NAP_S),
        pytest.approx(0.0, abs=1e-6),
    ]


def test_an_idle_loop_sees_that_it_stood_still():
    """No deadline has to be near for that: it never sleeps for long."""
    asked = LoopClock(lambda: 0.0).deadline_to_sleep_time(inf)
    assert asked == NAP_S < STALL_S


async def test_under_another_clock_there_is_no_stall():
    """Nobody is excused where nobody counts."""
    assert (loop_clock(), stalls(), lost_s()) == (None, 0, 0.0)


def test_time_goes_on_after_an_instrument_has_failed():
    """trio drops it then; out of memory once must not be the end of time."""
    world = World()

    class Failing(WorldClock):
        failures = 1

        def after_io_wait(self, timeout: float) -> None:
            if self.failures and world.now > 1.0:
                self.failures -= 1
                raise MemoryError
            super().after_io_wait(timeout)

    async def program() -> float:
        await trio.sleep(3.0)
        return world.now

    assert 3.0 <= trio.run(program, clock=Failing(world)) < 3.0 + 2 * STALL_S


def test_a_run_of_the_real_thing():
    """On the system's clock, with trio's own sleep."""

    async def program() -> float:
        began_at = now()
        await trio.sleep(0.01)
        return now() - began_at

    assert trio.run(program, clock=LoopClock()) >= 0.01
