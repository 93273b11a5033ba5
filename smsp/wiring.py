"""Settings become a running house: clients, circuits, the dispatcher, the HTTP application.

The only place that knows how everything fits together. Starts nothing by itself: ``serve`` runs
the supervisor, ``check`` only asks the providers for a probe.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from random import Random

import trio

from actors import Circuit, Config, Intensity, Notice, Observe, Supervisor
from smsp.dispatcher import Destination, Dispatcher
from smsp.judgement import OutcomeJudge
from smsp.ledger import Ledger
from smsp.mail import Send
from smsp.metrics import Metrics
from smsp.outcome import Outcome
from smsp.providers import KINDS
from smsp.providers.http import http_provider
from smsp.providers.mock import MockProvider
from smsp.providers.names import Resolver
from smsp.providers.protocols import Capabilities, Connector, Provider
from smsp.routing import Candidate, Failover
from smsp.settings import ProviderSettings, Settings
from smsp.telemetry import Telemetry
from smsp.web.auth import Key, Keyring, digest_of
from smsp.web.budget import ByteBudget
from smsp.web.services import Services
from smsp.web.watching import Watching

PROBE_PHASES = 7
"""A probe has up to two steps of three phases each; a whole one may take so many call times."""
MAILBOX_CAPACITY_MIN = 256
UNLIMITED = Capabilities(smtputf8=True)


@dataclass(frozen=True)
class House:
    """Everything that is running, or about to."""

    supervisor: Supervisor
    services: Services


@asynccontextmanager
async def house(settings: Settings, telemetry: Telemetry) -> AsyncIterator[House]:
    """Build everything inside a trio run; clients are closed at the end."""
    watching, ledger = Watching(), Ledger(settings.idempotency_keys)
    circuits: dict[str, Circuit[Send, Outcome]] = {}
    metrics = Metrics(
        product_version(),
        lambda: [circuit.snapshot for circuit in circuits.values()],
        lambda: (ledger.keys, ledger.forgotten),
    )

    def observe(notice: Notice[Send, Outcome]) -> None:
        telemetry.observe(notice)
        metrics.observe(notice)
        watching.observe(notice)
        ledger.observe(notice, trio.current_time())

    async with providers(settings) as built:
        for one in settings.providers:
            circuits[one.name] = _circuit(one, settings, built[one.name], observe)
        destinations = {
            one.name: Destination(circuits[one.name], _candidate(one)) for one in settings.providers
        }
        weighted = settings.routing == "weighted"
        dispatcher = Dispatcher(
            destinations,
            Failover(settings.failover),
            Random() if weighted else None,  # noqa: S311 - a fair share, not a secret
        )
        supervisor = Supervisor(circuits.values(), Intensity())
        services = _services(settings, dispatcher, telemetry, watching, ledger, metrics)
        yield House(supervisor, services)


@asynccontextmanager
async def providers(settings: Settings) -> AsyncIterator[Mapping[str, Provider]]:
    """Every configured provider by its name, with clients of its own."""
    trio.socket.set_custom_hostname_resolver(Resolver())
    tls = ssl.create_default_context()
    async with AsyncExitStack() as stack:
        yield {one.name: await _provider(one, settings, tls, stack) for one in settings.providers}


def node_name() -> str:
    """How this node calls itself in logs."""
    return socket.gethostname()


def product_version() -> str:
    """The installed version of SMSP."""
    return version("smsp")


async def _provider(
    one: ProviderSettings, settings: Settings, tls: ssl.SSLContext, stack: AsyncExitStack
) -> Provider:
    if one.own is None:
        return MockProvider()
    assert settings.poll_message_address is not None
    if isinstance(one.own, Connector):
        connected = one.own.provider(
            poll_address=settings.poll_message_address,
            timeout_s=one.timeout_s,
            max_in_flight=one.max_in_flight,
            tls=tls,
        )
        return await stack.enter_async_context(connected)
    return await stack.enter_async_context(
        http_provider(
            one.own,
            poll_address=settings.poll_message_address,
            timeout_s=one.timeout_s,
            max_in_flight=one.max_in_flight,
            tls=tls,
            base_url=one.base_url,
        )
    )


def _circuit(
    one: ProviderSettings,
    settings: Settings,
    provider: Provider,
    observe: Observe[Send, Outcome],
) -> Circuit[Send, Outcome]:
    config = Config(
        name=one.name,
        timeout_s=one.timeout_s,
        settle_s=settings.settle_timeout_s,
        probe_s=PROBE_PHASES * one.timeout_s,
        base_s=one.poll_interval_s,
        cap_s=one.poll_interval_max_s,
        max_in_flight=one.max_in_flight,
        mailbox_capacity=max(MAILBOX_CAPACITY_MIN, one.max_in_flight),
        trip=one.trip,
    )
    return Circuit(
        config,
        call=provider.send,
        probe=provider.probe,
        judge=OutcomeJudge(),
        observe=observe,
        random=Random(),  # noqa: S311 - jitter, not a secret
    )


def _candidate(one: ProviderSettings) -> Candidate:
    capabilities = UNLIMITED if one.own is None else one.own.capabilities
    return Candidate(one.name, capabilities, frozenset(one.from_domains), one.weight)


def _services(
    settings: Settings,
    dispatcher: Dispatcher,
    telemetry: Telemetry,
    watching: Watching,
    ledger: Ledger,
    metrics: Metrics,
) -> Services:
    key = Key("SMSP_API_KEY", digest_of(settings.api_key.get_secret_value()))
    return Services(
        mailroom=dispatcher,
        keyring=Keyring([key]),
        log=telemetry.log,
        kinds={one.name: one.kind for one in settings.providers},
        version=product_version(),
        node=node_name(),
        max_body_bytes=settings.max_body_bytes,
        body_budget=ByteBudget(settings.max_buffered_bytes),
        ledger=ledger,
        metrics=metrics,
        cors_origins=settings.cors_origins,
        control_headers=tuple(
            header for adapter in KINDS.values() for header in adapter.control_headers
        ),
        watching=watching,
    )
