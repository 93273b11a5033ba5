"""``python -m smsp.simulator``: the two usual providers as a process of their own.

Prints one line of JSON that says where everything is, then serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import signal

import click
import orjson
import trio

from smsp.simulator import API_KEY, DOMAIN, mailgun_and_sendgrid, run_simulators

_PORT = click.IntRange(0, 65535)


@click.command(context_settings={"show_default": True})
@click.option("--mailgun-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--sendgrid-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--control-port", type=_PORT, default=0, help="0: the system chooses.")
@click.option("--api-key", default=API_KEY, help="What both providers take for a valid key.")
@click.option("--domain", default=DOMAIN, help="Mailgun's sending domain.")
def main(
    mailgun_port: int, sendgrid_port: int, control_port: int, api_key: str, domain: str
) -> None:
    """Simulate Mailgun and SendGrid on loopback, until told to stop."""
    ports = {"mailgun": mailgun_port, "sendgrid": sendgrid_port}
    trio.run(_serve, ports, control_port, api_key, domain)


async def _serve(ports: dict[str, int], control_port: int, api_key: str, domain: str) -> None:
    wires = mailgun_and_sendgrid(api_key, domain)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with run_simulators(wires, ports=ports, control_port=control_port) as simulation:
            where = {f"{name}_port": one.port for name, one in simulation.providers.items()}
            where |= {"control_port": simulation.control_port}
            click.echo(orjson.dumps(where))
            async for _ in signals:
                return


if __name__ == "__main__":
    main(prog_name="python -m smsp.simulator")
