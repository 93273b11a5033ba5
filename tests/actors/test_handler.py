"""The deciding half of an actor, without trio's scheduler: messages in, decisions out.

``test_circuit*.py`` has the same rules seen from outside, in time.
"""

from __future__ import annotations

from math import inf

import pytest

from actors import Answered, Cause, Refusal, Refused, Settled, Success, Unanswered
from actors.ask import ReplySlot
from actors.breaker import Event
from actors.messages import Ask, Committed, Cut, Drain, Failed, Finished, Hold, Stopped
from actors.verdict import Verdict
from tests.kit.actors import DOWN, Act
from tests.kit.desk import Desk


def test_a_question_begins_a_call_until_its_deadline():
    """The call gets the asker's deadline, until it commits."""
    desk = Desk()
    ask = desk.ask(deadline=7.0)
    assert desk.calls[0].deadline == 7.0
    desk.post(Finished(0, Success()))
    assert desk.reply_to(ask) == Answered(Success())


@pytest.mark.parametrize(
    ("prepare", "refused"),
    [
        (lambda desk: desk.post(Drain()), Refused(Refusal.DRAINING)),
        (lambda desk: setattr(desk, "now", 9.0), Refused(Refusal.EXPIRED)),
        (lambda desk: [desk.ask() for _ in range(4)], Refused(Refusal.FULL)),
        (
            lambda desk: desk.post(Hold(Event.HELD_OPEN, 8.0, ReplySlot())),
            Refused(Refusal.HELD_OPEN, 8.0),
        ),
    ],
)
def test_a_question_may_be_refused(prepare, refused: Refused):
    """Each refusal says why, and those by the state when the clock may change it."""
    desk = Desk()
    prepare(desk)
    begun = len(desk.calls)
    assert desk.reply_to(desk.ask(deadline=5.0)) == refused
    assert len(desk.calls) == begun


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize(
    ("end", "cause"),
    [(Stopped(0), Cause.DEADLINE), (Failed(0, ValueError("a bug")), Cause.FAILED)],
)
def test_a_call_without_an_answer_is_told_by_its_phase(end, cause: Cause, committed: bool):
    """Whether it may have taken effect is all that is known of it."""
    desk = Desk()
    ask = desk.ask()
    if committed:
        desk.post(Committed(0, 0.0))
    desk.post(end)
    assert desk.reply_to(ask) == Unanswered(cause, committed)


def test_messages_about_calls_of_an_earlier_life_are_nobodys():
    """They change nothing, whatever they say."""
    desk = Desk()
    desk.ask()
    desk.handler.leave([], Refusal.STOPPED, 0.0)
    before = desk.shows()
    for message in (Committed(0, 0.0), Finished(0, DOWN), Stopped(0)):
        desk.post(message)
    assert desk.shows() == before


def test_leaving_answers_by_everything_that_is_known():
    """What the unread messages say of a call comes before what its phase says."""
    desk = Desk()
    finished, committed, neither = desk.ask(), desk.ask(), desk.ask()
    unread: Ask[Act, Verdict] = Ask(Act(), inf, 0.0, ReplySlot())
    left = [Committed(1, 0.0), unread, Committed(0, 0.0), Finished(0, DOWN)]
    desk.handler.leave(left, Refusal.STOPPED, 1.0)  # type: ignore[arg-type]
    assert desk.reply_to(finished) == Answered(DOWN)
    assert desk.reply_to(committed) == Unanswered(Cause.FAILED, committed=True)
    assert desk.reply_to(neither) == Unanswered(Cause.FAILED, committed=False)
    assert desk.reply_to(unread) == Refused(Refusal.STOPPED)
    assert desk.shows().state == "closed"  # Nothing was judged: that is the next life's.


def test_a_cut_tells_committed_calls_at_once_and_cancels_all():
    """An uncommitted call is told when it is over, since only then is it certain."""
    desk = Desk()
    committed, uncommitted = desk.ask(), desk.ask()
    desk.post(Committed(0, 0.0))
    desk.post(Cut())
    desk.clock(0.0)
    assert [scope.cancelled for scope in desk.calls.values()] == [True, True]
    assert desk.reply_to(committed) == Unanswered(Cause.CUT, committed=True)
    assert (desk.reply_to(uncommitted), desk.handler.over) == (None, False)
    desk.post(Stopped(1))
    assert desk.reply_to(uncommitted) == Unanswered(Cause.CUT, committed=False)
    assert desk.handler.over


def test_an_answer_in_the_mailbox_beats_a_cut():
    """What came behind the order to cut, but before the cut, is passed on."""
    desk = Desk()
    ask = desk.ask()
    desk.post(Committed(0, 0.0))
    desk.post(Cut())
    desk.post(Finished(0, Success()))
    desk.clock(0.0)
    assert desk.reply_to(ask) == Answered(Success())


def test_a_call_cancelled_just_as_it_committed_is_told_as_over():
    """Its asker learns that it may have taken effect, and that nothing more will come of it."""
    desk = Desk()
    ask = desk.ask(deadline=1.0)
    desk.post(Committed(0, 1.0))
    desk.post(Stopped(0))
    told = Unanswered(Cause.DEADLINE, committed=True)
    assert desk.reply_to(ask) == told
    assert [settled.reply for settled in desk.seen.of(Settled)] == [told]


def test_the_clock_is_not_watched_for_nothing():
    """A closed circuit without calls has no next moment at all."""
    assert Desk().handler.wake_at() == inf
