"""What the HTTP handlers are given. Wiring makes one; the handlers change nothing in it but
through its methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal, Protocol
from uuid import UUID, uuid4

import trio

from actors import Snapshot, ago_s
from smsp.admission.budget import ByteBudget
from smsp.admission.checks import Admission
from smsp.admission.keyring import Keyring
from smsp.admission.rates import Failures
from smsp.mail import Mail, Submission
from smsp.mail.dispatched import Route
from smsp.sending.ledger import Ledger
from smsp.sending.steps import Answer
from smsp.telemetry.log import Log
from smsp.telemetry.metrics import Metrics
from smsp.telemetry.watching import Watching
from smsp.web.client_address import Network
from smsp.web.intake import Intake

READERS_MAX = 2
"""Threads that decode large bodies; more would only take turns at the interpreter."""


class Dispatching(Protocol):
    """What handlers need of the dispatcher."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def snapshots(self) -> tuple[Snapshot, ...]: ...

    def route(self, mail: Mail) -> Route: ...

    async def order(
        self, name: str, state: Literal["open", "closed", "auto"], for_s: float | None
    ) -> Snapshot: ...

    async def send(
        self, submission: Submission, fingerprint: bytes, *, deadline: float, ledger: Ledger
    ) -> Answer: ...


@dataclass
class Readiness:
    """Where the process is in its life. Changed by ``serve`` only."""

    started: bool = False
    draining: bool = False


def _few_threads() -> trio.CapacityLimiter:
    return trio.CapacityLimiter(READERS_MAX)


@dataclass(frozen=True)
class Services:
    """Everything behind the routes.

    ``kinds`` tells each provider's kind by its name. ``reading`` bounds the threads
    that decode large bodies. ``wall_clock`` gives the time of day, for
    showing moments of the run's clock; nothing is decided by it.
    """

    dispatcher: Dispatching
    keyring: Keyring
    log: Log
    kinds: dict[str, str]
    version: str
    node: str
    max_body_bytes: int
    body_budget: ByteBudget
    ledger: Ledger
    metrics: Metrics
    failures: Failures = field(default_factory=Failures)
    trusted_proxies: tuple[Network, ...] = ()
    cors_origins: tuple[str, ...] = ("*",)
    control_headers: tuple[str, ...] = ()
    readiness: Readiness = field(default_factory=Readiness)
    intake: Intake = field(default_factory=Intake)
    watching: Watching = field(default_factory=Watching)
    reading: trio.CapacityLimiter = field(default_factory=_few_threads)
    new_id: Callable[[], UUID] = uuid4
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def admission(self) -> Admission:
        """The checks of every way in, over the keys, the failures and the budget above."""
        return Admission(self.keyring, self.failures, self.body_budget)

    def moment(self, at: float) -> str:
        """A moment of the run's clock as RFC 3339 UTC, to the millisecond."""
        when = self.wall_clock() + timedelta(seconds=-ago_s(at))
        return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
