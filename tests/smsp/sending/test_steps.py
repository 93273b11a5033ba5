"""One send, step by step, driven by hand: no clock, no circuit, no ledger."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Answered, Cause, Refusal, Refused, Unanswered
from smsp.mail.dispatched import Dispatched, Route, Skipped, combine
from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Sent, Unknown, word
from smsp.sending.circuit_outcomes import result_of
from smsp.sending.ledger import (
    Begun,
    Claim,
    Full,
    InProgress,
    Ledger,
    Mismatch,
    Record,
    Replay,
)
from smsp.sending.routing import Failover
from smsp.sending.steps import (
    MOVES,
    Answer,
    AskCircuit,
    InvalidStep,
    SendEvent,
    SendState,
    SendSteps,
    Settle,
)
from tests.kit.mails import SEND_ID, send
from tests.kit.web import snapshot

SENT = Answered(Sent("m-1"))
REJECTED = Answered(Rejected(Reason.BAD_RECIPIENT))
NOT_SENT = Answered(NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER))
UNKNOWN = Answered(Unknown(Reason.CONNECTION_LOST))
TIMED_OUT = Unanswered(Cause.TIMEOUT, committed=True)
OPEN = Refused(Refusal.OPEN)
REPLIES = (
    SENT,
    REJECTED,
    NOT_SENT,
    Answered(NotSent(Reason.REFUSED_4XX, Blame.NOBODY)),
    UNKNOWN,
    TIMED_OUT,
    Unanswered(Cause.DEADLINE, committed=True),
    Unanswered(Cause.DEADLINE, committed=False),
    Unanswered(Cause.CUT, committed=True),
    Unanswered(Cause.FAILED, committed=False),
    OPEN,
    Refused(Refusal.FULL),
)

CLAIM = Claim(SEND_ID, "all", b"", "order-42")
DONE = Dispatched(SEND_ID, "sent", (), Route(("p0",), ()))
RECORD = Record(CLAIM, 0.0, DONE)
TWO = Route(("p0", "p1"), ())
NOBODY = Route((), (Skipped("p0", Reason.TOO_MANY_RECIPIENTS),))
TAKEN = (Replay(RECORD), Mismatch(), InProgress(), Full())


class Send:
    """A send with arguments that seldom matter; ``now`` is moved by the test."""

    def __init__(self, route=TWO, failover=Failover.SAFE, deadline=30.0):
        self.steps = SendSteps(send(), b"digest", deadline=deadline, failover=failover)
        self.route, self.drawn = route, 0
        self.now = self.lost_s = 0.0
        self.snapshots = {name: snapshot(name) for name in route.names}

    def draw(self, mail):
        self.drawn += 1
        return self.route

    def begin(self):
        return self.steps.begin()

    def claimed(self, beginning=Begun()):  # noqa: B008 - a value without fields
        return self.steps.on_claimed(beginning, route=self.draw, now=self.now, lost_s=self.lost_s)

    def replied(self, reply=NOT_SENT):
        return self.steps.on_reply(
            reply, now=self.now, lost_s=self.lost_s, snapshots=lambda: self.snapshots
        )

    def crashed(self):
        return self.steps.on_crash(self.now)

    def settled(self):
        return self.steps.on_settled(RECORD)

    def does(self, event):
        """One event, with the arguments that first come to mind."""
        return {
            SendEvent.BEGIN: self.begin,
            SendEvent.CLAIMED: self.claimed,
            SendEvent.REPLIED: self.replied,
            SendEvent.CRASHED: self.crashed,
            SendEvent.SETTLED: self.settled,
        }[event]()


def asking(**options):
    """A send whose first circuit is being asked."""
    one = Send(**options)
    one.begin()
    assert one.claimed().provider == "p0"
    return one


def in_state(state):
    """A send that has come to this state."""
    one = Send()
    way = {
        SendState.NEW: (),
        SendState.CLAIMING: (one.begin,),
        SendState.ASKING: (one.begin, one.claimed),
        SendState.SETTLING: (one.begin, one.claimed, lambda: one.replied(SENT)),
        SendState.OVER: (one.begin, one.claimed, lambda: one.replied(SENT), one.settled),
    }
    for step in way[state]:
        step()
    assert one.steps.state is state
    return one


# -- the table


@pytest.mark.parametrize(("state", "event"), list(product(SendState, SendEvent)))
def test_an_event_leads_where_the_table_says_or_raises(state, event):
    """What is not in the table is a bug of the driver's, and changes nothing."""
    one = in_state(state)
    targets = MOVES.get((state, event))
    if targets is None:
        with pytest.raises(InvalidStep):
            one.does(event)
        assert one.steps.state is state
    else:
        one.does(event)
        assert one.steps.state in targets


