"""Several simulated providers, one outbox and a control port, started and stopped together.

Owns their life times. Whoever uses them reads the outbox and turns the switches.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import trio

from smsp.simulator.control import Control
from smsp.simulator.journal import Journal
from smsp.simulator.loopback import HOST, LoopbackPort
from smsp.simulator.mailgun_wire import MailgunWire
from smsp.simulator.outbox import Outbox
from smsp.simulator.postmark_wire import PostmarkWire
from smsp.simulator.sendgrid_wire import SendGridWire
from smsp.simulator.server import SimulatedProvider
from smsp.simulator.wire import ProviderApi

API_KEY = "simulated-api-key"
DOMAIN = "mail.example.com"

_ANY_PORT: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is running: the providers by name, what they took, and where to control them."""

    providers: Mapping[str, SimulatedProvider]
    outbox: Outbox
    control_port: int

    @property
    def control_url(self) -> str:
        """Scheme, host and port of the control interface."""
        return f"http://{HOST}:{self.control_port}"


def mailgun_and_sendgrid(
    api_key: str = API_KEY, domain: str = DOMAIN
) -> tuple[ProviderApi, ProviderApi]:
    """The usual two providers, named ``mailgun`` and ``sendgrid``, with one API key."""
    return MailgunWire(api_key=api_key, domain=domain), SendGridWire(api_key=api_key)


def every_wire(api_key: str = API_KEY, domain: str = DOMAIN) -> tuple[ProviderApi, ...]:
    """All that there are: the usual two, and ``postmark``, which refuses single recipients."""
    return (*mailgun_and_sendgrid(api_key, domain), PostmarkWire(api_key=api_key))


@asynccontextmanager
async def run_simulators(
    wires: Sequence[ProviderApi],
    *,
    ports: Mapping[str, int] = _ANY_PORT,
    control_port: int = 0,
    journal: Journal | None = None,
    seed: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Simulation]:
    """Run a provider for each wire, on loopback, until the block is left.

    The wires' names differ. ``ports`` names the port of a provider; the system chooses the
    others. :exc:`OSError` if a port is taken. With ``tls`` they speak HTTPS; the control port never
    does. What is in the ``journal`` has been taken already,
    and what is taken is in it before it is answered.
    """
    outbox = Outbox(journal=journal)
    providers = {
        wire.name: SimulatedProvider(wire, outbox, port=ports.get(wire.name, 0), seed=seed, tls=tls)
        for wire in wires
    }
    async with trio.open_nursery() as nursery:
        for provider in providers.values():
            await nursery.start(provider.run)
        control = Control(providers, outbox)
        control_at = await nursery.start(partial(_run_control, control, control_port))
        yield Simulation(MappingProxyType(providers), outbox, control_at)
        nursery.cancel_scope.cancel()


async def _run_control(
    control: Control,
    port: int,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    with closing(LoopbackPort(port)) as door:
        listener = door.listen()
        task_status.started(door.number)
        await trio.serve_listeners(control.serve, [listener])
