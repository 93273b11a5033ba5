"""``smsp demo``: SMSP in front of two simulated providers, all real HTTP on loopback."""

from __future__ import annotations

from collections.abc import Mapping

from smsp.serve import serve
from smsp.settings import load
from smsp.simulator import (
    API_KEY,
    DOMAIN,
    Simulation,
    fault_table,
    mailgun_and_sendgrid,
    run_simulators,
)
from smsp.telemetry.log import ProcessLog

DEMO_KEY = "demo-key-for-loopback-only"
POLL_INTERVAL_S = 2


async def demo(host: str, port: int, out: ProcessLog) -> int:
    """Run until told to stop; ``out`` gets the text for the user, too. The exit status."""
    async with run_simulators(mailgun_and_sendgrid()) as simulation:
        settings = load(_environment(host, port, simulation))

        def introduce(url: str) -> None:
            out.write(f"{_introduction(url, simulation)}\n".encode())

        return await serve(
            settings,
            out.log,
            on_listening=introduce,
            read_keys=lambda: settings.known_keys,
            log_lines_dropped=out.lines_dropped,
        )


def _environment(host: str, port: int, simulation: Simulation) -> Mapping[str, str]:
    """The demo is configured as any SMSP is."""
    return {
        "SMSP_API_KEY": DEMO_KEY,
        "SMSP_HOST": host,
        "SMSP_PORT": str(port),
        "SMSP_POLL_MESSAGE_ADDRESS": f"poll@{DOMAIN}",
        "SMSP_POLL_INTERVAL": str(POLL_INTERVAL_S),
        "SMSP_PROVIDERS": "mailgun,sendgrid",
        "SMSP_MAILGUN_API_KEY": API_KEY,
        "SMSP_MAILGUN_DOMAIN": DOMAIN,
        "SMSP_MAILGUN_BASE_URL": simulation.providers["mailgun"].url,
        "SMSP_SENDGRID_API_KEY": API_KEY,
        "SMSP_SENDGRID_BASE_URL": simulation.providers["sendgrid"].url,
    }


def _introduction(url: str, simulation: Simulation) -> str:
    control = simulation.control_url
    key = f"-H 'X-API-KEY: {DEMO_KEY}'"
    message = (
        f'{{"fromaddress": "shop@{DOMAIN}", "toaddress": "you@example.org", '
        '"subject": "Your receipt", "plaintextbody": "Thank you."}'
    )
    return f"""
SMSP is in front of two simulated providers, mailgun and then sendgrid. Nothing leaves this machine.

Send a mail:
  curl -s {url}/email {key} \\
    -H 'Content-Type: application/json' \\
    -d '{message}'

Break a provider (down, hang or stall), and mend it:
  curl -X PUT -d down {control}/providers/mailgun
  curl -X PUT -d up {control}/providers/mailgun

Watch the actors in a browser, with the key {DEMO_KEY}:
  {url}/

Or here; and see what the providers really took:
  curl -s {url}/providers {key}
  curl -s {control}/outbox

A recipient's name makes the provider misbehave for one message (…@example.org):
{_indented(fault_table())}

The API is documented at {url}/docs. Stop with Ctrl-C.
"""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
