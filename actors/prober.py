"""When the clock moves a circuit: the end of a hold, and the one probe of an open circuit.

Owns the probe under way. There is never a second one, not even when a hold comes and goes while
it runs: the next begins when it is over. Knows nothing of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

from actors.ask import Cause
from actors.breaker import Breaker, Permit, State
from actors.calls import Cancellable
from actors.config import Config, Judge
from actors.evidence import Evidence
from actors.messages import ProbeEnded
from actors.notices import CallFailed
from actors.outbox import Outbox
from actors.verdict import Fault, Verdict

Q = TypeVar("Q")
A = TypeVar("A")


class Prober(Generic[Q, A]):
    """The clock's half of a handler. It reads the breaker's ``due_at`` and acts on it."""

    def __init__(
        self,
        config: Config,
        breaker: Breaker,
        judge: Judge[A],
        outbox: Outbox[Q, A],
        evidence: Evidence[Q, A],
    ) -> None:
        self._config = config
        self._breaker = breaker
        self._judge = judge
        self._outbox = outbox
        self._evidence = evidence
        self._stalls_before = 0
        self._probe: Cancellable | None = None
        self._overdue_at = inf
        self._stopped = False

    @property
    def wake_at(self) -> float:
        """When the clock alone has something to do with the circuit."""
        if self._breaker.state is State.PROBING:
            return self._overdue_at
        if self._breaker.state is State.OPEN and (self._probe is not None or self._stopped):
            return inf  # Its end is a message.
        return self._breaker.due_at

    def due(self, begin_probe: Callable[[Permit], Cancellable], now: float) -> None:
        """``wake_at`` has come: give an overdue probe up, end a hold, begin a probe."""
        if self._breaker.state is State.PROBING:
            self._overdue_at = inf
            verdict = self._fair(Fault("overdue", silent=True))
            self._outbox.probed(verdict, "unknown", self._config.probe_s, now)
            self._breaker.record_probe(Permit(self._breaker.epoch), verdict, now)
            return
        self._breaker.release(now, "hold_ended")
        if self._breaker.state is State.OPEN and self.wake_at <= now:
            self._stalls_before = self._evidence.stalls()
            self._probe = begin_probe(self._breaker.start_probe(now))
            self._overdue_at = now + self._config.probe_s

    def ended(self, message: ProbeEnded[A], now: float) -> None:
        """The probe is over. If the circuit has moved on meanwhile, it decides nothing."""
        self.forget()
        if message.error is not None:
            self._outbox.notice(CallFailed(self._config.name, message.error))
        if message.permit.epoch != self._breaker.epoch or message.cancelled:
            return
        verdict: Verdict = Fault(Cause.FAILED)
        outcome = "failed"
        if message.answer is not None:
            verdict = self._fair(self._judge.verdict(message.answer.answer))
            outcome = self._judge.word(message.answer)
        self._outbox.probed(verdict, outcome, message.seconds, now)
        self._breaker.record_probe(message.permit, verdict, now)

    def circuit_moved(self) -> None:
        """A probe of a circuit that is no longer probing has nothing to decide."""
        if self._breaker.state is not State.PROBING:
            self._cancel()

    def stop(self) -> None:
        """The actor is leaving: no more probes."""
        self._stopped = True
        self._cancel()

    def forget(self) -> None:
        """The probe's task is gone."""
        self._probe = None
        self._overdue_at = inf

    def _fair(self, verdict: Verdict) -> Verdict:
        return self._evidence.fair(verdict, self._stalls_before)

    def _cancel(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
