"""A TCP connection, from either side: a stream that counts what the kernel takes, and closes at
once.

Owns the socket, and nothing of what goes through it. trio's own ``SocketStream`` lets others run
after each write, tries to read what cannot have come yet, and does not tell how much of a write
that failed was taken.
"""

from __future__ import annotations

import select
import socket
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

import trio

RECEIVE_BYTES = 64 * 1024

_UNSENT_BYTES = 16 * 1024
"""More than this is not written ahead of the network: a write that returns has nearly arrived."""
_OPTIONS = (
    (socket.TCP_NODELAY, 1),
    *([(socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)] if hasattr(socket, "TCP_NOTSENT_LOWAT") else []),
)


class ByteCountingStream(trio.abc.Stream):
    """A stream of bytes that counts what is taken from us, and closes without waiting.

    A write that fails raises nothing: it makes the line ``lost``. What the peer said before it
    left can still be read then, through TLS too, whose stream would refuse it after an error.
    """

    taken = 0
    """How many bytes have been handed over so far."""
    lost = False
    when_full: Callable[[], None] | None = None
    """Is called when no more is taken for now, before that is waited for."""

    @abstractmethod
    def send_now(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over as much as fits, without waiting. Returns how many bytes were taken."""

    @abstractmethod
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, or will; empty at the end. Raises ``trio.BrokenResourceError``."""

    @property
    @abstractmethod
    def readable(self) -> bool:
        """Whether something has come, be it the end. A look, no wait."""

    @property
    def name(self) -> tuple[str, int]:
        """The address of our side, and its port; this machine's own where no network is."""
        return "127.0.0.1", 0

    @property
    def peer(self) -> tuple[str, int]:
        """The same of the other side. Raises ``OSError`` when it has broken off already."""
        return "127.0.0.1", 0

    async def send_eof(self) -> None:
        """Say that nothing more will come from us, where that can be said without closing."""
        await trio.lowlevel.checkpoint()

    @abstractmethod
    def receive_now(self, max_bytes: int) -> bytes | None:
        """What has come, without waiting: empty at the end, ``None`` if nothing has.

        Raises ``trio.BrokenResourceError``.
        """

    @abstractmethod
    def close(self) -> None:
        """Close at once. Whoever waits here gets ``trio.ClosedResourceError``."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over all of it, unless the line is lost meanwhile."""
        with memoryview(data) as whole:
            sent = 0
            while sent < len(whole) and not self.lost:
                taken = self.send_now(whole[sent:] if sent else whole)
                sent += taken
                if not taken and not self.lost:
                    await self.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close at once, as a stream of trio's."""
        self.close()
        await trio.lowlevel.checkpoint()


class TcpStream(ByteCountingStream):
    """A TCP connection: a socket that does not block, and trio to wait for it.

    trio's own streams let others run after each write. Here whoever writes goes on in the very
    step in which the kernel has taken the last byte, and can say so before anything else happens.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        for option, value in _OPTIONS:
            with suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, option, value)
        self._socket = connected

    @property
    def peer(self) -> tuple[str, int]:
        """The address of the other side, or ``OSError``."""
        return _address(self._socket.getpeername())

    @property
    def name(self) -> tuple[str, int]:
        """The address of our side."""
        return _address(self._socket.getsockname())

    def send_now(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over what the kernel takes."""
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.lost = True
            return 0
        self.taken += taken
        return taken

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel has room again."""
        if self.when_full is not None:
            self.when_full()
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, or will; empty at the end. Raises ``trio.BrokenResourceError``."""
        while True:
            if self._socket.fileno() < 0:
                raise trio.ClosedResourceError
            await trio.lowlevel.wait_readable(self._socket)
            come = self.receive_now(max_bytes or RECEIVE_BYTES)
            if come is not None:
                return come

    def receive_now(self, max_bytes: int) -> bytes | None:
        """What the kernel has."""
        try:
            return self._socket.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def send_eof(self) -> None:
        """Say that nothing more will come from us."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        await trio.lowlevel.checkpoint()

    @property
    def readable(self) -> bool:
        """Whether something has come, be it the end."""
        return bool(self._arrival.poll(0))

    @cached_property
    def _arrival(self) -> select.poll:
        arrival = select.poll()
        arrival.register(self._socket, select.POLLIN)
        return arrival

    def close(self) -> None:
        """Close at once."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


def _address(address: tuple[str, int, *tuple[int, ...]]) -> tuple[str, int]:
    """Without what IPv6 adds to it."""
    return address[0], address[1]