@pytest.mark.parametrize(
    ("route", "beginning", "replies", "step", "state"),
    [
        (TWO, Begun(), (), AskCircuit, SendState.ASKING),
        (NOBODY, Begun(), (), Settle, SendState.SETTLING),
        *[(TWO, taken, (), Answer, SendState.OVER) for taken in TAKEN],
        (TWO, Begun(), (NOT_SENT,), AskCircuit, SendState.ASKING),
        (TWO, Begun(), (OPEN,), AskCircuit, SendState.ASKING),
        (TWO, Begun(), (SENT,), Settle, SendState.SETTLING),
        (TWO, Begun(), (REJECTED,), Settle, SendState.SETTLING),
        (TWO, Begun(), (UNKNOWN,), Settle, SendState.SETTLING),
        (TWO, Begun(), (NOT_SENT, NOT_SENT), Settle, SendState.SETTLING),
    ],
)
def test_what_is_to_be_done_next(route, beginning, replies, step, state):
    """Every cell of the table, and every target in it."""
    one = Send(route)
    assert one.begin() == Claim(SEND_ID, "", b"digest", None)
    steps = [one.claimed(beginning), *map(one.replied, replies)]
    assert (type(steps[-1]), one.steps.state) == (step, state)


def test_every_target_of_the_table_is_reached():
    """It promises nothing that cannot be."""
    reached = {(SendState.NEW, SendEvent.BEGIN, SendState.CLAIMING)}
    for route, beginning in ((TWO, Begun()), (NOBODY, Begun()), (TWO, Full())):
        one = Send(route)
        one.begin()
        one.claimed(beginning)
        reached.add((SendState.CLAIMING, SendEvent.CLAIMED, one.steps.state))
    for reply in (OPEN, SENT):
        one = asking()
        one.replied(reply)
        reached.add((SendState.ASKING, SendEvent.REPLIED, one.steps.state))
    for state, event in ((SendState.ASKING, SendEvent.CRASHED), (SendState.SETTLING, "on_settled")):
        one = in_state(state)
        one.does(SendEvent(event))
        reached.add((state, SendEvent(event), one.steps.state))
    assert reached == {(*pair, target) for pair, targets in MOVES.items() for target in targets}


# -- the claim


@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: type(taken).__name__)
def test_a_claim_that_is_not_granted(taken):
    """It is the answer; no way is drawn, and only a replay gives its key's rate back."""
    one = Send()
    one.begin()
    answer = one.claimed(taken)
    assert answer == Answer(taken)
    assert (answer.refunds, one.drawn) == (isinstance(taken, Replay), 0)


def test_the_way_is_drawn_once():
    """A random order is drawn when the claim is granted, and stays what it was to the end."""
    one = asking()
    one.replied(NOT_SENT)
    settle = one.replied(NOT_SENT)
    assert (one.drawn, settle.done.route) == (1, TWO)


