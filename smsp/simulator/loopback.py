"""A TCP port on loopback that can refuse connections and still be ours.

Owns the listening socket. Must not know who is served behind it.
"""

from __future__ import annotations

import socket

import trio

HOST = "127.0.0.1"

_BACKLOG = 1024
# A small receive window: a peer whose bytes are not read feels it after a few of them.
_RECEIVE_BUFFER_BYTES = 64 * 1024


class LoopbackPort:
    """A port, bound from the start; port 0 lets the system choose. Close it by :meth:`close`.

    While it does not listen it stays bound: peers are refused, and neither another server nor
    an outgoing connection can be given the number meanwhile.
    """

    def __init__(self, port: int = 0) -> None:
        self._socket = _bound(port)
        self.number: int = self._socket.getsockname()[1]

    def listen(self) -> trio.SocketListener:
        """Begin to take connections. The listener lives until :meth:`refuse` or :meth:`close`."""
        self._socket.listen(_BACKLOG)
        return trio.SocketListener(trio.socket.from_stdlib_socket(self._socket))

    def refuse(self) -> None:
        """Refuse connections, those in the backlog included."""
        self.close()
        self._socket = _bound(self.number)

    def close(self) -> None:
        """Give the port up."""
        self._socket.close()


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock
