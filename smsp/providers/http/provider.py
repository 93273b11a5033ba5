"""An adapter bound to httpx: what a circuit calls for a provider with an HTTP API.

Owns the two transports of one provider: one for mail, one for the probe, so that a probe never
waits behind mail. Knows no provider's words and decides nothing about circuits.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import assert_never

import httpx
import trio

from actors import Progress
from smsp.mail import Mailbox, Submission
from smsp.mail.outcome import NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.credentials_source import CredentialsCache, no_credentials
from smsp.providers.http.encoding import Encoder
from smsp.providers.http.exchange import Exchange, Interrupted
from smsp.providers.http.idempotency import ASK_AGAIN_AFTER_S
from smsp.providers.http.phases import OUTCOMES
from smsp.providers.http.transport import Transport
from smsp.providers.kinds import (
    Adapter,
    HttpCall,
    HttpReply,
    ProbeCall,
    is_idempotent,
    is_signing,
)
from smsp.providers.probes import ProbeMode, Probing, StatusForbidden, steps_of

TransportFor = Callable[[int, ssl.SSLContext], httpx.AsyncBaseTransport]
"""Makes a transport with at most so many connections, to peers whom this context verifies."""

Attempting = Callable[[Exchange], Awaitable[Outcome]]
"""Makes the call of one message in an exchange, and reads its answer."""


def _time_of_day() -> datetime:
    return datetime.now(UTC)


def _told_nobody(_reason: Reason) -> None:
    pass


@dataclass(slots=True)
class HttpProvider:
    """One provider's account behind its HTTP API.

    ``timeout_s`` is the time of each phase (see :class:`Exchange`). ``base_url`` replaces scheme,
    host and port of every call. ``now`` is for providers that want the time of day signed.
    Between calls it remembers only whether its account is in doubt: see :class:`Probing`.
    """

    adapter: Adapter
    transport: httpx.AsyncBaseTransport
    probe_transport: httpx.AsyncBaseTransport
    poll_address: Mailbox
    timeout_s: float
    base_url: str | None = None
    now: Callable[[], datetime] = _time_of_day
    probe_mode: ProbeMode = "auto"
    status_forbidden: StatusForbidden = _told_nobody
    _encoder: Encoder = field(default_factory=Encoder, init=False, repr=False)
    _credentials: CredentialsCache = field(init=False, repr=False)
    _probing: Probing = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._credentials = CredentialsCache(self.adapter, self.timeout_s)
        self._probing = Probing(self.status_forbidden)

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Make the attempt; ``progress`` is told the moment the last byte has been written."""
        adapter = await self._credentials.adapter()
        if adapter is None:
            return no_credentials()
        outcome = await self._send(adapter, submission, progress)
        self._probing.learn(outcome)
        return outcome

    async def probe(self) -> Outcome:
        """Test whether this provider would send: every step in order, until one does not pass."""
        adapter = await self._credentials.adapter()
        if adapter is None:
            return no_credentials()

        async def ask(step: ProbeCall) -> Outcome:
            call = await self._ready(adapter, step.call)
            result = await Exchange(self.timeout_s).run(self.probe_transport, call)
            return outcome_of(result, step.decode)

        return await self._probing.run(steps_of(adapter, self.probe_mode, self.poll_address), ask)

    async def _send(self, adapter: Adapter, submission: Submission, progress: Progress) -> Outcome:
        call = await self._encoder.call(adapter, submission)
        attempt = partial(self._attempt, adapter, call, submission.mail.recipients)
        if is_idempotent(adapter):
            return await self._send_keyed(attempt, progress)
        return await self._first(attempt, Exchange(self.timeout_s, progress.commit), progress)

    async def _send_keyed(self, attempt: Attempting, progress: Progress) -> Outcome:
        """Resolve a doubt by asking the same provider again with the same key.

        This goes on after the caller has been told that time is up, as any call does. Only ``Sent``
        resolves the doubt: a refusal of the repetition does not prove that the first was not taken.
        """
        first = Exchange(self.timeout_s, progress.commit, answer_s=self.timeout_s)
        outcome = await self._first(attempt, first, progress)
        for pause_s in ASK_AGAIN_AFTER_S:
            if not isinstance(outcome, Unknown):
                break
            await trio.sleep(pause_s)
            again = await attempt(Exchange(self.timeout_s))
            if isinstance(again, Sent):
                return again
        return outcome

    async def _first(self, attempt: Attempting, exchange: Exchange, progress: Progress) -> Outcome:
        """The exchange that the caller waits for: should it be cut short, it is known where."""
        try:
            return await attempt(exchange)
        finally:
            progress.stage = exchange.phase.name.lower()

    async def _attempt(
        self,
        adapter: Adapter,
        call: HttpCall,
        recipients: tuple[Mailbox, ...],
        exchange: Exchange,
    ) -> Outcome:
        ready = await self._ready(adapter, call)
        result = await exchange.run(self.transport, ready, recipients)
        return outcome_of(result, adapter.decode)

    async def _ready(self, adapter: Adapter, call: HttpCall) -> HttpCall:
        """The call as it is made: a signature is over the host that is really called."""
        call = self._aimed(call)
        if not is_signing(adapter):
            return call
        return await self._encoder.signed(adapter, call, self.now)

    def _aimed(self, call: HttpCall) -> HttpCall:
        return call if self.base_url is None else replace(call, url=_moved(call.url, self.base_url))


@lru_cache(maxsize=64)
def _moved(url: str, base_url: str) -> str:
    """The URL with another's scheme, host and port. Remembered, since a provider's are few."""
    base = httpx.URL(base_url)
    return str(httpx.URL(url).copy_with(scheme=base.scheme, host=base.host, port=base.port))


def outcome_of(result: HttpReply | Interrupted, decode: Callable[[HttpReply], Outcome]) -> Outcome:
    """What an exchange means for the message."""
    if isinstance(result, Interrupted):
        return OUTCOMES[result.phase, result.failure]
    outcome = decode(result)
    return outcome if result.request_written else _of_an_answer_too_early(result.status, outcome)


@asynccontextmanager
async def http_provider(
    adapter: Adapter,
    *,
    poll_address: Mailbox,
    timeout_s: float,
    max_in_flight: int,
    tls: ssl.SSLContext,
    base_url: str | None = None,
    probe_mode: ProbeMode = "auto",
    status_forbidden: StatusForbidden = _told_nobody,
    transport_for: TransportFor = Transport,
) -> AsyncIterator[HttpProvider]:
    """A provider with its transports, which are closed at the end.

    They have one connection more than calls can be in flight, so nobody ever waits for one.
    """
    async with (
        transport_for(max_in_flight + 1, tls) as transport,
        transport_for(1, tls) as probe_transport,
    ):
        yield HttpProvider(
            adapter,
            transport,
            probe_transport,
            poll_address,
            timeout_s,
            base_url,
            probe_mode=probe_mode,
            status_forbidden=status_forbidden,
        )


def _of_an_answer_too_early(status: int, outcome: Outcome) -> Outcome:
    """What an answer means that came before the provider had our last byte.

    The message it has is incomplete, and not processed (RFC 9112 section 8), whatever went wrong
    there. Only if it claims success do we not know what to believe.
    """
    match outcome:
        case Sent():
            return Unknown(Reason.BAD_ANSWER)
        case Unknown(reason=reason, blame=blame, retry_after_s=pause_s, detail=detail):
            succeeded = 200 <= status < 300
            return outcome if succeeded else NotSent(reason, blame, pause_s, detail)
        case Rejected() | NotSent():
            return outcome
        case _:
            assert_never(outcome)
