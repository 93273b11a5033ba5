"""SMSP as it is, but for httpx's own transport to the provider."""

from __future__ import annotations

import sys

import trio

from smsp.providers.http import stock_transport
from smsp.serve import serve, spare_the_collector
from smsp.settings import load
from smsp.telemetry import make_log
from smsp.wiring import node_name


async def main() -> int:
    settings = load()
    log = make_log(settings.log_format, debug=settings.log_debug, node=node_name())
    return await serve(
        settings, log, on_listening=spare_the_collector, transport_for=stock_transport
    )


sys.exit(trio.run(main))
