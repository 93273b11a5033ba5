"""How a provider is probed while its circuit is open.

Owns the dummy message, what each ``SMSP_<NAME>_PROBE`` asks, which steps may be passed over, and
what is remembered from one probe to the next. Must not know httpx, nor any provider's words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import trio

from actors import Progress
from smsp.mail import Mail, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.kinds import Adapter, Capabilities, ProbeCall, Provider

ProbeMode = Literal["auto", "message", "status"]
"""``auto``: the adapter's own steps. ``message``: the dummy message, really sent to the poll
address. ``status``: of the adapter's steps, those that send nothing."""

POLL_ID = UUID(int=0)
"""The nil UUID: no message of a caller's has it, so a poll is recognised wherever it turns up."""

StatusForbidden = Callable[[Reason], None]
"""Told, once, that our credentials may not make a provider's status call."""

_NO_STEPS = NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
_MAY_NOT_ASK = frozenset({Reason.UNAUTHORISED, Reason.FORBIDDEN})


def poll(address: Mailbox) -> Submission:
    """The dummy message from ``address`` to itself."""
    return Submission(POLL_ID, Mail(sender=address, to=(address,), subject="poll", text="poll"))


def steps_of(adapter: Adapter, mode: ProbeMode, address: Mailbox) -> tuple[ProbeCall, ...]:
    """The steps of a probe, in order; there are none where a mode has nothing to ask."""
    match mode:
        case "auto":
            return adapter.probe(address)
        case "message":
            call = adapter.encode(dummy(address, adapter.capabilities))
            return (ProbeCall(call, adapter.decode, sends=True),)
        case "status":
            return tuple(step for step in adapter.probe(address) if not step.sends)


def dummy(address: Mailbox, limits: Capabilities) -> Submission:
    """The poll as it is really sent: with an HTML body where a provider takes no mail without."""
    send = poll(address)
    return replace(send, mail=replace(send.mail, html="poll")) if limits.needs_html else send


class Probing:
    """One provider's probes, and whether its account is in doubt.

    A key of least privilege may send and ask for nothing else. So a status call that it may not
    make is passed over, if a step that sends follows; but not after a message has failed by the
    account's own fault (a revoked key, say): the refusal may then be that fault. Only a message
    or a probe that passes ends the doubt.
    """

    def __init__(self, status_forbidden: StatusForbidden) -> None:
        self._status_forbidden = status_forbidden
        self._told = False
        self._account_in_doubt = False

    def learn(self, outcome: Outcome) -> None:
        """What became of a real message."""
        match outcome:
            case Sent() | Rejected():
                self._account_in_doubt = False
            case NotSent(blame=Blame.ACCOUNT):
                self._account_in_doubt = True
            case NotSent() | Unknown():
                pass

    async def run(
        self, steps: Sequence[ProbeCall], ask: Callable[[ProbeCall], Awaitable[Outcome]]
    ) -> Outcome:
        """Ask every step in order, until one does not pass. Without any, nothing is proved."""
        outcome: Outcome = _NO_STEPS
        for position, step in enumerate(steps, start=1):
            outcome = await ask(step)
            if isinstance(outcome, Sent | Rejected):
                continue
            a_send_follows = any(later.sends for later in steps[position:])
            if step.sends or not a_send_follows or not self._is_excused(outcome):
                return outcome
        if steps:
            self._account_in_doubt = False
        return outcome

    def _is_excused(self, outcome: Outcome) -> bool:
        if not isinstance(outcome, NotSent) or outcome.reason not in _MAY_NOT_ASK:
            return False
        if self._account_in_doubt:
            return False
        if not self._told:
            self._told = True
            self._status_forbidden(outcome.reason)
        return True


@dataclass(frozen=True, slots=True)
class ProbedByMessage:
    """Any provider, probed by the dummy message on the way that real mail takes."""

    provider: Provider
    dummy: Submission

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Make the attempt."""
        return await self.provider.send(submission, progress)

    async def probe(self) -> Outcome:
        """Send the dummy message. Whoever probes bounds the time in all."""
        unwatched = Progress(0, trio.CancelScope(), lambda _committed: None)
        return await self.provider.send(self.dummy, unwatched)
