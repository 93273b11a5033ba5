"""A circuit breaker as an actor, on trio: one task owns one far side's state, and nobody else can.

Generic: a *question* goes in, an *answer* comes out, and what an answer says about the far side
is the owner's to judge. Imports the standard library and trio, nothing else.
"""

from actors.ask import Answered, Cause, Refusal, Refused, Reply, Unanswered
from actors.breaker import SHOWN_STATES, Event, State, Transition
from actors.circuit import Circuit
from actors.clock import LoopClock, ago_s, loop_clock, lost_s
from actors.config import Config, Judge
from actors.notices import (
    CallFailed,
    Crashed,
    Moved,
    Notice,
    Observe,
    Probed,
    Replied,
    Settled,
    Snapshot,
)
from actors.supervisor import AllQuarantined, Intensity, Supervisor
from actors.tasks import Progress
from actors.trip import (
    Consecutive,
    FailureRate,
    FailureRateOver,
    FirstFailure,
    SlowCalls,
    TripRule,
)
from actors.verdict import Fault, Neutral, Success, Throttled, Verdict

__all__ = [
    "SHOWN_STATES",
    "AllQuarantined",
    "Answered",
    "CallFailed",
    "Cause",
    "Circuit",
    "Config",
    "Consecutive",
    "Crashed",
    "Event",
    "FailureRate",
    "FailureRateOver",
    "Fault",
    "FirstFailure",
    "Intensity",
    "Judge",
    "LoopClock",
    "Moved",
    "Neutral",
    "Notice",
    "Observe",
    "Probed",
    "Progress",
    "Refusal",
    "Refused",
    "Replied",
    "Reply",
    "Settled",
    "SlowCalls",
    "Snapshot",
    "State",
    "Success",
    "Supervisor",
    "Throttled",
    "Transition",
    "TripRule",
    "Unanswered",
    "Verdict",
    "ago_s",
    "loop_clock",
    "lost_s",
]
