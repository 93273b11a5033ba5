"""Puts messages to circuits: the circuits in routing order, and the driver of a send that awaits.

Decides nothing: when to go on and when to stop is :mod:`smsp.sending.steps`'s. Owns no state:
circuits hold theirs, and what is known of a message is in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal, Protocol

import trio

from actors import Circuit, Reply, Snapshot, lost_s
from smsp.mail import Mail, Submission
from smsp.mail.dispatched import Route
from smsp.mail.outcome import Outcome
from smsp.sending.ledger import Ledger, Record
from smsp.sending.routing import Candidate, Failover, by_weight, route
from smsp.sending.steps import Answer, AskCircuit, SendSteps, Settle


@dataclass(frozen=True, slots=True)
class Destination:
    """A circuit, and what routing must know of the provider behind it."""

    circuit: Circuit[Submission, Outcome]
    candidate: Candidate


class Dispatcher:
    """Puts messages to circuits, in the order of ``destinations`` or, given a ``random``, by the
    weights of their candidates."""

    def __init__(
        self,
        destinations: Mapping[str, Destination],
        failover: Failover,
        random: Random | None = None,
    ) -> None:
        self._destinations = dict(destinations)
        self._failover = failover
        self._random = random

    @property
    def names(self) -> tuple[str, ...]:
        """The providers, in routing order."""
        return tuple(self._destinations)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every circuit's last snapshot, in routing order."""
        return tuple(one.circuit.snapshot for one in self._destinations.values())

    def route(self, mail: Mail) -> Route:
        """Which providers would be asked to take this message, and which not."""
        candidates = [one.candidate for one in self._destinations.values()]
        if self._random is not None:
            candidates = by_weight(candidates, self._random)
        return route(mail, candidates)

    async def order(
        self, name: str, state: Literal["open", "closed", "auto"], for_s: float | None
    ) -> Snapshot:
        """Carry out an operator's order; the snapshot that shows it. ``name`` is a known one."""
        circuit = self._destinations[name].circuit
        if state == "auto":
            return await circuit.release()
        until = inf if for_s is None else trio.current_time() + for_s
        return await circuit.hold(open=state == "open", until=until)

    async def send(
        self, submission: Submission, fingerprint: bytes, *, deadline: float, ledger: Ledger
    ) -> Answer:
        """Try to send; never raises for what providers do, and is over by ``deadline``.

        ``fingerprint`` is the message's digest; empty for one without a key.
        """
        steps = SendSteps(submission, fingerprint, deadline=deadline, failover=self._failover)
        return await drive(steps, ledger, self)

    async def ask(self, step: AskCircuit) -> Reply[Outcome]:
        """What the circuit of that provider replies."""
        circuit = self._destinations[step.provider].circuit
        return await circuit.ask(step.submission, deadline=step.deadline)

    def snapshot_of_each(self) -> dict[str, Snapshot]:
        """Every circuit's last snapshot, by the provider's name in routing."""
        return {name: one.circuit.snapshot for name, one in self._destinations.items()}


class Circuits(Protocol):
    """What a send needs of those who send."""

    def route(self, mail: Mail) -> Route: ...

    async def ask(self, step: AskCircuit) -> Reply[Outcome]: ...

    def snapshot_of_each(self) -> Mapping[str, Snapshot]: ...


async def drive(steps: SendSteps, ledger: Ledger, circuits: Circuits) -> Answer:
    """Carry out what the machine asks for, and tell it what came, until it has an answer.

    Nothing in here can be cancelled: the deadline bounds it.
    """
    claim = steps.begin()
    with trio.CancelScope(shield=True):
        now = trio.current_time()
        beginning = ledger.begin(claim, now)
        try:
            step = steps.on_claimed(beginning, route=circuits.route, now=now, lost_s=lost_s())
            while isinstance(step, AskCircuit):
                reply = await circuits.ask(step)
                step = steps.on_reply(
                    reply,
                    now=trio.current_time(),
                    lost_s=lost_s(),
                    snapshots=circuits.snapshot_of_each,
                )
        except BaseException:
            _settle(steps.on_crash(trio.current_time()), ledger)
            raise
        if isinstance(step, Settle):
            step = steps.on_settled(_settle(step, ledger))
    assert isinstance(step, Answer)
    return step


def _settle(step: Settle, ledger: Ledger) -> Record:
    return ledger.end(step.done.id, step.done, trio.current_time())
