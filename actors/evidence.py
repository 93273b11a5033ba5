"""What the end of a call or a probe tells of the far side, for the breaker to learn.

Owns two rules: a call is judged once, and silence tells nothing if it was we who stood still
meanwhile. Synchronous. Knows nothing of replies: what an asker is told is somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from actors.ask import Cause
from actors.breaker import Breaker
from actors.calls import Call
from actors.config import Judge
from actors.messages import Failed, Finished, Stopped
from actors.outbox import Outbox
from actors.verdict import Fault, Neutral, Verdict, excused

Q = TypeVar("Q")
A = TypeVar("A")


class Evidence(Generic[Q, A]):
    """``stalls`` counts how often the loop has stood still."""

    def __init__(
        self,
        breaker: Breaker,
        judge: Judge[A],
        outbox: Outbox[Q, A],
        stalls: Callable[[], int],
    ) -> None:
        self.stalls = stalls
        self._breaker = breaker
        self._judge = judge
        self._outbox = outbox

    def of_end(self, call: Call[Q, A], message: Finished[A] | Stopped | Failed, now: float) -> None:
        """The call is over."""
        match message:
            case Finished():
                verdict = self._judge.verdict(message.answer)
            case Stopped():
                verdict = Neutral(call.cause)
            case Failed():
                # Before it took effect, our own bug says nothing about the far side.
                committed = call.committed_at is not None
                verdict = Fault(Cause.FAILED) if committed else Neutral(Cause.FAILED)
        self._learn(call, verdict, now)

    def of_silence(self, call: Call[Q, A], now: float) -> None:
        """The far side's time is up, and the call goes on."""
        self._learn(call, Fault(Cause.TIMEOUT, timed_out=True, silent=True), now)

    def fair(self, verdict: Verdict, stalls_before: int) -> Verdict:
        """What a verdict is worth on what began when there had been so many stalls."""
        return verdict if self.stalls() == stalls_before else excused(verdict)

    def _learn(self, call: Call[Q, A], verdict: Verdict, now: float) -> None:
        if call.judged:
            return
        call.judged = True
        verdict = self.fair(verdict, call.stalls)
        self._outbox.judged(verdict, now)
        # The far side's own time: a long way to it does not make it slow.
        begun_at = call.started_at if call.committed_at is None else call.committed_at
        self._breaker.record(call.permit, verdict, now, now - begun_at)
