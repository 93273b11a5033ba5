"""Room for connections: who has to go for a new one, and who never."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from smsp.server.connection_limit import ConnectionLimit


class Caller:
    """Somebody with a connection."""

    def __init__(self):
        self.sent_away = 0

    def send_away(self):
        """Counted."""
        self.sent_away += 1


@pytest.fixture
def three():
    """Three callers in a house that has no room for a fourth."""
    places = ConnectionLimit(3)
    callers = [Caller() for _ in range(3)]
    assert all(places.arrive(caller) for caller in callers)
    return places, callers


def test_the_longest_idle_goes(three):
    """A new connection has the place of the one that nobody has used for longest."""
    places, (first, second, third) = three
    places.busy(first)
    places.idle(first)
    assert places.arrive(Caller())
    assert [one.sent_away for one in (first, second, third)] == [0, 1, 0]
    assert places.taken == 3


def test_who_waits_for_an_answer_stays(three):
    """Even when that leaves no room for anybody new."""
    places, callers = three
    for caller in callers:
        places.busy(caller)
    assert not places.arrive(Caller())
    assert [caller.sent_away for caller in callers] == [0, 0, 0]


def test_whoever_leaves_makes_room(three):
    """Busy or idle, and once only: who was sent away does not leave a second place."""
    places, (first, second, third) = three
    places.busy(first)
    places.leave(first)
    places.leave(second)
    assert places.taken == 1
    for _ in range(3):
        places.arrive(Caller())
    assert third.sent_away == 1
    places.leave(third)
    assert places.taken == 3


def test_the_end():
    """Who is idle goes at once, who waits when it has its answer, and nobody comes any more."""
    places = ConnectionLimit(3)
    idle, waiting = Caller(), Caller()
    assert places.arrive(idle)
    assert places.arrive(waiting)
    places.busy(waiting)
    places.end()
    assert (idle.sent_away, waiting.sent_away) == (1, 0)
    assert not places.arrive(Caller())
    places.idle(waiting)
    assert waiting.sent_away == 1


@pytest.fixture
def held():
    """Three callers, for whom 100 bytes at most are held."""
    places = ConnectionLimit(3, 100)
    callers = [Caller() for _ in range(3)]
    assert all(places.arrive(caller) for caller in callers)
    return places, callers


def test_the_one_goes_for_whom_something_is_held_for_longest(held):
    """Not the one who wants more, nor the one for whom most is held."""
    places, (first, second, third) = held
    places.hold(second, 10)
    places.hold(first, 80)
    places.hold(second, 15)
    places.hold(third, 10)
    assert (places.held_bytes, places.taken) == (90, 2)
    assert [one.sent_away for one in (first, second, third)] == [0, 1, 0]


def test_as_many_go_as_have_to(held):
    """Also the one who asks for too much alone."""
    places, callers = held
    for caller in callers:
        places.hold(caller, 30)
    places.hold(callers[2], 100)
    assert ([one.sent_away for one in callers], places.held_bytes) == ([1, 1, 0], 100)
    places.hold(callers[2], 101)
    assert ([one.sent_away for one in callers], places.held_bytes) == ([1, 1, 1], 0)
    places.hold(callers[0], 50)
    assert places.held_bytes == 0


@pytest.mark.parametrize("done", ["let_go", "busy", "leave"])
def test_what_is_not_held_any_more(held, done):
    """A head that has ended, an answer that was read, a caller who has left make room."""
    places, (first, second, _) = held
    places.hold(first, 90)
    getattr(places, done)(first)
    places.hold(second, 90)
    assert (first.sent_away, second.sent_away, places.held_bytes) == (0, 0, 90)


def test_who_does_not_read_its_answer_goes_for_a_new_one(held):
    """When nobody is idle; who waits for an answer stays."""
    places, callers = held
    for caller in callers:
        places.busy(caller)
    places.hold(callers[1], 10)
    assert places.arrive(Caller())
    assert [one.sent_away for one in callers] == [0, 1, 0]


class AnyOrder(RuleBasedStateMachine):
    """Callers who do everything in any order, also after they have been sent away."""

    def __init__(self):
        super().__init__()
        self.places = ConnectionLimit(3, 100)
        self.callers = [Caller()]
        self.places.arrive(self.callers[0])
        self.waiting = set()

    @rule()
    def arrive(self):
        """A new one comes."""
        caller = Caller()
        if self.places.arrive(caller):
            self.callers.append(caller)
        else:
            assert len(self.waiting) == 3

    @rule(which=st.integers(0, 99), does=st.sampled_from(["busy", "idle", "leave"]))
    def go_on(self, which, does):
        """One of them asks, is answered, or goes."""
        caller = self.callers[which % len(self.callers)]
        getattr(self.places, does)(caller)
        left = caller.sent_away or caller not in (*self.places._busy, *self.places._idle)
        if does == "busy" and not left:
            self.waiting.add(caller)
        else:
            self.waiting.discard(caller)

    @rule(which=st.integers(0, 99), held_bytes=st.integers(0, 120))
    def hold(self, which, held_bytes):
        """Something is held for one of them: for who waits, an answer that it does not read."""
        caller = self.callers[which % len(self.callers)]
        self.places.hold(caller, held_bytes)
        self.waiting -= {one for one in self.waiting if one in self.places._held or one.sent_away}

    @invariant()
    def bounded(self):
        """Never more than there is room for; nobody is sent away twice, nor while waiting."""
        assert self.places.taken <= 3
        assert self.places.held_bytes == sum(self.places._held.values()) <= 100
        assert set(self.places._held) <= {*self.places._busy, *self.places._idle}
        assert all(caller.sent_away <= 1 for caller in self.callers)
        assert not any(caller.sent_away for caller in self.waiting)


TestAnyOrder = AnyOrder.TestCase
