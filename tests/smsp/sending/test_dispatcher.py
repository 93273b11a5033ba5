"""The way of one message through the circuits, played by circuits that answer from a script."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors import Answered, Cause, Refusal, Refused, Unanswered
from smsp.mail.dispatched import combine
from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Sent, Unknown, word
from smsp.providers.protocols import Capabilities
from smsp.sending.circuit_outcomes import result_of
from smsp.sending.dispatcher import Destination, Dispatcher
from smsp.sending.ledger import Ledger
from smsp.sending.routing import Candidate, Failover
from smsp.sending.steps import retry_after_s
from tests.kit.dispatching import dispatch
from tests.kit.mails import mailbox, send
from tests.kit.web import snapshot
from tests.kit.world import World, live

SENT = Answered(Sent("m-1"))
REJECTED = Answered(Rejected(Reason.BAD_RECIPIENT))
NOT_SENT = Answered(NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER))
NOT_UNDERSTOOD = Answered(NotSent(Reason.REFUSED_4XX, Blame.NOBODY))
SENDER_UNKNOWN = Answered(NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY))
UNKNOWN = Answered(Unknown(Reason.CONNECTION_LOST))
TIMED_OUT = Unanswered(Cause.TIMEOUT, committed=True)
EXPIRED = Unanswered(Cause.DEADLINE, committed=False)
OPEN = Refused(Refusal.OPEN)
FULL = Refused(Refusal.FULL)

REPLIES = (
    SENT,
    REJECTED,
    NOT_SENT,
    NOT_UNDERSTOOD,
    UNKNOWN,
    TIMED_OUT,
    EXPIRED,
    OPEN,
    FULL,
)


class FakeCircuit:
    """Gives one reply to whatever it is asked, ``takes_s`` seconds later."""

    def __init__(self, reply, shown=None, takes_s=0.0):
        self.reply = reply
        self.snapshot = shown or snapshot()
        self.takes_s = takes_s
        self.asked = []

    async def ask(self, question, *, deadline):
        self.asked.append((question, deadline))
        await trio.sleep(self.takes_s)
        return self.reply


def circuits_of(*replies):
    """One circuit for each reply."""
    return [FakeCircuit(reply) for reply in replies]


def dispatcher_of(circuits, failover=Failover.SAFE, capabilities=None):
    """A dispatcher in front of these circuits, which are called ``p0``, ``p1`` and so on."""
    limits = capabilities or Capabilities()
    named = {f"p{position}": circuit for position, circuit in enumerate(circuits)}
    destinations = {n: Destination(one, Candidate(n, limits)) for n, one in named.items()}
    return Dispatcher(destinations, failover)


async def dispatched(*replies, failover=Failover.SAFE, **fields):
    """What becomes of a message, and which circuits were asked."""
    circuits = circuits_of(*replies)
    done = await dispatch(dispatcher_of(circuits, failover), send(**fields), deadline=inf)
    return done, [position for position, circuit in enumerate(circuits) if circuit.asked]


async def test_first_takes_it():
    """A message goes to the first provider, and stays there if that takes it."""
    done, asked = await dispatched(SENT, SENT)
    assert (done.outcome, asked) == ("sent", [0])
    assert done.sent == ("p0", Sent("m-1"))
    assert done.retry_after_s is None


@pytest.mark.parametrize("failover", Failover)
async def test_past_circuits_that_refuse(failover):
    """Circuits that refuse are passed in every mode, and listed."""
    done, asked = await dispatched(OPEN, FULL, SENT, SENT, failover=failover)
    assert (done.outcome, asked) == ("sent", [0, 1, 2])
    assert [word(attempt.result) for attempt in done.attempts] == ["refused", "refused", "sent"]


@pytest.mark.parametrize(
    ("reply", "failover", "asked"),
    [
        (NOT_SENT, Failover.OPEN, [0]),
        (NOT_SENT, Failover.SAFE, [0, 1]),
        (NOT_SENT, Failover.ANY, [0, 1]),
        (EXPIRED, Failover.SAFE, [0, 1]),
        (UNKNOWN, Failover.OPEN, [0]),
        (UNKNOWN, Failover.SAFE, [0]),
        (UNKNOWN, Failover.ANY, [0, 1]),
        (TIMED_OUT, Failover.SAFE, [0]),
        (TIMED_OUT, Failover.ANY, [0, 1]),
        (REJECTED, Failover.ANY, [0]),
        (SENT, Failover.ANY, [0]),
    ],
)
async def test_when_the_next_may_try(reply, failover, asked):
    """The second provider is asked after a proof, and in doubt only where it is so configured."""
    assert (await dispatched(reply, SENT, failover=failover))[1] == asked


async def test_pinned():
    """A pinned message goes to its provider alone, whatever becomes of it there."""
    done, asked = await dispatched(SENT, NOT_SENT, SENT, provider="p1")
    assert (done.outcome, asked, done.route.names) == ("not_sent", [1], ("p1",))


async def test_nobody_can_carry_it():
    """A message that no provider can carry is rejected, and nobody was asked."""
    circuits = circuits_of(SENT, SENT)
    dispatcher = dispatcher_of(circuits, capabilities=Capabilities(recipients_max=1))
    two = (mailbox("a@example.org"), mailbox("b@example.org"))
    done = await dispatch(dispatcher, send(to=two), deadline=inf)
    assert (done.outcome, done.attempts, done.tried) == ("rejected", (), False)
    assert {skip.reason for skip in done.route.skipped} == {Reason.TOO_MANY_RECIPIENTS}
    assert not any(circuit.asked for circuit in circuits)


@pytest.mark.parametrize(
    ("replies", "failover", "outcome"),
    [
        ((NOT_UNDERSTOOD, SENDER_UNKNOWN), Failover.SAFE, "rejected"),
        ((NOT_UNDERSTOOD, NOT_SENT), Failover.SAFE, "not_sent"),
        ((NOT_UNDERSTOOD, OPEN), Failover.SAFE, "not_sent"),
        ((NOT_UNDERSTOOD, SENT), Failover.OPEN, "not_sent"),
        ((NOT_UNDERSTOOD,), Failover.OPEN, "rejected"),
        ((OPEN, OPEN), Failover.SAFE, "not_sent"),
        ((UNKNOWN, SENT), Failover.ANY, "sent"),
        ((UNKNOWN, NOT_SENT), Failover.ANY, "unknown"),
        ((UNKNOWN, REJECTED), Failover.ANY, "unknown"),
        ((NOT_SENT, REJECTED), Failover.SAFE, "rejected"),
    ],
)
async def test_outcome(replies, failover, outcome):
    """Attempts add up; a message that all misunderstand is rejected only if all were asked."""
    assert (await dispatched(*replies, failover=failover))[0].outcome == outcome


async def test_what_circuits_are_asked(autojump_clock):
    """Every circuit gets the same message and the same deadline; each attempt tells its time."""
    circuits = [FakeCircuit(NOT_SENT, takes_s=1.5), FakeCircuit(SENT, takes_s=0.5)]
    message = send()
    done = await dispatch(dispatcher_of(circuits), message, deadline=7.0)
    assert [circuit.asked for circuit in circuits] == [[(message, 7.0)]] * 2
    assert [(one.provider, one.seconds) for one in done.attempts] == [("p0", 1.5), ("p1", 0.5)]
    assert done.id == message.id


async def test_tried():
    """Refusals are no calls."""
    assert not (await dispatched(OPEN, FULL))[0].tried
    assert (await dispatched(OPEN, NOT_SENT))[0].tried


@given(st.lists(st.sampled_from(REPLIES), max_size=6), st.sampled_from(Failover))
async def test_any_script(replies, failover):
    """Circuits are asked in order and without a gap; no provider is called after a doubt, unless
    told so, nor ever after an answer that decides; the outcome is the sum of the attempts."""
    done, asked = await dispatched(*replies, failover=failover)
    results = [result_of(reply) for reply in replies[: len(asked)]]
    assert asked == list(range(len(asked)))
    assert [attempt.result for attempt in done.attempts] == results
    for result in results[:-1]:
        assert not isinstance(result, Sent | Rejected)
        assert not isinstance(result, Unknown) or failover is Failover.ANY
        assert not isinstance(result, NotSent) or failover is not Failover.OPEN
    if replies:
        every = len(asked) == len(replies)
        assert done.outcome == combine(done.attempts, all_tried=every)
    assert (done.retry_after_s is None) == (done.outcome != "not_sent")


# -- what is told of the circuits


def test_names_and_snapshots():
    """Providers and their snapshots come in routing order."""
    circuits = [FakeCircuit(SENT, snapshot("b")), FakeCircuit(SENT, snapshot("a"))]
    dispatcher = dispatcher_of(circuits)
    assert dispatcher.names == ("p0", "p1")
    assert [shown.name for shown in dispatcher.snapshots()] == ["b", "a"]


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        ([snapshot(state="closed")], 1),
        ([snapshot(state="held_closed", due_at=500.0)], 1),
        ([snapshot(state="open", due_at=100.5)], 1),
        ([snapshot(state="open", due_at=104.2)], 5),
        ([snapshot(state="open", due_at=105.0)], 5),
        ([snapshot(state="open", due_at=99.0)], 1),
        ([snapshot(state="open", probing=True)], 1),
        ([snapshot(state="held_open", due_at=130.0)], 30),
        ([snapshot(state="held_open", due_at=None)], 60),
        ([snapshot(state="quarantined", due_at=700.0)], 600),
        ([snapshot(state="open", due_at=90_000.0)], 3600),
        ([snapshot(state="open", due_at=130.0), snapshot(state="open", due_at=107.0)], 7),
        ([snapshot(state="open", due_at=130.0), snapshot(state="closed")], 1),
        ([], 1),
    ],
)
def test_retry_after(states, seconds):
    """The earliest moment at which one of the circuits may take mail: whole seconds, 1 to 3600."""
    assert retry_after_s(states, now=100.0) == seconds


async def test_retry_after_of_the_route(autojump_clock):
    """Only the providers that may take this message count."""
    circuits = [
        FakeCircuit(OPEN, snapshot(state="open", due_at=20.0)),
        FakeCircuit(SENT, snapshot(state="closed")),
    ]
    done = await dispatch(dispatcher_of(circuits), send(provider="p0"), deadline=inf)
    assert done.retry_after_s == 20


# -- an operator's orders


class HeldCircuit(FakeCircuit):
    """Remembers what it was ordered, and shows that."""

    def __init__(self, name):
        super().__init__(SENT, snapshot(name))
        self.orders = []

    async def hold(self, *, open, until):  # noqa: A002 - the state
        self.orders.append(("open" if open else "closed", until))
        return snapshot(self.snapshot.name, state="held_open" if open else "held_closed")

    async def release(self):
        self.orders.append("auto")
        return snapshot(self.snapshot.name)


@pytest.mark.parametrize(
    ("state", "for_s", "order", "shown"),
    [
        ("open", None, ("open", inf), "held_open"),
        ("closed", None, ("closed", inf), "held_closed"),
        ("open", 60.0, ("open", 67.0), "held_open"),
        ("closed", 0.5, ("closed", 7.5), "held_closed"),
        ("auto", None, "auto", "closed"),
    ],
)
async def test_an_order_reaches_the_circuit_of_that_name(
    autojump_clock, state, for_s, order, shown
):
    """And no other; what it shows then is the answer. A time is counted from the order on."""
    circuits = [HeldCircuit("p0"), HeldCircuit("p1")]
    dispatcher = dispatcher_of(circuits)
    await trio.sleep_until(7.0)
    after = await dispatcher.order("p1", state, for_s)
    assert [circuit.orders for circuit in circuits] == [[], [order]]
    assert (after.name, after.state) == ("p1", shown)


# -- by weight


def test_with_a_random_the_order_is_drawn_for_each_message():
    """By the weights; without one it is the order of the settings, each time."""
    destinations = {
        name: Destination(FakeCircuit(SENT), Candidate(name, Capabilities(), weight=weight))
        for name, weight in (("small", 1), ("large", 9))
    }
    plain, drawn = (Dispatcher(destinations, Failover.SAFE, random) for random in (None, Random(1)))
    assert {plain.route(send().mail).names for _ in range(50)} == {("small", "large")}
    first = Counter(drawn.route(send().mail).names[0] for _ in range(1_000))
    assert 850 < first["large"] < 950


# -- what is known only later


@pytest.mark.parametrize(
    ("reply", "unsettled"),
    [
        (TIMED_OUT, {"p0"}),
        (Unanswered(Cause.DEADLINE, committed=True), {"p0"}),
        (Unanswered(Cause.CUT, committed=True), set()),
        (Unanswered(Cause.FAILED, committed=True), set()),
        (UNKNOWN, set()),
        (EXPIRED, set()),
        (OPEN, set()),
        (SENT, set()),
    ],
)
async def test_unsettled(reply, unsettled):
    """Only a call that was too slow goes on; one that ended, or never began, has been told."""
    assert (await dispatched(reply))[0].unsettled == unsettled


@pytest.mark.parametrize(
    ("late", "outcome", "retry_after"),
    [
        (Sent("m-2"), "sent", None),
        (Rejected(Reason.BAD_CONTENT), "rejected", None),
        (NotSent(Reason.THROTTLED, Blame.THROTTLE), "not_sent", 1),
        (NotSent(Reason.REFUSED_4XX, Blame.NOBODY), "rejected", None),
        (Unknown(Reason.CONNECTION_LOST), "unknown", None),
    ],
)
async def test_late_outcome(late, outcome, retry_after):
    """What a call turns out to be takes the place of its doubt, and the sum is made anew."""
    done = (await dispatched(NOT_UNDERSTOOD, TIMED_OUT))[0]
    assert done.outcome == "unknown"
    known = done.with_late({"p1": late})
    assert (known.outcome, known.retry_after_s) == (outcome, retry_after)
    assert [one.result for one in known.attempts] == [NOT_UNDERSTOOD.answer, late]
    assert known.id == done.id


@pytest.mark.parametrize(
    "late",
    [
        NotSent(Reason.REFUSED_4XX, Blame.NOBODY),
        NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY),
    ],
)
async def test_a_late_4xx_where_a_provider_was_never_asked(late):
    """The first provider's late words refuse nothing for the second, which was not asked: not
    ``rejected``, so that its caller may try again."""
    done = (await dispatched(TIMED_OUT, SENT))[0]
    assert (done.outcome, len(done.attempts)) == ("unknown", 1)
    known = done.with_late({"p0": late})
    assert (known.outcome, known.retry_after_s) == ("not_sent", 1)


@pytest.mark.parametrize(
    ("patience_s", "outcome", "tried"), [(4.0, "not_sent", ["p0"]), (6.0, "sent", ["p0", "p1"])]
)
def test_nobody_else_is_tried_for_a_caller_whose_patience_went_on_in_a_stall(
    patience_s, outcome, tried
):
    """Its own clock has not stood still: by now it has given up, and may be asking elsewhere."""
    dispatcher = dispatcher_of([FakeCircuit(NOT_SENT, takes_s=1.0), FakeCircuit(SENT)])

    async def program():
        return await dispatch(dispatcher, send(), deadline=trio.current_time() + patience_s)

    done = live(program, World((0.5, 4.0)))
    assert (done.outcome, [attempt.provider for attempt in done.attempts]) == (outcome, tried)


def test_a_stall_before_a_message_came_is_not_held_against_it():
    """Its caller's patience has begun since."""
    dispatcher = dispatcher_of([FakeCircuit(NOT_SENT, takes_s=1.0), FakeCircuit(SENT)])

    async def program():
        await trio.sleep(2.0)
        return await dispatch(dispatcher, send(), deadline=trio.current_time() + 4.0)

    done = live(program, World((0.5, 4.0)))
    assert [attempt.provider for attempt in done.attempts] == ["p0", "p1"]


