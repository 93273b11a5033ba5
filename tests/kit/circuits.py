"""A running circuit in front of a provider."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import trio

from actors import Circuit, Config, Intensity, Observe, Supervisor
from smsp.mail import Submission
from smsp.mail.outcome import Outcome
from smsp.providers.protocols import Provider
from smsp.sending.circuit_outcomes import OutcomeJudge


@asynccontextmanager
async def running_circuit(
    provider: Provider, observe: Observe[Submission, Outcome] = lambda _: None, **config: Any
) -> AsyncGenerator[Circuit[Submission, Outcome]]:
    """A circuit under its supervisor until the block ends, with these fields of ``Config``."""
    circuit = Circuit(
        Config(**({"name": "sendgrid"} | config)),
        call=provider.send,
        probe=provider.probe,
        judge=OutcomeJudge(),
        observe=observe,
        random=Random(0),
    )
    supervisor = Supervisor([circuit], Intensity())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield circuit
        await supervisor.drain(0.0)
        nursery.cancel_scope.cancel()
