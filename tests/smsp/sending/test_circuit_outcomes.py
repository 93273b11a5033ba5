"""Between circuits and messages: what a breaker learns, and what a reply means for the message."""

from __future__ import annotations

import pytest

from actors import (
    Answered,
    Cause,
    Fault,
    Neutral,
    Refusal,
    Success,
    Throttled,
    Unanswered,
)
from actors import Refused as CircuitRefused
from smsp.mail.outcome import AttemptRefused, Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.sending.circuit_outcomes import OutcomeJudge, goes_on, result_of

JUDGE = OutcomeJudge()


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Sent("id"), Success()),
        (Rejected(Reason.BAD_RECIPIENT), Success(declined=True)),
        (
            NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
            Fault(Reason.CONNECT_FAILED, silent=True),
        ),
        (
            NotSent(Reason.UNAVAILABLE, Blame.PROVIDER, 30.0),
            Fault(Reason.UNAVAILABLE, retry_after_s=30.0),
        ),
        (
            NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT),
            Fault(Reason.UNAUTHORISED, grave=True),
        ),
        (
            NotSent(Reason.SUSPENDED, Blame.ACCOUNT, 90.0),
            Fault(Reason.SUSPENDED, grave=True, retry_after_s=90.0),
        ),
        (NotSent(Reason.THROTTLED, Blame.THROTTLE), Throttled(Reason.THROTTLED)),
        (NotSent(Reason.THROTTLED, Blame.THROTTLE, 7.0), Throttled(Reason.THROTTLED, 7.0)),
        (NotSent(Reason.REFUSED_4XX, Blame.NOBODY), Neutral(Reason.REFUSED_4XX)),
        (NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY), Neutral(Reason.SENDER_NOT_ALLOWED)),
        (NotSent(Reason.POOL_WAIT, Blame.NOBODY), Neutral(Reason.POOL_WAIT)),
        (
            NotSent(Reason.NO_RESOURCES, Blame.NOBODY),
            Neutral(Reason.NO_RESOURCES, ours=True),
        ),
        (Unknown(Reason.SERVER_ERROR), Fault(Reason.SERVER_ERROR)),
        (Unknown(Reason.CONNECTION_LOST), Fault(Reason.CONNECTION_LOST, silent=True)),
        (Unknown(Reason.TIMEOUT), Fault(Reason.TIMEOUT, timed_out=True, silent=True)),
        (Unknown(Reason.DEADLINE, Blame.NOBODY), Neutral(Reason.DEADLINE)),
    ],
)
def test_verdict(outcome, verdict):
    """A provider that judges is alive; only what it is to blame for counts against it."""
    assert JUDGE.verdict(outcome) == verdict


def test_detail_does_not_reach_the_breaker():
    """The provider's own words are for the caller alone."""
    said = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER, detail="words of the provider")
    assert "words" not in repr(JUDGE.verdict(said))


@pytest.mark.parametrize(
    "outcome",
    [
        Sent("id"),
        Rejected(Reason.TOO_LARGE, "25 MB"),
        NotSent(Reason.THROTTLED, Blame.THROTTLE, 1.0),
        Unknown(Reason.SERVER_ERROR),
    ],
)
def test_answer(outcome):
    """What the provider came back with is what became of the message."""
    assert result_of(Answered(outcome)) == outcome


@pytest.mark.parametrize("refusal", Refusal)
def test_refusal(refusal):
    """Every refusal of a circuit has a reason of its own name, and says nothing of the message."""
    assert result_of(CircuitRefused(refusal)) == AttemptRefused(Reason(refusal.value))
    assert JUDGE.word(CircuitRefused(refusal)) == "refused"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.TIMEOUT, Reason.TIMEOUT),
        (Cause.DEADLINE, Reason.DEADLINE),
        (Cause.CUT, Reason.CUT),
        (Cause.FAILED, Reason.ADAPTER_ERROR),
    ],
)
def test_unanswered(cause, reason):
    """A call without an answer is unknown if it was committed, and not sent if it was not."""
    committed = result_of(Unanswered(cause, committed=True))
    uncommitted = result_of(Unanswered(cause, committed=False))
    assert isinstance(committed, Unknown)
    assert isinstance(uncommitted, NotSent)
    assert committed.reason is uncommitted.reason is reason
    assert (committed.blame is Blame.PROVIDER) == (cause is Cause.TIMEOUT)


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("cause", Cause)
def test_every_cause(cause, committed):
    """No cause is without a meaning."""
    reply = Unanswered(cause, committed)
    assert isinstance(result_of(reply), Unknown if committed else NotSent)
    assert JUDGE.word(reply) == ("unknown" if committed else "not_sent")


def test_a_write_that_went_on_too_slowly():
    """A caller whose patience ended while we were writing learns that; nobody is to blame."""
    slow = Unanswered(Cause.DEADLINE, committed=False, stage="writing")
    stuck = Unanswered(Cause.DEADLINE, committed=False, stage="connecting")

    assert result_of(slow) == NotSent(Reason.SLOW_UPLOAD, Blame.NOBODY)
    assert result_of(stuck) == NotSent(Reason.DEADLINE, Blame.NOBODY)


@pytest.mark.parametrize(
    ("reply", "going_on"),
    [
        (Unanswered(Cause.TIMEOUT, committed=True), True),
        (Unanswered(Cause.DEADLINE, committed=True), True),
        (Unanswered(Cause.CUT, committed=True), False),
        (Unanswered(Cause.FAILED, committed=True), False),
        (Unanswered(Cause.TIMEOUT, committed=False), False),
        (Unanswered(Cause.DEADLINE, committed=False), False),
        (Answered(Sent("id")), False),
        (Answered(Unknown(Reason.TIMEOUT)), False),
        (CircuitRefused(Refusal.OPEN), False),
    ],
)
def test_what_goes_on(reply, going_on):
    """A call that was written, and whose time was up; every other end is the last of it."""
    assert goes_on(reply) is going_on
