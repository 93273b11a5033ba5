"""What has been decided waits until it can be seen, then goes out: answers, orders, notices."""

from __future__ import annotations

from dataclasses import fields
from math import inf

import pytest

from actors import Answered, Fault, Neutral, Probed, Refusal, Refused, Replied, Reply, Success
from actors.ask import ReplySlot
from actors.breaker import Event
from actors.messages import Ask, Hold
from actors.notices import LastFailure, Notice, ProbeRecord, Snapshot
from actors.outbox import Outbox
from actors.verdict import Verdict
from tests.kit.actors import Act, PlainJudge, Recorder

SNAPSHOT = Snapshot(**{field.name: None for field in fields(Snapshot)})  # type: ignore[arg-type]


def question() -> Ask[Act, Verdict]:
    return Ask(Act(), inf, 1.0, ReplySlot())


def outbox() -> tuple[Outbox[Act, Verdict], Recorder]:
    seen = Recorder()
    return Outbox("far", PlainJudge(), seen), seen


async def test_nothing_goes_out_before_it_is_delivered():
    """An answer is counted first, and can be in a snapshot before anybody has it."""
    box, seen = outbox()
    ask = question()
    box.reply(ask, Answered(Success()))
    box.count()
    assert (dict(box.counts), seen.notices) == ({"success": 1}, [])
    box.deliver(SNAPSHOT, 3.0)
    assert await ask.slot.wait() == Answered(Success())
    assert seen.notices == [Replied("far", ask.question, Answered(Success()), 2.0)]


async def test_the_first_reply_to_a_question_is_the_only_one():
    """Whoever comes later with another finds it decided."""
    box, seen = outbox()
    ask = question()
    box.reply(ask, Refused(Refusal.FULL))
    box.reply(ask, Answered(Success()))
    box.count()
    box.deliver(SNAPSHOT, 1.0)
    assert await ask.slot.wait() == Refused(Refusal.FULL)
    assert (dict(box.counts), len(seen.notices)) == ({"full": 1}, 1)


async def test_an_order_is_answered_with_the_snapshot_that_shows_it():
    """The very one that is being published."""
    box, _ = outbox()
    order = Hold(Event.HELD_OPEN, inf, ReplySlot())
    box.report(order)
    box.deliver(SNAPSHOT, 1.0)
    assert await order.slot.wait() is SNAPSHOT


async def test_everybody_has_an_answer_before_the_observer_is_told():
    """An observer that raises costs nobody an answer, and the notices behind it are kept."""
    box, seen = outbox()
    asks = [question(), question()]
    for ask in asks:
        box.reply(ask, Answered(Success()))
    seen.breaks_on = lambda _: len(seen.notices) == 1
    with pytest.raises(RuntimeError, match="observe"):
        box.deliver(SNAPSHOT, 1.0)
    assert [await ask.slot.wait() for ask in asks] == [Answered(Success())] * 2
    box.deliver(SNAPSHOT, 1.0)
    assert len(seen.notices) == 2


def test_a_reply_that_cannot_be_counted_is_counted_as_nothing():
    """Its word is asked for once; the next replies are counted as ever."""
    judge = PlainJudge()
    box: Outbox[Act, Verdict] = Outbox("far", judge, Recorder())
    judge.breaks_on = lambda reply: reply == Refused(Refusal.FULL)
    replies: list[Reply[Verdict]] = [Refused(Refusal.FULL), Refused(Refusal.OPEN)]
    for reply in replies:
        box.reply(question(), reply)
    with pytest.raises(RuntimeError, match="word"):
        box.count()
    box.count()
    assert dict(box.counts) == {"open": 1}


def test_the_counts_that_were_read_do_not_change():
    """They leave as a copy."""
    box, _ = outbox()
    before = box.counts
    box.turned_away(Act(), Refused(Refusal.FULL))
    assert (dict(before), dict(box.counts)) == ({}, {"full": 1})


@pytest.mark.parametrize(
    ("verdict", "passed", "failure"),
    [
        (Success(), True, None),
        (Fault("down"), False, LastFailure(9.0, "down")),
        (Neutral("refused_4xx"), False, None),
    ],
)
def test_a_probe_leaves_a_record(verdict: Verdict, passed: bool, failure: LastFailure | None):
    """How it ended, and what it showed about the far side."""
    box, seen = outbox()
    box.probed(verdict, "a word", 0.25, 9.0)
    box.deliver(SNAPSHOT, 9.0)
    assert box.last_probe == ProbeRecord(9.0, "a word", 0.25)
    assert box.last_failure == failure
    expected: list[Notice[Act, Verdict]] = [
        Probed("far", passed, "a word", "passed" if passed else verdict.reason, 0.25)  # type: ignore[union-attr]
    ]
    assert seen.notices == expected
