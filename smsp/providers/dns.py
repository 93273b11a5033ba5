"""Name look-ups that cannot starve each other.

trio shares 40 threads between all look-ups, and an abandoned one keeps its thread until the
resolver gives up: one dead name would stop the mail of every provider. Here each host has a few
threads of its own, and an answer is kept for a short while. Installed once per run, with
``trio.socket.set_custom_hostname_resolver``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal

import trio

from smsp.providers.shortage import descriptors_wanting, is_shortage

THREADS_PER_HOST = 4
FRESH_S = 30.0
"""Seconds for which an answer is used without asking again."""
STALE_S = 3600.0
"""Seconds for which an answer still serves when asking again fails, or takes too long."""
PATIENCE_S = 0.5
"""Seconds for which whoever has an old answer waits for a new one."""

Host = str | bytes | None
Port = str | bytes | int | None
_Ipv4 = tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
_Ipv6 = tuple[
    Literal[socket.AddressFamily.AF_INET6],
    socket.SocketKind,
    int,
    str,
    tuple[str, int, int, int] | tuple[int, bytes],
]
Addresses = list[_Ipv4 | _Ipv6]
Lookup = Callable[[Host, Port, int, int, int, int], Addresses]
_Question = tuple[Host, Port, int, int, int, int]


class Resolver(trio.abc.HostnameResolver):
    """A limiter per host and a short memory in front of ``lookup``, which does not tell when it had
    no socket to ask with; ``wanting`` does.

    Bounded by the number of distinct hosts asked for, which are the configured providers'.
    """

    def __init__(
        self,
        lookup: Lookup = socket.getaddrinfo,
        wanting: Callable[[], OSError | None] = descriptors_wanting,
    ) -> None:
        self._lookup = lookup
        self._wanting = wanting
        self._limiters: dict[Host, trio.CapacityLimiter] = {}
        self._known: dict[_Question, tuple[float, Addresses]] = {}

    async def getaddrinfo(
        self,
        host: Host,
        port: Port,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Addresses:
        """The addresses of a host. Raises ``OSError`` when there are none and never were, or when
        this node lacks what it takes to ask."""
        question = (host, port, family, type, proto, flags)
        fresh = self._recall(question, FRESH_S)
        if fresh is not None:
            return fresh
        stale = self._recall(question, STALE_S)
        if stale is None:
            return await self._ask(question)
        # A resolver that fails mostly hangs, so that waiting for its failure would be too long.
        with trio.move_on_after(PATIENCE_S), suppress(OSError):
            return await self._ask(question)
        return stale

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        """The name of an address."""
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True
        )

    async def _ask(self, question: _Question) -> Addresses:
        limiter = self._limiters.setdefault(question[0], trio.CapacityLimiter(THREADS_PER_HOST))
        try:
            addresses = await trio.to_thread.run_sync(
                partial(self._lookup, *question), abandon_on_cancel=True, limiter=limiter
            )
        except OSError:
            wanting = self._wanting()
            if wanting is None:
                raise
            raise wanting from None
        except RuntimeError as error:
            if is_shortage(error):
                raise OSError("no thread to ask in") from error
            raise
        self._known[question] = (trio.current_time(), addresses)
        return addresses

    def _recall(self, question: _Question, age_s_max: float) -> Addresses | None:
        known = self._known.get(question)
        if known is None or trio.current_time() - known[0] > age_s_max:
            return None
        return known[1]
