"""``python -m smsp.simulator``: the two usual providers, or others, as a process of their own.

Prints one line of JSON that says where everything is, then serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, closing
from functools import partial
from pathlib import Path

import click
import orjson
import trio

from smsp.simulator import (
    API_KEY,
    DOMAIN,
    Journal,
    Simulation,
    every_wire,
    run_simulators,
)

_PORT = click.IntRange(0, 65535)
_USUAL = ("mailgun", "sendgrid")
_NAMES = (*_USUAL, "postmark")


@click.command(context_settings={"show_default": True})
@click.option("--mailgun-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--sendgrid-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--postmark-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--control-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--api-key", default=API_KEY, help="What they all take for a valid key.")
@click.option("--domain", default=DOMAIN, help="Mailgun's sending domain.")
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="Just these.")
@click.option("--tls", type=Path, help="A certificate and its key, as PEM: speak HTTPS by it.")
@click.option("--journal", type=Path, help="A file that keeps what was taken, whatever ends us.")
@click.option("--seed", default=0, help="Of the faults that come by chance.")
def main(
    mailgun_port: int,
    sendgrid_port: int,
    postmark_port: int,
    control_port: int,
    api_key: str,
    domain: str,
    only: Sequence[str],
    tls: Path | None,
    journal: Path | None,
    seed: int,
) -> None:
    """Simulate Mailgun and SendGrid on loopback, or those of ``--only``, until told to stop."""
    wires = [wire for wire in every_wire(api_key, domain) if wire.name in (only or _USUAL)]
    ports = {"mailgun": mailgun_port, "sendgrid": sendgrid_port, "postmark": postmark_port}
    with ExitStack() as stack:
        kept = None if journal is None else stack.enter_context(closing(Journal(journal)))
        trio.run(
            _serve,
            partial(
                run_simulators,
                wires,
                ports=ports,
                control_port=control_port,
                journal=kept,
                seed=seed,
                tls=None if tls is None else _server_side(tls),
            ),
        )


def _server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def _serve(run: Callable[[], AbstractAsyncContextManager[Simulation]]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with run() as simulation:
            where = {f"{name}_port": one.port for name, one in simulation.providers.items()}
            where |= {"control_port": simulation.control_port}
            click.echo(orjson.dumps(where))
            async for _ in signals:
                return


if __name__ == "__main__":
    main(prog_name="python -m smsp.simulator")
