"""PURE. Between circuits and messages: what a circuit learns from an outcome, and what a
circuit's reply means for the message."""

from __future__ import annotations

from types import MappingProxyType
from typing import assert_never

from actors import (
    Answered,
    Cause,
    Fault,
    Neutral,
    Refused,
    Reply,
    Success,
    Throttled,
    Unanswered,
    Verdict,
)
from smsp.mail import outcome as mail
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Result, Sent, Unknown

_CAUSES = MappingProxyType(
    {
        Cause.TIMEOUT: (Reason.TIMEOUT, Blame.PROVIDER),
        Cause.DEADLINE: (Reason.DEADLINE, Blame.NOBODY),
        Cause.CUT: (Reason.CUT, Blame.NOBODY),
        Cause.FAILED: (Reason.ADAPTER_ERROR, Blame.NOBODY),
    }
)


_SILENCE = frozenset(
    {
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.TLS_FAILED,
        Reason.WRITE_FAILED,
        Reason.WRITE_TIMEOUT,
        Reason.TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.NO_CREDENTIALS,
    }
)
"""Why a provider was not reached, or not heard, and has not said so itself."""


class OutcomeJudge:
    """How SMSP's circuits read the outcomes that their providers come back with."""

    def verdict(self, answer: Outcome) -> Verdict:
        """What the breaker is to learn: only the provider's own faults count."""
        match answer:
            case Sent():
                return Success()
            case Rejected():
                return Success(declined=True)
            case NotSent() | Unknown():
                return _verdict_by_blame(answer)
            case _:
                assert_never(answer)

    def word(self, reply: Reply[Outcome]) -> str:
        """The word under which the reply is counted."""
        return mail.word(result_of(reply))


def result_of(reply: Reply[Outcome]) -> Result:
    """What a circuit's reply means for the message."""
    match reply:
        case Answered(answer=answer):
            return answer
        case Refused(reason=refusal):
            return mail.AttemptRefused(Reason(refusal.value))
        case Unanswered(cause=Cause.DEADLINE, committed=False, stage="writing"):
            return NotSent(Reason.SLOW_UPLOAD, Blame.NOBODY)
        case Unanswered(cause=cause, committed=committed):
            reason, blame = _CAUSES[cause]
            return Unknown(reason, blame) if committed else NotSent(reason, blame)
        case _:
            assert_never(reply)


def goes_on(reply: Reply[Outcome]) -> bool:
    """Whether the call goes on after this reply, and will yet tell how it ended."""
    match reply:
        case Unanswered(cause=cause, committed=committed):
            return committed and cause in (Cause.TIMEOUT, Cause.DEADLINE)
        case Answered() | Refused():
            return False
        case _:
            assert_never(reply)


def _verdict_by_blame(answer: NotSent | Unknown) -> Verdict:
    match answer.blame:
        case Blame.PROVIDER:
            return Fault(
                answer.reason,
                timed_out=answer.reason is Reason.TIMEOUT,
                silent=answer.reason in _SILENCE,
                retry_after_s=answer.retry_after_s,
            )
        case Blame.ACCOUNT:
            return Fault(answer.reason, grave=True, retry_after_s=answer.retry_after_s)
        case Blame.THROTTLE:
            return Throttled(answer.reason, answer.retry_after_s)
        case Blame.NOBODY:
            return Neutral(answer.reason, ours=answer.reason is Reason.NO_RESOURCES)
        case _:
            assert_never(answer.blame)
