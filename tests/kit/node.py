"""A whole node without a network: the HTTP face, the ledger, the dispatcher and the actors are the
product's own; only the provider is played.

``running_node`` starts one. Callers come as ``tests.kit.asgi`` plays them, and may leave.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import trio

from actors import Circuit, Config, Intensity, Notice, Progress, Supervisor
from smsp.dispatcher import Destination, Dispatcher
from smsp.judgement import OutcomeJudge
from smsp.ledger import Ledger
from smsp.mail import Send
from smsp.outcome import Outcome, Sent
from smsp.providers.protocols import Capabilities
from smsp.routing import Candidate, Failover
from smsp.web.app import create_app
from smsp.web.services import Services
from tests.kit.asgi import Caller
from tests.kit.web import fake_services, message

TIMEOUT_S, SETTLE_S = 2.0, 30.0


@dataclass
class Act:
    """What the provider does with one message: works, has it, works on, says something.

    It takes the message when it has it, if ``takes``; None: if it will say so. Times in seconds.
    """

    says: Outcome = field(default_factory=lambda: Sent("m-1"))
    before_s: float = 0.1
    after_s: float = 0.1
    takes: bool | None = None


class PlayedProvider:
    """Plays its acts in order; when they have run out, every message is taken and said to be."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.taken: list[Send] = []
        self.asked = 0

    async def send(self, send: Send, progress: Progress) -> Outcome:
        """Take a message, or not."""
        self.asked += 1
        act = self.acts.pop(0) if self.acts else Act()
        await trio.sleep(act.before_s)
        progress.commit()
        if isinstance(act.says, Sent) if act.takes is None else act.takes:
            self.taken.append(send)
        await trio.sleep(act.after_s)
        return act.says

    async def probe(self) -> Outcome:
        """It is alive."""
        await trio.lowlevel.checkpoint()
        return Sent(None)


@dataclass
class Node:
    """A running node. ``provider`` has the truth."""

    services: Services
    provider: PlayedProvider
    supervisor: Supervisor

    def __post_init__(self) -> None:
        self._app = create_app(self.services)

    @property
    def ledger(self) -> Ledger:
        """What it knows of messages."""
        return self.services.ledger

    def caller(self, key: str | None, **changes: object) -> Caller:
        """Somebody who posts a message, whole, with this ``Idempotency-Key``."""
        headers: Mapping[str, str] = {} if key is None else {"Idempotency-Key": key}
        caller = Caller(self._app, headers=headers)
        caller.says(message(**changes))
        return caller

    async def post(self, key: str | None, **changes: object) -> Caller:
        """Post a message and wait for the answer."""
        caller = self.caller(key, **changes)
        await caller.exchange()
        return caller

    async def insist(self, key: str) -> Caller:
        """Post the message as a good client does: again while it is not known, or not sent."""
        while True:
            answered = await self.post(key)
            if answered.status not in {409, 503}:
                return answered
            await trio.sleep(float(answered.headers["retry-after"]))

    async def stop(self) -> None:
        """What SIGTERM does: refuse what is new, let what runs end, and leave."""
        self.services.readiness.draining = True
        await self.supervisor.drain()


@asynccontextmanager
async def running_node(*acts: Act, max_in_flight: int = 8) -> AsyncGenerator[Node, None]:
    """A node whose only provider plays these acts, until the block ends; then it has stopped."""
    provider = PlayedProvider(*acts)
    ledger = Ledger(100)

    def observe(notice: Notice[Send, Outcome]) -> None:
        ledger.observe(notice, trio.current_time())

    circuit: Circuit[Send, Outcome] = Circuit(
        Config(
            "mailgun",
            timeout_s=TIMEOUT_S,
            settle_s=SETTLE_S,
            max_in_flight=max_in_flight,
        ),
        call=provider.send,
        probe=provider.probe,
        judge=OutcomeJudge(),
        observe=observe,
        random=Random(0),
    )
    candidate = Candidate("mailgun", Capabilities())
    dispatcher = Dispatcher({"mailgun": Destination(circuit, candidate)}, Failover.SAFE)
    services = fake_services(mailroom=dispatcher, ledger=ledger, new_id=_ids().__next__)
    supervisor = Supervisor([circuit], Intensity())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        node = Node(services, provider, supervisor)
        yield node
        await node.stop()
        nursery.cancel_scope.cancel()


def _ids() -> Iterator[UUID]:
    """A new id for every message."""
    number = 0
    while True:
        number += 1
        yield UUID(int=number)