def test_a_bug_in_the_drawing_is_settled():
    """No key stays in progress, and nobody was asked."""
    one = Send()
    one.begin()
    with pytest.raises(ZeroDivisionError):
        one.steps.on_claimed(Begun(), route=lambda _mail: 1 // 0, now=0.0, lost_s=0.0)
    assert one.crashed().done == Dispatched(SEND_ID, "unknown", (), Route((), ()))


# -- the circuits


def test_what_a_circuit_is_asked():
    """The message, and the moment at which its caller's patience ends."""
    one = asking(deadline=7.0)
    assert one.replied(OPEN) == AskCircuit("p1", send(), 7.0)


def test_each_attempt_tells_its_time():
    """From asking to the reply."""
    one = asking()
    one.now = 1.5
    one.replied(NOT_SENT)
    one.now = 2.0
    done = one.replied(SENT).done
    assert [(attempt.provider, attempt.seconds) for attempt in done.attempts] == [
        ("p0", 1.5),
        ("p1", 0.5),
    ]


@pytest.mark.parametrize(
    ("now", "lost_s", "goes_on"),
    [(6.9, 0.0, True), (7.0, 0.0, False), (3.0, 3.9, True), (3.0, 4.0, False)],
)
def test_nobody_is_asked_once_the_caller_has_given_up(now, lost_s, goes_on):
    """Its patience went on while the loop, and the clock, stood still."""
    one = Send(deadline=7.0)
    one.lost_s = 100.0  # lost before the message came
    one.begin()
    one.claimed()
    one.now, one.lost_s = now, 100.0 + lost_s
    assert isinstance(one.replied(NOT_SENT), AskCircuit) is goes_on


def test_a_caller_is_told_when_a_circuit_of_its_route_may_take_mail():
    """The others do not count."""
    one = asking(route=Route(("p0",), ()))
    one.snapshots = {
        "p0": snapshot("p0", state="open", due_at=20.0),
        "p1": snapshot("p1"),
    }
    assert one.replied(OPEN).done.retry_after_s == 20


def test_a_bug_while_a_reply_is_read_is_settled():
    """The circuit was asked, and nobody knows what is to be told of it."""
    one = asking(route=Route(("p0",), ()))
    one.snapshots = {}
    with pytest.raises(KeyError):
        one.replied(NOT_SENT)
    assert one.crashed().done.outcome == "unknown"


# -- the end


def test_what_was_known_before_a_crash_is_remembered():
    """A call that goes on will tell how it ended, and the circuit in hand is in doubt: were they
    forgotten, the late outcome would add up to ``not_sent``."""
    one = asking(failover=Failover.ANY)
    one.replied(TIMED_OUT)
    one.now = 2.0
    done = one.crashed().done
    assert (done.outcome, done.unsettled) == ("unknown", {"p0"})
    assert [(each.provider, each.result.reason) for each in done.attempts] == [
        ("p0", Reason.TIMEOUT),
        ("p1", Reason.CRASHED),
    ]
    assert done.with_late({"p0": Sent("m-1")}).outcome == "sent"
    assert done.with_late({"p0": NotSent(Reason.THROTTLED, Blame.THROTTLE)}).outcome == "unknown"


def test_the_answer_is_what_the_ledger_remembers():
    """With the providers that have the message still."""
    one = in_state(SendState.SETTLING)
    record = replace(RECORD, settling=frozenset({"p0"}))
    answer = one.steps.on_settled(record)
    assert answer == Answer(DONE, frozenset({"p0"}))
    assert not answer.refunds


# -- whatever comes


@given(
    st.lists(st.sampled_from(REPLIES), max_size=5),
    st.sampled_from(Failover),
    st.lists(st.floats(0.0, 20.0), min_size=5, max_size=5),
    st.none() | st.integers(0, 4),
)
def test_any_script(replies, failover, seconds, crash_at):
    """Each circuit is asked at most once and in order; after one that may have taken the message
    nobody is asked, so at most one may have; the key is free or over, and the answer is the sum."""
    names = tuple(f"p{position}" for position in range(len(replies)))
    one = Send(Route(names, ()), failover)
    ledger = Ledger(1)
    claim = replace(one.begin(), key="order-42")
    asked, step = [], one.claimed(ledger.begin(claim, 0.0))
    while isinstance(step, AskCircuit):
        asked.append(step.provider)
        assert one.now < step.deadline or len(asked) == 1
        one.now += seconds[len(asked) - 1]
        crashes = crash_at == len(asked) - 1
        step = one.crashed() if crashes else one.replied(replies[len(asked) - 1])

    answer = one.steps.on_settled(ledger.end(SEND_ID, step.done, one.now))
    done = answer.result
    crashed = crash_at is not None and crash_at < len(asked)
    results = [result_of(reply) for reply in replies[: len(asked)]]
    if crashed:
        results[-1] = Unknown(Reason.CRASHED, Blame.NOBODY)

    assert asked == list(names[: len(asked)])
    assert [attempt.result for attempt in done.attempts] == results
    for result in results[:-1]:
        assert not isinstance(result, Sent | Rejected)
        assert not isinstance(result, Unknown) or failover is Failover.ANY
    if failover is not Failover.ANY:
        assert sum(word(result) in ("sent", "unknown") for result in results) <= 1
    every = len(asked) == len(names)
    assert done.outcome == (combine(done.attempts, all_tried=every) if names else "rejected")
    assert not crashed or done.outcome == "unknown"
    assert (done.retry_after_s is None) == (done.outcome != "not_sent")
    assert answer.settling == done.unsettled <= set(asked)
    assert (ledger.keys == 0) == (done.outcome == "not_sent")
    assert not isinstance(ledger.begin(claim, one.now), InProgress)
