"""PURE. What a breaker learns from the answer to one call.

The circuit's owner turns its answers into verdicts; the breaker knows nothing else of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Success:
    """The far side is alive and did its work, even if the work was to say no.

    ``declined`` tells a no from work that was done: it counts as a success, but does not prove
    that work would be done."""

    declined: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """The far side failed.

    ``grave`` opens the circuit whatever the trip rule says and waits the longest interval: the
    fault will not pass by itself (a revoked key, a suspended account). ``timed_out`` halves the
    in-flight limit. ``silent`` ones are no word of the far side's: it was not reached, or not
    heard. ``retry_after_s`` is the pause the far side asked for, in seconds.
    """

    reason: str
    grave: bool = False
    timed_out: bool = False
    silent: bool = False
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """The far side asks for less. No fault: with a delay the circuit opens until it is over,
    without one the in-flight limit halves."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Neutral:
    """Says nothing about the far side. ``ours``: it is we who failed."""

    reason: str
    ours: bool = False


Verdict = Success | Fault | Throttled | Neutral


def excused(verdict: Verdict) -> Verdict:
    """What a verdict comes to if we stood still meanwhile: silence is then no fault."""
    if isinstance(verdict, Fault) and verdict.silent:
        return Neutral(verdict.reason, ours=True)
    return verdict
