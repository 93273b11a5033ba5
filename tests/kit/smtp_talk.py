"""An SMTP server in memory: what it says next is known beforehand, whatever it is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from io import BytesIO
from typing import cast


class ScriptedServer:
    """The socket of a connection to it. It speaks first, and then after each line; the message, up
    to the dot, is one line. When it has nothing more to say, it has gone."""

    def __init__(self, says: Iterable[bytes]) -> None:
        self._says = iter(says)
        self._come = BytesIO(next(self._says, b""))
        self.heard: list[bytes] = []
        self.said_after: dict[bytes, bytes] = {}
        """What was said to the last line that was so."""

    @classmethod
    def saying(cls, *says: bytes) -> tuple[ScriptedServer, socket.socket]:
        """A server, and the same to be passed for a socket."""
        server = cls(says)
        return server, cast(socket.socket, server)

    def sendall(self, data: bytes) -> None:
        """Hear something."""
        line = bytes(data)
        self.heard.append(line)
        if line.endswith(b"\r\n") and not (self._in_a_message and line != b".\r\n"):
            words = next(self._says, b"")
            self.said_after[line] = words
            self._come = BytesIO(self._come.read() + words)

    @property
    def _in_a_message(self) -> bool:
        return b"DATA\r\n" in self.heard[:-1]

    def readline(self, size: int) -> bytes:
        """A line of what has come; not whole at the end."""
        return self._come.readline(size)

    def read(self, size: int) -> bytes | None:
        """Without waiting: None when nothing has come."""
        return self._come.read(size) or None

    def makefile(self, _mode: str) -> ScriptedServer:
        """This is its own file."""
        return self

    def getsockname(self) -> tuple[str, int]:
        """Where we are."""
        return ("127.0.0.1", 1)

    def settimeout(self, timeout_s: float | None) -> None:
        """Nothing is ever waited for."""

    def gettimeout(self) -> float | None:
        """Likewise."""
        return None

    def close(self) -> None:
        """Nothing to close."""
