"""An SMTP connector as SMSP runs it: its provider, alone or behind a circuit.

Needs the inside: a connector is run alone, so that each phase of its dialogue can be held.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import trio

from actors import Answered, Circuit, Config, Intensity, Supervisor
from smsp.mail import Submission
from smsp.mail.outcome import Outcome
from smsp.providers.protocols import Provider
from smsp.providers.smtp import Smtp
from smsp.sending.circuit_outcomes import OutcomeJudge
from tests.kit.mails import mailbox

PATIENT_S = 30.0
"""A time that is never up."""


def account(port: int, **changes: object) -> Smtp:
    """An account with a server on loopback."""
    return Smtp(**{"host": "127.0.0.1", "port": port, "security": "none"} | changes)


@asynccontextmanager
async def provider_of(
    settings: Smtp, *, timeout_s: float = PATIENT_S, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Provider]:
    """The provider; no thread of its outlives it."""
    async with settings.provider(
        poll_address=mailbox("poll@example.com"),
        timeout_s=timeout_s,
        max_in_flight=32,
        tls=tls or ssl.create_default_context(),
    ) as provider:
        yield provider


async def probe(
    settings: Smtp, *, timeout_s: float = PATIENT_S, tls: ssl.SSLContext | None = None
) -> Outcome:
    """What a probe finds."""
    async with provider_of(settings, timeout_s=timeout_s, tls=tls) as provider:
        return await provider.probe()


async def send_through(
    settings: Smtp,
    message: Submission,
    *,
    timeout_s: float = PATIENT_S,
    tls: ssl.SSLContext | None = None,
) -> Outcome:
    """What becomes of one message, through a circuit of its own."""
    async with circuit_to(settings, timeout_s=timeout_s, tls=tls) as circuit:
        reply = await circuit.ask(message, deadline=trio.current_time() + PATIENT_S)
    assert isinstance(reply, Answered), reply
    return reply.answer


@asynccontextmanager
async def circuit_to(
    settings: Smtp,
    *,
    timeout_s: float = PATIENT_S,
    settle_s: float = PATIENT_S,
    tls: ssl.SSLContext | None = None,
    observe=lambda _: None,
) -> AsyncIterator[Circuit[Submission, Outcome]]:
    """A running circuit in front of a server."""
    async with (
        provider_of(settings, timeout_s=timeout_s, tls=tls) as provider,
        trio.open_nursery() as nursery,
    ):
        circuit = Circuit(
            Config("smtp", timeout_s=timeout_s, settle_s=settle_s),
            call=provider.send,
            probe=provider.probe,
            judge=OutcomeJudge(),
            observe=observe,
            random=Random(0),
        )
        supervisor = Supervisor([circuit], Intensity())
        await nursery.start(supervisor.run)
        yield circuit
        await supervisor.drain(0.0)
        nursery.cancel_scope.cancel()
