"""SMSP as it is, but for httpx's own transport to the provider.

Needs the inside: no setting chooses the transport.
"""

from __future__ import annotations

import sys
from functools import partial

import trio

from smsp.serve import serve, spare_the_collector
from smsp.settings import load
from smsp.telemetry.log import process_log
from smsp.wiring import node_name
from tests.kit.stock_transport import stock_transport


def main() -> int:
    settings = load()
    with process_log(settings.log_format, debug=settings.log_debug, node=node_name()) as out:
        serving = partial(serve, on_listening=spare_the_collector, transport_for=stock_transport)
        return trio.run(serving, settings, out.log)


sys.exit(main())
