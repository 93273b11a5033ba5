"""Settings become a running application: clients, circuits, the dispatcher, the HTTP application.

The only place that knows how everything fits together. Starts nothing by itself: ``serve`` runs
the supervisor, ``check`` only asks the providers for a probe.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from random import Random

import trio

from actors import (
    Circuit,
    Config,
    Intensity,
    Notice,
    Observe,
    Settled,
    Supervisor,
    loop_clock,
)
from smsp.admission.budget import ByteBudget
from smsp.admission.keyring import Keyring
from smsp.mail import Mailbox, Submission
from smsp.mail.outcome import Outcome, Reason
from smsp.providers import KINDS
from smsp.providers.dns import Resolver
from smsp.providers.http.provider import TransportFor, http_provider
from smsp.providers.http.transport import Transport
from smsp.providers.kinds import Capabilities, Connector, Provider
from smsp.providers.mock import MockProvider
from smsp.providers.probes import ProbedByMessage, StatusForbidden, dummy
from smsp.providers.security_layer import client_context
from smsp.providers.shortage import Spared
from smsp.sending.circuit_outcomes import OutcomeJudge
from smsp.sending.dispatcher import Destination, Dispatcher
from smsp.sending.ledger import Ledger
from smsp.sending.routing import Candidate, Failover
from smsp.settings import ProviderSettings, Settings
from smsp.telemetry.log import Telemetry
from smsp.telemetry.metrics import Metrics
from smsp.telemetry.watching import Watching
from smsp.web.services import Services

PROBE_PHASES = 7
"""A probe has up to two steps of three phases each; a whole one may take so many call times."""
MAILBOX_CAPACITY_MIN = 256
UNLIMITED = Capabilities(smtputf8=True)


def _told_nobody(_provider: str, _reason: Reason) -> None:
    pass


@dataclass(frozen=True)
class Application:
    """Everything that is running, or about to."""

    supervisor: Supervisor
    services: Services


@asynccontextmanager
async def application(
    settings: Settings, telemetry: Telemetry, transport_for: TransportFor = Transport
) -> AsyncIterator[Application]:
    """Build everything inside a trio run; transports are closed at the end."""
    watching, ledger = Watching(), Ledger(settings.idempotency_keys)
    body_budget = ByteBudget(settings.max_buffered_bytes)
    circuits: dict[str, Circuit[Submission, Outcome]] = {}
    metrics = Metrics(
        product_version(),
        lambda: [circuit.snapshot for circuit in circuits.values()],
        lambda: (ledger.keys, ledger.forgotten),
        _loop_lag_s,
        telemetry.lines_dropped,
        [one.name for one in settings.providers],
    )

    def observe(notice: Notice[Submission, Outcome]) -> None:
        telemetry.observe(notice)
        metrics.observe(notice)
        watching.observe(notice)
        ledger.observe(notice, trio.current_time())
        if isinstance(notice, Settled):
            body_budget.settled(notice.question.id, notice.circuit)

    async with providers(settings, telemetry.status_forbidden, transport_for) as built:
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
        services = _services(
            settings, dispatcher, telemetry, watching, ledger, metrics, body_budget
        )
        yield Application(supervisor, services)


@asynccontextmanager
async def providers(
    settings: Settings,
    status_forbidden: Callable[[str, Reason], None] = _told_nobody,
    transport_for: TransportFor = Transport,
) -> AsyncIterator[Mapping[str, Provider]]:
    """Every configured provider by its name, with transports of its own.

    ``status_forbidden`` is told, once for each provider, that a probe passes over its status call.
    """
    trio.socket.set_custom_hostname_resolver(Resolver())
    tls = client_context()
    async with AsyncExitStack() as stack:
        built: dict[str, Provider] = {}
        for one in settings.providers:
            told = partial(status_forbidden, one.name)
            provider = _provider(one, settings.poll_message_address, tls, told, transport_for)
            built[one.name] = await stack.enter_async_context(provider)
        yield built


def node_name() -> str:
    """How this node calls itself in logs."""
    return socket.gethostname()


def product_version() -> str:
    """The installed version of SMSP."""
    return version("smsp")


def _provider(
    one: ProviderSettings,
    poll_address: Mailbox | None,
    tls: ssl.SSLContext,
    status_forbidden: StatusForbidden,
    transport_for: TransportFor,
) -> AbstractAsyncContextManager[Provider]:
    if one.own is None:
        return nullcontext(MockProvider())
    assert poll_address is not None, "required outside mock mode"
    if isinstance(one.own, Connector):
        return _connected(one, one.own, poll_address, tls)
    return http_provider(
        one.own,
        poll_address=poll_address,
        timeout_s=one.timeout_s,
        max_in_flight=one.max_in_flight,
        tls=tls,
        base_url=one.base_url,
        probe_mode=one.probe,
        status_forbidden=status_forbidden,
        transport_for=transport_for,
    )


@asynccontextmanager
async def _connected(
    one: ProviderSettings, connector: Connector, poll_address: Mailbox, tls: ssl.SSLContext
) -> AsyncIterator[Provider]:
    by_message = one.probe == "message"
    # A probe that goes the way of mail has a place of its own there.
    places = one.max_in_flight + 1 if by_message else one.max_in_flight
    async with connector.provider(
        poll_address=poll_address, timeout_s=one.timeout_s, max_in_flight=places, tls=tls
    ) as provider:
        poll = dummy(poll_address, connector.capabilities)
        yield ProbedByMessage(provider, poll) if by_message else provider


def _circuit(
    one: ProviderSettings,
    settings: Settings,
    provider: Provider,
    observe: Observe[Submission, Outcome],
) -> Circuit[Submission, Outcome]:
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
    spared = Spared(provider)
    return Circuit(
        config,
        call=spared.send,
        probe=spared.probe,
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
    body_budget: ByteBudget,
) -> Services:
    return Services(
        dispatcher=dispatcher,
        keyring=Keyring(settings.known_keys),
        log=telemetry.log,
        kinds={one.name: one.kind for one in settings.providers},
        version=product_version(),
        node=node_name(),
        max_body_bytes=settings.max_body_bytes,
        body_budget=body_budget,
        ledger=ledger,
        metrics=metrics,
        trusted_proxies=settings.trusted_proxies,
        cors_origins=settings.cors_origins,
        control_headers=_control_headers(settings),
        watching=watching,
    )


def _loop_lag_s() -> float:
    clock = loop_clock()
    return 0.0 if clock is None else clock.lag_s


def _control_headers(settings: Settings) -> tuple[str, ...]:
    """Those of every kind of ours, used or not, and of the kinds of others that are used."""
    used = (type(one.own) for one in settings.providers if one.own is not None)
    kinds = dict.fromkeys((*KINDS.values(), *used))
    return tuple(header for kind in kinds for header in kind.control_headers)
