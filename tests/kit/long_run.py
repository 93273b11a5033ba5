"""A whole node with settings of a seed, from its HTTP face to its adapters, in front of providers
whose weather changes; without sockets, in the run's own time.

Owns what was said to callers, and holds each answer against what the providers have taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random

import trio

from smsp.settings import load
from smsp.simulator import MailgunWire, SendGridWire
from smsp.telemetry.log import Telemetry
from smsp.web.app import create_app
from smsp.web.services import Services
from smsp.wiring import application
from tests.kit.asgi import Caller
from tests.kit.far_weather import Far, Provider
from tests.kit.web import KEY, message

PROVIDERS = ("mailgun", "sendgrid")
MAX_IN_FLIGHT = 8
KEYS_MAX = 100
TRIPS = ("first-failure", "consecutive:3", "rate:50%/20", "rate:50%/30s", "slow:80%>0.3s/10")
TIMES = {"sent": {1}, "rejected": {0}, "not_sent": {0}, "unknown": {0, 1}}
"""How often the message of each outcome may have been taken."""


class Log:
    """Counts events, and keeps none."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()

    def debug(self, event: str, **_: object) -> None:
        self.events[event] += 1

    info = warning = error = debug


@dataclass
class Node:
    """A running node, what was said to its callers, and what its providers know."""

    services: Services
    far: Far
    random: Random
    log: Log
    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    untrue: list[object] = field(default_factory=list)
    asked: int = 0
    _numbers: count = field(default_factory=count)

    def __post_init__(self) -> None:
        self._app = create_app(self.services)

    async def send(self, to: str, deadline_s: float, **fields: str) -> None:
        """One message of one caller, who may repeat it."""
        key = f"key-{next(self._numbers)}"
        body = message(toaddress=to, **fields)
        headers = {
            "Idempotency-Key": key,
            "SMSP-Deadline": f"{deadline_s:g}",
            "Content-Length": str(len(body)),
        }
        for _ in range(1 + (self.random.random() < 0.1)):
            caller = Caller(self._app, headers=headers)
            caller.says(body)
            await caller.exchange()
            self.asked += 1
            self._hear(caller)

    def times_taken(self, message_id: str) -> int:
        """By all providers together."""
        return sum(one.taken[message_id] for one in self.far.providers.values())

    def _hear(self, caller: Caller) -> None:
        answer = caller.json
        outcome = answer.get("outcome")
        if outcome is None:
            # Its time was up before it was read, or every key is of a message under way.
            self.untrue += [answer] * (answer["code"] not in ("slow_upload", "in_progress", "busy"))
            return
        if self.times_taken(answer["id"]) not in TIMES[outcome]:
            self.untrue.append(answer)
        if "idempotency-replayed" not in caller.headers:
            self.outcomes[outcome] += 1
            self.attempts.update((one["provider"], one["outcome"]) for one in answer["attempts"])


@asynccontextmanager
async def running_node(seed: int) -> AsyncIterator[Node]:
    """A node with settings, load and weather of this seed."""
    random, log = Random(seed), Log()
    mailgun = MailgunWire(api_key="mailgun-secret", domain="mg.example.org")
    providers = {
        "api.mailgun.net": Provider(mailgun, MAX_IN_FLIGHT),
        "api.sendgrid.com": Provider(SendGridWire(api_key="sendgrid-secret"), MAX_IN_FLIGHT),
    }
    far = Far(providers, random)
    settings = load(_environ(seed))
    async with (
        application(settings, Telemetry(log), far.transport_for) as built,
        trio.open_nursery() as nursery,
    ):
        for place, provider in enumerate(providers.values()):
            provider.takes_mail = _closed(built.services, place)
        await nursery.start(built.supervisor.run)
        built.services.readiness.started = True
        yield Node(built.services, far, random, log)
        await built.supervisor.drain(60.0)
        nursery.cancel_scope.cancel()


def _environ(seed: int) -> dict[str, str]:
    return {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@mg.example.org",
        "SMSP_MG_API_KEY": "mailgun-secret",
        "SMSP_MG_DOMAIN": "mg.example.org",
        "SMSP_SG_API_KEY": "sendgrid-secret",
        "SMSP_CALL_TIMEOUT": "0.5",
        "SMSP_POLL_INTERVAL": "1",
        "SMSP_POLL_INTERVAL_MAX": "4",
        "SMSP_SETTLE_TIMEOUT": "5",
        "SMSP_MAX_IN_FLIGHT": str(MAX_IN_FLIGHT),
        "SMSP_IDEMPOTENCY_KEYS": str(KEYS_MAX),
        "SMSP_ROUTING": ("priority", "weighted")[seed % 2],
        "SMSP_TRIP": TRIPS[seed % len(TRIPS)],
    }


def _closed(services: Services, place: int):
    """Whether a circuit takes mail, or did so a moment ago: who was let in then is on its way."""

    def closed() -> bool:
        shown = services.dispatcher.snapshots()[place]
        return shown.state == "closed" or shown.since == trio.current_time()

    return closed
