"""The book of calls: two counts kept right through every order of events, and timers."""

from __future__ import annotations

from math import inf
from random import Random

import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.ask import ReplySlot
from actors.breaker import Permit
from actors.calls import Call, CallBook
from actors.messages import Ask

HARD_MAX = 4


def call(call_id: int, epoch: int = 0) -> Call[str, str]:
    ask: Ask[str, str] = Ask("a question", inf, 0.0, ReplySlot())
    return Call(call_id, Permit(epoch), ask, trio.CancelScope(), started_at=0.0)


def book(*calls: Call[str, str]) -> CallBook[str, str]:
    made: CallBook[str, str] = CallBook(HARD_MAX)
    for one in calls:
        made.add(one)
    return made


def test_a_call_counts_from_its_start_to_its_end():
    """Against both bounds while its asker waits."""
    one = call(1)
    made = book(one)
    assert (made.unfinished, made.waiting(0), made.unanswered, made.settling) == (1, 1, 1, 0)
    made.remove(one)
    assert (made.unfinished, made.waiting(0), made.unanswered, made.settling) == (0, 0, 0, 0)


def test_a_settling_call_counts_as_unfinished_only():
    """Its asker has been told, so it makes room for the next."""
    one = call(1)
    made = book(one)
    made.settle(one)
    assert (made.unfinished, made.waiting(0), made.unanswered, made.settling) == (1, 0, 0, 1)


def test_calls_of_an_older_epoch_do_not_wait_in_the_new_one():
    """Though their askers are still unanswered, and their end takes nothing from the new."""
    old, new = call(1, epoch=0), call(2, epoch=3)
    made = book(old, new)
    assert (made.waiting(0), made.waiting(3), made.unanswered) == (0, 1, 2)
    made.remove(old)
    assert (made.waiting(3), made.unanswered) == (1, 1)


def test_it_is_full_at_the_hard_bound():
    """Whatever its calls are doing."""
    made = book(*(call(n) for n in range(HARD_MAX)))
    assert made.full
    for one in made:
        made.settle(one)
    assert made.full


def test_the_oldest_settling_call_is_crowded_out():
    """As soon as they fill more than half of the bound and its time is up, and not before."""
    calls = [call(n) for n in range(3)]
    made = book(*calls)
    for one in calls[:2]:
        made.settle(one)
        one.judged = True
    assert made.crowded_out() is None
    made.settle(calls[2])
    calls[0].judged = False
    assert made.crowded_out() is None
    calls[0].judged = True
    assert made.crowded_out() is calls[0]
    assert made.crowded_out() is None


def test_timers_ring_in_order_and_only_for_calls_that_are_not_over():
    """A timer of a call that has ended is dropped."""
    first, second, ended = call(1), call(2), call(3)
    made = book(first, second, ended)
    made.set_timer(second, 2.0)
    made.set_timer(first, 1.0)
    made.set_timer(ended, 0.5)
    made.set_timer(first, 9.0)
    made.remove(ended)
    assert made.wake_at == 1.0
    assert list(made.due(2.0)) == [first, second]
    assert made.wake_at == 9.0
    made.remove(first)
    assert made.wake_at == inf


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from("asr"), max_size=60))
def test_the_counts_are_what_a_count_would_find(random: Random, steps: list[str]):
    """After every step they agree with counting the calls one by one."""
    made, epoch = book(), 0
    calls: list[Call[str, str]] = []
    for step, what in enumerate(steps):
        if what == "a":
            epoch += random.random() < 0.2
            calls.append(call(step, epoch))
            made.add(calls[-1])
        elif calls and what == "s":
            made.settle(random.choice(calls))
        elif calls:
            made.remove(calls.pop(random.randrange(len(calls))))
        waits = [one for one in calls if not one.answered]
        assert made.unfinished == len(calls)
        assert made.unanswered == len(waits)
        assert made.waiting(epoch) == sum(one.permit.epoch == epoch for one in waits)
        assert made.settling == len(calls) - len(waits)
