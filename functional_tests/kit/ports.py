"""Ports for servers that are ended and started again at the same address.

Not 0: between two lives a port that the system has chosen may be given to an outgoing connection,
which are many here. Those are taken from 32768 up; these lie below.
"""

from __future__ import annotations

import os
import socket

FIRST, LAST = 20_000, 32_000
_COUNT = LAST - FIRST


def free_port() -> int:
    """A port on loopback where nobody listens now; another one each time, as far as can be."""
    for _ in range(1000):
        port = FIRST + int.from_bytes(os.urandom(4), "big") % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port is free from {FIRST} to {LAST}")
