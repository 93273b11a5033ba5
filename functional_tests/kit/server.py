"""The whole server but for its circuits, in this process, on a real socket.

Needs the inside: bounds are set lower than any variable may set them, and circuits are left out.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from smsp.server.connection import Limits
from smsp.server.listener import hypercorn_config, listen
from smsp.web.app import create_app
from smsp.web.services import Services
from tests.kit.peer import Peer
from tests.kit.web import KEY, fake_services, message

IDLE_S = 0.3
GRACEFUL_S = 5.0
LIMITS = Limits()
PATIENCE_S = 10.0
"""Longer than anything here may take."""


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A request with a key, of one message's length unless its headers say otherwise."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-API-KEY: {KEY}", *headers]
    if body and not any("length" in line.lower() for line in headers):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


POST = request("POST", "/email", body=message())
LIVEZ = request("GET", "/livez")


@dataclass
class Server:
    """A server that runs, until ``close`` is set."""

    url: str
    services: Services
    close: trio.Event
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    async def connect(self) -> Peer:
        """One more connection to it."""
        return Peer(await trio.open_tcp_stream("127.0.0.1", self.port))


@asynccontextmanager
async def running(
    *,
    idle_s: float = IDLE_S,
    tls: ssl.SSLContext | None = None,
    limits: Limits = LIMITS,
    **overrides: object,
) -> AsyncIterator[Server]:
    """A server with these services; at the end it closes as on SIGTERM, and has to end in time."""
    services = fake_services(**overrides)
    config = hypercorn_config("127.0.0.1", 0, idle_s=idle_s, graceful_s=GRACEFUL_S)
    close, ended = trio.Event(), trio.Event()

    async def serve(task_status):
        app = create_app(services)
        await listen(
            app,
            config,
            services.log,
            close,
            tls=None if tls is None else lambda: tls,
            limits=limits,
            task_status=task_status,
        )
        ended.set()

    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE_S):
            url = await nursery.start(serve)
            yield Server(url, services, close, ended)
            close.set()
            await ended.wait()


async def ended_within_s(peer: Peer) -> float:
    """After how many seconds the server ends this connection, saying nothing more."""
    since = trio.current_time()
    assert await peer.rest() == b""
    return trio.current_time() - since
