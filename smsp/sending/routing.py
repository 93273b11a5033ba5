"""PURE. Which providers may take a message, in which order, and when the next one may try."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import assert_never

from smsp.mail import Mail
from smsp.mail.dispatched import Route, Skipped
from smsp.mail.outcome import AttemptRefused, NotSent, Reason, Rejected, Result, Sent, Unknown
from smsp.providers.kinds import Capabilities
from smsp.sending.eligibility import why_not_carried


class Failover(StrEnum):
    """When the same request may go on to the next provider. Past a circuit that refuses: always."""

    OPEN = "open"
    """Only past circuits that refuse."""
    SAFE = "safe"
    """Also after ``not_sent``: the proof is what allows it."""
    ANY = "any"
    """Also after ``unknown``: this may send a message twice."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configured provider, as routing sees it.

    ``from_domains``: the only sender domains it is used for; empty: all. ``weight``: its share of
    the messages when routing is weighted; 0: only after all others.
    """

    name: str
    capabilities: Capabilities
    from_domains: frozenset[str] = frozenset()
    weight: int = 1


def route(mail: Mail, candidates: Iterable[Candidate]) -> Route:
    """The way of one message through the providers, in their order."""
    names: list[str] = []
    skipped: list[Skipped] = []
    for candidate in candidates:
        reason = why_not(mail, candidate)
        if reason is None:
            names.append(candidate.name)
        else:
            skipped.append(Skipped(candidate.name, reason))
    return Route(tuple(names), tuple(skipped))


def why_not(mail: Mail, candidate: Candidate) -> Reason | None:
    """Why this provider is not asked to take this message, or None if it is."""
    if mail.provider not in (None, candidate.name):
        return Reason.NOT_PINNED
    if candidate.from_domains and mail.sender.ascii_domain not in candidate.from_domains:
        return Reason.SENDER_NOT_ROUTED
    return why_not_carried(mail, candidate.capabilities)


def by_weight(candidates: Sequence[Candidate], random: Random) -> list[Candidate]:
    """A random order in which each comes first with the chance that its weight has of the sum.

    After P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir" (2006): sorted
    by u**(1/weight), which also orders the rest by their weights.
    """

    def rank(candidate: Candidate) -> float:
        return random.random() ** (1 / candidate.weight) if candidate.weight else -1.0

    return sorted(candidates, key=rank, reverse=True)


def may_go_on(result: Result, failover: Failover) -> bool:
    """Whether the next provider may be asked after this result."""
    match result:
        case Sent() | Rejected():
            return False
        case AttemptRefused():
            return True
        case NotSent():
            return failover is not Failover.OPEN
        case Unknown():
            return failover is Failover.ANY
        case _:
            assert_never(result)
