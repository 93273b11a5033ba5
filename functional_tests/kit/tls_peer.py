"""A provider over HTTPS on loopback that says ``202`` to everything, and knows what it was told."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

_WAITS_S = 10.0
_ANSWER = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m-1\r\nContent-Length: 0\r\n\r\n"


@dataclass
class TlsPeer:
    """``heard`` is all that came through TLS, ``refused`` how often a handshake failed."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    refused: int = 0

    def serve(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        """Serve one connection after another, until the listener is closed."""
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                raw.settimeout(_WAITS_S)
                Thread(target=self._serve_one, args=(raw, tls), daemon=True).start()

    def _serve_one(self, raw: socket.socket, tls: ssl.SSLContext) -> None:
        try:
            with tls.wrap_socket(raw, server_side=True) as stream:
                # In TLS 1.3 our side is done before a client's refusal comes.
                request = stream.recv(65_536)
                if not request:
                    self.refused += 1
                while request:
                    self.heard.append(request)
                    if b"\r\n\r\n" in request:
                        stream.sendall(_ANSWER)
                    request = stream.recv(65_536)
        except OSError:
            self.refused += not self.heard


@contextmanager
def tls_peer(tls: ssl.SSLContext) -> Iterator[TlsPeer]:
    """A running one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = TlsPeer(listener.getsockname()[1])
        Thread(target=peer.serve, args=(listener, tls), daemon=True).start()
        try:
            yield peer
        finally:
            listener.shutdown(socket.SHUT_RDWR)
