"""httpx's own transport as one of ours: what it does, by httpcore's events, are phases of a call.

For comparison: the exchange is held to say the same of both.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType

import httpcore
import httpx
import trio

from smsp.providers.http.phases import ON_PHASE, OnPhase, Phase
from smsp.providers.http.pool import IDLE_S

_PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "connection.connect_tcp.started": Phase.CONNECTING,
        "connection.start_tls.started": Phase.SECURING,
        "http11.send_request_headers.started": Phase.WRITING,
        "http11.send_request_body.complete": Phase.WRITTEN,
        "http11.receive_response_headers.complete": Phase.ANSWERED,
    }
)


def stock_transport(connections_max: int, tls: ssl.SSLContext) -> StockTransport:
    """httpx's own, with the bounds that ours has."""
    transport = httpx.AsyncHTTPTransport(
        verify=tls,
        http1=True,
        http2=False,
        trust_env=False,
        limits=httpx.Limits(
            max_connections=connections_max,
            max_keepalive_connections=connections_max,
            keepalive_expiry=IDLE_S,
        ),
    )
    return StockTransport(transport)


class StockTransport(httpx.AsyncBaseTransport):
    """Sends through a transport that is made of httpcore, and tells the phases."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer."""
        follower = _Follower(request.extensions[ON_PHASE])
        request.extensions["trace"] = follower.follow
        try:
            return await self._transport.handle_async_request(request)
        finally:
            await follower.close_unfinished_handshake()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


class _Follower:
    """Follows one call by what httpcore says of it."""

    def __init__(self, on_phase: OnPhase) -> None:
        self._on_phase = on_phase
        self._phase = Phase.WAITING
        self._connection: httpcore.AsyncNetworkStream | None = None

    async def follow(self, event: str, info: Mapping[str, object]) -> None:
        """What httpcore calls ``trace``."""
        if event == "connection.connect_tcp.complete":
            connection = info["return_value"]
            assert isinstance(connection, httpcore.AsyncNetworkStream)
            self._connection = connection
        phase = _PHASES.get(event)
        if phase is not None:
            self._phase = phase
            self._on_phase(phase)

    async def close_unfinished_handshake(self) -> None:
        """httpcore forgets a connection whose TLS handshake is cancelled, and leaves it open."""
        if self._phase is Phase.SECURING and self._connection is not None:
            with trio.CancelScope(shield=True):
                await self._connection.aclose()
