"""``python -m smsp.simulator``: the two usual providers as a process of their own.

Prints one line of JSON that says where everything is, then serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import signal
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
    mailgun_and_sendgrid,
    run_simulators,
)

_PORT = click.IntRange(0, 65535)
_NAMES = ("mailgun", "sendgrid")


@click.command(context_settings={"show_default": True})
@click.option("--mailgun-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--sendgrid-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--control-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--api-key", default=API_KEY, help="What both providers take for a valid key.")
@click.option("--domain", default=DOMAIN, help="Mailgun's sending domain.")
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="Not the other one.")
@click.option("--journal", type=Path, help="A file that keeps what was taken, whatever ends us.")
@click.option("--seed", default=0, help="Of the faults that come by chance.")
def main(
    mailgun_port: int,
    sendgrid_port: int,
    control_port: int,
    api_key: str,
    domain: str,
    only: Sequence[str],
    journal: Path | None,
    seed: int,
) -> None:
    """Simulate Mailgun and SendGrid on loopback, until told to stop."""
    wires = [
        wire for wire in mailgun_and_sendgrid(api_key, domain) if wire.name in (only or _NAMES)
    ]
    ports = {"mailgun": mailgun_port, "sendgrid": sendgrid_port}
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
            ),
        )


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
