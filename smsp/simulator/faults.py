"""PURE. How a simulated provider misbehaves, read from the address that a message is for.

Owns the table: a recipient's local part -> a :class:`SimulatedFault`. A fault has three independent
sides: whether the provider takes the message, what it says, and how the bytes of its answer
travel. Must not know how one provider words its verdict (the wires do) nor how bytes are sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType

from smsp.simulator.wire import THROTTLE_S, SimulatedAnswer, Verdict


class Delivery(Enum):
    """How the answer travels."""

    WHOLE = auto()
    CUT = auto()
    """Status line and headers arrive, then the connection ends inside the body."""
    GARBAGE = auto()
    """Bytes that are no HTTP, then the connection ends."""
    DROPPED = auto()
    """No byte, and the connection ends."""
    NEVER = auto()
    """No byte, and the connection stays."""


@dataclass(frozen=True, slots=True)
class SimulatedFault:
    """What becomes of a message.

    ``says`` is the provider's verdict, or the answer of something in front that never asked it.
    ``delay_s`` lies between taking the message and answering.
    """

    meaning: str
    accepts: bool = False
    says: Verdict | SimulatedAnswer = Verdict.ACCEPTED
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0


_EDGE_PAGE = SimulatedAnswer(
    200,
    (("Content-Type", "text/html; charset=utf-8"), ("Server", "edge")),
    b"<!doctype html><title>Just a moment</title><h1>Checking your connection</h1>\n",
)
# The name can never resolve (RFC 2606), so a client that follows it goes nowhere.
_ELSEWHERE = SimulatedAnswer(307, (("Location", "https://elsewhere.invalid/"),))
_TOO_MANY = SimulatedAnswer(429)

NO_FAULT = SimulatedFault("takes the message and says so", accepts=True)
_SLOW = SimulatedFault("takes the message, answers after 1 s", accepts=True, delay_s=1.0)

FAULTS: Mapping[str, SimulatedFault] = MappingProxyType(
    {
        "reject": SimulatedFault("refuses the recipient (400)", says=Verdict.BAD_RECIPIENT),
        "sender": SimulatedFault("refuses the sender (403)", says=Verdict.SENDER_NOT_ALLOWED),
        "throttle": SimulatedFault(
            f"asks for a pause of {THROTTLE_S} s (429), where this provider says how long",
            says=Verdict.THROTTLED,
        ),
        "throttle-mute": SimulatedFault("answers 429, and does not say how long", says=_TOO_MANY),
        "unauthorised": SimulatedFault("refuses the API key (401)", says=Verdict.UNAUTHORISED),
        "credits": SimulatedFault(
            "says the account has run dry (Mailgun 402, SendGrid 401)", says=Verdict.NO_CREDITS
        ),
        "busy": SimulatedFault("answers 503, has not taken it", says=Verdict.BUSY),
        "error": SimulatedFault("answers 500, has not taken it", says=Verdict.ERROR),
        "accept-then-error": SimulatedFault(
            "takes it, answers 500", accepts=True, says=Verdict.ERROR
        ),
        "slow": _SLOW,
        "hang": SimulatedFault("reads it, never takes it, never answers", delivery=Delivery.NEVER),
        "accept-then-hang": SimulatedFault(
            "takes it, never answers", accepts=True, delivery=Delivery.NEVER
        ),
        "drop": SimulatedFault("reads it, closes the connection", delivery=Delivery.DROPPED),
        "accept-then-drop": SimulatedFault(
            "takes it, closes the connection", accepts=True, delivery=Delivery.DROPPED
        ),
        "cut": SimulatedFault(
            "takes it, says so, closes inside the body", accepts=True, delivery=Delivery.CUT
        ),
        "garbage": SimulatedFault("answers with bytes that are no HTTP", delivery=Delivery.GARBAGE),
        "redirect": SimulatedFault("answers 307 to elsewhere", says=_ELSEWHERE),
        "html": SimulatedFault(
            "never sees it: an edge answers 200 with a web page", says=_EDGE_PAGE
        ),
    }
)

_SLOW_FOR = re.compile(r"slow-([0-9]{1,6})ms")


def fault_for(recipients: Iterable[str]) -> SimulatedFault:
    """What becomes of a message to these addresses: the first that names a fault decides.

    Case does not matter, and neither does a sub-address: ``Reject+42@example.org`` is
    ``reject@``. ``slow-2500ms@`` is ``slow@`` with a delay of its own, up to 999,999 ms.
    """
    for address in recipients:
        fault = fault_named(address.rpartition("@")[0].partition("+")[0].lower())
        if fault is not None:
            return fault
    return NO_FAULT


def fault_named(name: str) -> SimulatedFault | None:
    """The fault of this name, ``slow-2500ms`` and its like included; none if there is none."""
    if delay := _SLOW_FOR.fullmatch(name):
        return replace(_SLOW, delay_s=int(delay[1]) / 1000)
    return FAULTS.get(name)


def fault_table() -> str:
    """The table for people to read: one line a fault, ``local part@   meaning``."""
    rows = {f"{name}@": fault.meaning for name, fault in FAULTS.items()}
    rows["slow-2500ms@"] = "the same after 2.5 s; any number of milliseconds"
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {meaning}" for name, meaning in rows.items())
