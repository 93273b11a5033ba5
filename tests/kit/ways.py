"""The ways to a peer in memory: in the clear, and through either version of TLS.

A test that takes ``way`` is played over each, by the same peer.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import trustme

from smsp.providers.http.connection import Dial
from smsp.providers.http.phases import Phase
from smsp.providers.http.transport import Transport
from smsp.providers.security_layer import client_context
from tests.kit.lines import MemoryLine
from tests.kit.tls import SecureEnd, secured, server_context

End = MemoryLine | SecureEnd
Peer = Callable[[End], Awaitable[None]]

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
NAMES = ("plain", *VERSIONS)


@dataclass(frozen=True)
class Way:
    """One of them. ``server`` is the peer's side of TLS; there is none in the clear."""

    client: ssl.SSLContext
    server: ssl.SSLContext | None = None

    @property
    def secure(self) -> bool:
        """Whether it is one through TLS."""
        return self.server is not None

    @property
    def port(self) -> int:
        """The scheme's own."""
        return 443 if self.secure else 80

    @property
    def connecting(self) -> list[Phase]:
        """The phases before there is a connection."""
        securing = [Phase.SECURING] if self.secure else []
        return [Phase.CONNECTING, *securing]

    @property
    def handshake_writes(self) -> int:
        """How often we write before there is a request."""
        return 2 if self.secure else 0

    def transport(self, connections_max: int, dial: Dial) -> Transport:
        """The transport under test: whatever scheme it is asked for, it goes this way."""
        return _Aimed(connections_max, self.client, dial=dial, secure=self.secure)

    def peer(self, peer: Peer) -> Callable[[MemoryLine], Awaitable[None]]:
        """The same peer at the end of this way."""
        return peer if self.server is None else secured(peer, self.server)


class _Aimed(Transport):
    def __init__(
        self, connections_max: int, tls: ssl.SSLContext, *, dial: Dial, secure: bool
    ) -> None:
        super().__init__(connections_max, tls, dial=dial)
        self._secure = secure

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._secure and request.url.scheme == "http":
            request.url = request.url.copy_with(scheme="https")
        return await super().handle_async_request(request)


def way_of(name: str, authority: trustme.CA) -> Way:
    """The way of this name; who answers there is vouched for by ``authority``."""
    if name not in VERSIONS:
        return Way(client_context())
    client, server = client_context(), server_context(authority)
    authority.configure_trust(client)
    client.minimum_version = client.maximum_version = VERSIONS[name]
    return Way(client, server)


async def say(end: End, *words: bytes, farewell: bool = False) -> None:
    """Say these in one segment, through TLS each in a record of its own; ``farewell``: and that
    there will be no more."""
    if isinstance(end, SecureEnd):
        await end.send_all(*words, farewell=farewell)
    elif any(words):
        await end.send_all(b"".join(words))
    if farewell:
        end.close()
