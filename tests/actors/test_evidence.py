"""What a circuit learns of calls and probes during which its own loop stood still."""

from __future__ import annotations

import pytest

from actors import Answered, Cause, Fault, Neutral, Success, Throttled, Unanswered
from actors.messages import Committed, Finished, ProbeEnded
from actors.verdict import Verdict, excused
from tests.kit.actors import config
from tests.kit.desk import Desk

SILENT = Fault("connection_lost", silent=True)
SAID = Fault("server_error")
BASE_S, TIMEOUT_S = config().base_s, config().timeout_s


def opened() -> Desk:
    """A desk whose circuit has opened at 0, and whose probe has begun."""
    desk = Desk()
    desk.ask()
    desk.post(Finished(0, SAID))
    desk.clock(BASE_S)
    assert len(desk.probes) == 1
    return desk


@pytest.mark.parametrize(
    ("verdict", "worth"),
    [
        (SILENT, Neutral("connection_lost", ours=True)),
        (SAID, SAID),
        (Success(), Success()),
        (Throttled("throttled"), Throttled("throttled")),
        (Neutral("deadline"), Neutral("deadline")),
    ],
)
def test_only_silence_is_excused(verdict: Verdict, worth: Verdict):
    """What the far side says itself counts."""
    assert excused(verdict) == worth


@pytest.mark.parametrize(
    ("before", "during", "says", "state"),
    [
        (0, 0, SILENT, "open"),
        (1, 0, SILENT, "open"),
        (0, 1, SILENT, "closed"),
        (0, 1, SAID, "open"),
    ],
)
def test_a_call_in_a_stall(before: int, during: int, says: Verdict, state: str):
    """Its silence opens no circuit, unless the stall was over when it began."""
    desk = Desk(stalls=before)
    ask = desk.ask()
    desk.stalls += during
    desk.post(Finished(0, says))
    assert desk.handler.breaker.state == state
    assert desk.reply_to(ask) == Answered(says)
    assert (desk.handler.outbox.last_failure is None) == (state == "closed")


@pytest.mark.parametrize(("during", "state"), [(0, "open"), (1, "closed")])
def test_a_call_that_times_out_in_a_stall(during: int, state: str):
    """Its asker is told as ever; what it turns out to be later teaches nothing either."""
    desk = Desk()
    ask = desk.ask()
    desk.post(Committed(0, desk.now))
    desk.stalls += during
    limit = desk.handler.breaker.limit(desk.now)
    desk.clock(TIMEOUT_S)
    assert desk.reply_to(ask) == Unanswered(Cause.TIMEOUT, committed=True)
    assert desk.handler.breaker.state == state
    assert during == 0 or desk.handler.breaker.limit(desk.now) == limit
    desk.post(Finished(0, SAID))
    assert desk.handler.breaker.state == state


@pytest.mark.parametrize(("during", "waits_s"), [(0, 2 * BASE_S), (1, BASE_S)])
def test_a_probe_in_a_stall(during: int, waits_s: float):
    """The circuit stays open, and nobody waits longer for the next probe than for this one."""
    desk = opened()
    desk.stalls += during
    desk.post(ProbeEnded(desk.probes[0][0], 1.0, Answered(SILENT), None))
    assert desk.handler.breaker.state == "open"
    waited_s = desk.handler.breaker.due_at - desk.now
    assert waits_s / 2 < waited_s <= waits_s
    assert during == 0 or waited_s == BASE_S


@pytest.mark.parametrize("during", [0, 1])
def test_a_probe_that_is_overdue_in_a_stall(during: int):
    """Likewise."""
    desk = opened()
    desk.stalls += during
    desk.clock(desk.handler.wake_at())
    waited_s = desk.handler.breaker.due_at - desk.now
    assert (waited_s == BASE_S) == bool(during)


def test_a_stall_before_a_probe_excuses_nothing():
    """It is over, and the far side had all its time."""
    desk = Desk()
    desk.ask()
    desk.post(Finished(0, SAID))
    desk.stalls += 1
    desk.clock(BASE_S)
    desk.post(ProbeEnded(desk.probes[0][0], 1.0, Answered(SILENT), None))
    assert desk.handler.breaker.due_at - desk.now != BASE_S


def test_a_probe_that_we_could_not_make():
    """Our own fault does not put the next one off."""
    desk = opened()
    ours = Answered(Neutral("no_resources", ours=True))
    desk.post(ProbeEnded(desk.probes[0][0], 0.0, ours, None))
    assert desk.handler.breaker.due_at - desk.now == BASE_S
