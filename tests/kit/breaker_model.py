"""A second breaker, written from the description alone, to hold the real one against.

Slow and plain on purpose: no table, no shared code, the limit replayed from everything that has
happened since the circuit closed. Random waits are intervals here, not numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass
class Heard:
    """What a call or probe said, in the words of the description."""

    kind: str
    grave: bool = False
    timed_out: bool = False
    retry_after_s: float | None = None
    declined: bool = False


@dataclass
class BreakerModel:
    """``row`` failures in a row trip it. All times in seconds."""

    row: int
    ceiling: int
    call_s: float
    base_s: float
    cap_s: float
    now: float = 0.0
    state: str = "closed"
    epoch: int = 0
    level: int = 0
    failed_in_a_row: int = 0
    closed_since: float = 0.0
    faults_in_vain: int = 0
    """How often a call's fault has opened it since a call succeeded, or since an operator said
    that all is well. What is above one are relapses."""
    due: tuple[float, float] = (inf, inf)
    """The earliest and the latest moment at which the clock may move it."""
    began_full: bool = True
    history: list[tuple[str, float]] = field(default_factory=list)
    """What the limit has seen since the circuit closed."""

    @property
    def takes_calls(self) -> bool:
        return self.state in {"closed", "held_closed"}

    def admits(self, waiting: int) -> str:
        """``permit``, or why there is none."""
        if self.takes_calls:
            return "permit" if waiting < self.limit() else "full"
        return "open" if self.state == "probing" else self.state

    def limit(self) -> int:
        if self.state == "closed" and self.faults_in_vain > 1:
            return 1
        value = float(self.ceiling) if self.began_full else 1.0
        trouble_at, halved_at = self.closed_since, -inf

        def at(moment: float) -> float:
            regained = self.ceiling * (moment - trouble_at) / 30
            return min(max(value, regained, 1.0), float(self.ceiling))

        for what, when in self.history:
            if what == "success":
                value = min(value + 1, float(self.ceiling))
                continue
            value, trouble_at = at(when), when
            if what == "congested" and when - halved_at >= self.call_s:
                value, halved_at = max(value / 2, 1.0), when
        return int(at(self.now))

    def call_ended(self, epoch: int, heard: Heard) -> None:
        if epoch != self.epoch:
            self._late(heard)
        elif heard.kind == "success":
            self.history.append(("success", self.now))
            self.failed_in_a_row = 0
            if not heard.declined:
                self.faults_in_vain = 0
        elif heard.kind == "throttled":
            if heard.retry_after_s is not None and self.state == "closed":
                self._go("open")
                self._due_in(within(heard.retry_after_s), within(heard.retry_after_s))
            else:
                self.history.append(("congested", self.now))
        elif heard.kind == "fault":
            self.history.append(("congested" if heard.timed_out else "fault", self.now))
            self.failed_in_a_row += 1
            if self.state == "closed" and (heard.grave or self.failed_in_a_row >= self.row):
                self._go("open")
                self.faults_in_vain += 1
                self.level += 1 if self.faults_in_vain <= 3 else 2
                self._due_after_fault(heard, self.ceiling_s())

    def _late(self, heard: Heard) -> None:
        if self.state == "open" and heard.kind == "throttled" and heard.retry_after_s is not None:
            put_off_to = self.now + within(heard.retry_after_s)
            self.due = (max(self.due[0], put_off_to), max(self.due[1], put_off_to))

    def probe_begins(self) -> None:
        self._go("probing")

    def probe_ended(self, epoch: int, heard: Heard) -> None:
        if epoch != self.epoch:
            return
        if heard.kind == "success":
            self._go("closed")
            return
        self._go("open")
        if heard.kind == "throttled":
            if heard.retry_after_s is None:
                self._due_in(*self.wait(self.cap_s))
            else:
                self._due_in(within(heard.retry_after_s), within(heard.retry_after_s))
        else:
            self.level += 1
            self._due_after_fault(heard, self.cap_s)

    def hold(self, state: str, until: float) -> None:
        self._go(state)
        self.due = (until, until)

    def release(self) -> None:
        if self.state == "held_closed":
            self._go("closed")
        elif self.state in {"held_open", "quarantined"}:
            self._go("open")
            self._due_in(0.0, 0.0)

    def reset(self) -> None:
        self.faults_in_vain = 0
        if self.state == "open":
            self._go("open")
            self._due_in(0.0, 0.0)
        else:
            self.release()

    def crash(self) -> None:
        held_until = self.due
        if self.state in {"held_open", "held_closed"}:
            self._go(self.state)
            self.due = held_until
        else:
            self._go("open")
            self._due_in(0.0, 0.0)

    def quarantine(self, until: float) -> None:
        self._go("quarantined")
        self.due = (until, until)

    def ceiling_s(self) -> float:
        """The longest wait after a call's fault: a quarter of an hour at the most, or the cap."""
        ceiling_s = self.cap_s
        for _ in range(self.faults_in_vain - 1):
            ceiling_s = ceiling_s if ceiling_s >= 900 else min(900.0, 2 * ceiling_s)
        return ceiling_s

    def wait(self, bound_s: float) -> tuple[float, float]:
        """The shortest and the longest wait of the present level."""
        full = min(bound_s, self.base_s * 2 ** (max(self.level, 1) - 1))
        return (full, full) if self.level <= 1 else (full - min(full, self.cap_s) / 2, full)

    def _due_after_fault(self, heard: Heard, bound_s: float) -> None:
        shortest, longest = (bound_s, bound_s) if heard.grave else self.wait(bound_s)
        asked_for = min(heard.retry_after_s or 0.0, 3600.0)
        self._due_in(max(shortest, asked_for), max(longest, asked_for))

    def _due_in(self, shortest: float, longest: float) -> None:
        self.due = (self.now + shortest, self.now + longest)

    def _go(self, target: str) -> None:
        was_taking_calls = self.takes_calls
        self.state, self.due = target, (inf, inf)
        self.epoch += 1
        if was_taking_calls and not self.takes_calls and self.faults_in_vain == 0:
            self.level = max(0, self.level - int((self.now - self.closed_since) / self.cap_s))
        if self.takes_calls:
            self.failed_in_a_row = 0
        if self.takes_calls and not was_taking_calls:
            self.began_full, self.history, self.closed_since = False, [], self.now


def within(retry_after_s: float) -> float:
    """A pause that was asked for, kept between a second and an hour."""
    return min(max(retry_after_s, 1.0), 3600.0)
