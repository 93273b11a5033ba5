"""Room for connections: who has to go for a new one, and who never."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from smsp.places import Places


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
    places = Places(3)
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
    places = Places(3)
    idle, waiting = Caller(), Caller()
    assert places.arrive(idle)
    assert places.arrive(waiting)
    places.busy(waiting)
    places.end()
    assert (idle.sent_away, waiting.sent_away) == (1, 0)
    assert not places.arrive(Caller())
    places.idle(waiting)
    assert waiting.sent_away == 1


class AnyOrder(RuleBasedStateMachine):
    """Callers who do everything in any order, also after they have been sent away."""

    def __init__(self):
        super().__init__()
        self.places = Places(3)
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

    @invariant()
    def bounded(self):
        """Never more than there is room for; nobody is sent away twice, nor while waiting."""
        assert self.places.taken <= 3
        assert all(caller.sent_away <= 1 for caller in self.callers)
        assert not any(caller.sent_away for caller in self.waiting)


TestAnyOrder = AnyOrder.TestCase