@pytest.mark.parametrize(("patience_s", "tried"), [(1.0, ["p0"]), (1.25, ["p0", "p1"])])
async def test_nobody_is_asked_at_the_deadline(autojump_clock, patience_s, tried):
    """An answer could only come too late; a quarter of a second is a time to try."""
    dispatcher = dispatcher_of([FakeCircuit(NOT_SENT, takes_s=1.0), FakeCircuit(SENT)])
    done = await dispatch(dispatcher, send(), deadline=trio.current_time() + patience_s)
    assert [attempt.provider for attempt in done.attempts] == tried


async def test_a_bug_in_the_asking_leaves_no_key_in_progress():
    """The exception goes on; what the ledger remembers is that nobody knows."""

    class BrokenCircuit(FakeCircuit):
        async def ask(self, question, *, deadline):
            raise RuntimeError("a bug")

    message, ledger = replace(send(), owner="all", idempotency_key="order-42"), Ledger(10)
    dispatcher = dispatcher_of([FakeCircuit(NOT_SENT), BrokenCircuit(SENT)])
    with pytest.raises(RuntimeError):
        await dispatcher.send(message, b"", deadline=inf, ledger=ledger)
    record = ledger.find(message.id, "all", 0.0)
    assert (record.done.outcome, record.over, ledger.keys) == ("unknown", True, 1)
    assert [attempt.provider for attempt in record.done.attempts] == ["p0", "p1"]
