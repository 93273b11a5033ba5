"""One SMTP server behind a circuit: connections made in trio, dialogues held in worker threads.

Owns the threads of one provider and the moment at which a message is committed. What is said and
what it means are :mod:`smsp.providers.smtp_dialogue`'s and :mod:`smsp.providers.smtp_phases`'.
Each message has a connection of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf

import trio

from actors import Progress
from smsp.mail import Mailbox, Send
from smsp.outcome import Outcome
from smsp.providers.poll import poll
from smsp.providers.shortage import NO_RESOURCES, is_shortage
from smsp.providers.smtp_dialogue import Terms, deliver, rehearse
from smsp.providers.smtp_phases import FAILURES, Failure, Phase

Talk = Callable[[socket.socket], Outcome]
"""A dialogue over a connected socket; blocks."""


@dataclass(frozen=True, slots=True)
class SmtpProvider:
    """One server, and perhaps an account there.

    ``threads`` has a place for every call that a circuit lets be unfinished, so that nobody waits
    for one. ``now`` is the time of day, with its zone, for the message's ``Date``.
    """

    terms: Terms
    port: int
    poll_address: Mailbox
    threads: trio.CapacityLimiter
    probe_threads: trio.CapacityLimiter
    now: Callable[[], datetime]

    async def send(self, send: Send, progress: Progress) -> Outcome:
        """Make the attempt; ``progress`` is told just before the line that ends the message.

        When this is cancelled, the connection is closed and its thread over by the time it raises.
        """
        commit = partial(trio.from_thread.run_sync, _commit, progress)
        return await self._talk(
            lambda sock: deliver(sock, self.terms, send, self.now(), commit), self.threads
        )

    async def probe(self) -> Outcome:
        """Everything but the message: up to the poll address as a recipient. Sends nothing."""
        dummy = poll(self.poll_address)
        return await self._talk(lambda sock: rehearse(sock, self.terms, dummy), self.probe_threads)

    async def _talk(self, talk: Talk, threads: trio.CapacityLimiter) -> Outcome:
        stream: trio.SocketStream | None = None
        with trio.move_on_after(self.terms.timeout_s):
            try:
                stream = await trio.open_tcp_stream(self.terms.host, self.port)
            except OSError as error:
                starved = is_shortage(error)
                return NO_RESOURCES if starved else FAILURES[Phase.CONNECTING, Failure.BROKEN]
        if stream is None:
            return FAILURES[Phase.CONNECTING, Failure.TIMED_OUT]
        async with stream:
            return await _in_a_thread(talk, stream.socket, threads)


async def _in_a_thread(
    talk: Talk, connected: trio.socket.SocketType, threads: trio.CapacityLimiter
) -> Outcome:
    """Hold a dialogue. Cancelled, it ends at once, and is over before this raises.

    A thread cannot be cancelled, and must not be abandoned: it would go on sending. But its
    socket can be shut down from here, and then whatever it waits for fails.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_hang_up_when_cancelled, connected)
        outcome = await trio.to_thread.run_sync(_own_handle, talk, connected, limiter=threads)
        nursery.cancel_scope.cancel()
    return outcome


async def _hang_up_when_cancelled(connected: trio.socket.SocketType) -> None:
    try:
        await trio.sleep_forever()
    finally:
        with suppress(OSError):
            connected.shutdown(trio.socket.SHUT_RDWR)


def _own_handle(talk: Talk, connected: trio.socket.SocketType) -> Outcome:
    """In the thread: a second handle to the connection, which TLS may take for its own."""
    with socket.fromfd(connected.fileno(), connected.family, connected.type) as sock:
        return talk(sock)


def _commit(progress: Progress) -> bool:
    """In trio's thread, while the worker waits: commit, unless the call is cancelled already.

    One step, so there is no moment between. Committing comes *before* the act: were it after, a
    deadline could pass while the dot is on its way, and ``not_sent`` be answered for a message
    that the server then takes. If the act fails, the outcome is ``unknown`` where ``not_sent``
    might have been true, which is the error that does no harm.
    """
    cancelled = trio.current_effective_deadline() == -inf
    if not cancelled:
        progress.commit()
    return not cancelled
