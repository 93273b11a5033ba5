"""One HTTP exchange, and the exact knowledge of how far it has come.

Theory of operation. The only place that sends through httpx, and straight through a transport of
it: there is no client that could follow a redirect or keep a cookie. The transport does the work
and tells each phase as it begins, by an extension of the request (``ON_PHASE``), and the phase says
what a failure proves (:mod:`smsp.providers.http.phases`). One cancel scope bounds the whole
exchange, and its deadline moves with the phase::

    WAITING       timeout_s     for room in our own pool
    CONNECTING    timeout_s     TCP, and with it
    SECURING                    TLS: no time of its own
    WRITING       timeout_s     begun anew by each piece of the body that was taken
    WRITTEN       answer_s      none with ``on_written``: who was told then bounds the wait
    ANSWERED      what is left  of the answer's time, for a body that hangs

Phases go forward, with one step back: an idle connection that closed before it took a byte is
replaced by a new one, WRITING → CONNECTING. Only the transport moves the phase, in the step in
which a thing happens: no cancellation can come between the last byte and the knowledge of it.

Three ends, told apart by what is there and not by which exception came:

- No response. The transport's error, or our own deadline: ``Interrupted`` in this phase.
- A response, whose body broke off or hangs. The status line says what became of the mail, so this
  is a reply that is not ``complete``, and no failure.
- Cancelled from outside, which is raised on. Whoever cancels asks ``phase``.

In each the connection is closed, or given back, before anybody hears of it: a late answer must not
be read as that to the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from time import time
from typing import Self

import httpx
import trio

from smsp.mail import Mailbox
from smsp.providers.encoding.body import PIECE_BYTES, AnyBody, pieces
from smsp.providers.http.phases import ON_PHASE, HttpFailure, Phase, failure_of
from smsp.providers.kinds import HttpCall, HttpReply
from smsp.providers.shortage import is_shortage

WRITE_BYTES = PIECE_BYTES
"""A write that moves this much has made progress."""
PIECES_IN_A_ROW = 4
BODY_BYTES_MAX = 256 * 1024
"""More of an answer is not read: no provider's answer to one message is this long."""
BODY_SHARE = 0.9
"""The part of the answer's time in which its body must come. The rest is for judging a body that
hangs after a status line that says enough. After a status line that came later than that, the
body has as long as the rest."""

# Some edges block a client that does not name itself. A compressed answer would hide its length.
_OUR_HEADERS = (("User-Agent", "smsp"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
GRAIN_S = 0.001
"""A deadline is not moved for less: phases that follow at once share one."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """No status line came."""

    phase: Phase
    failure: HttpFailure


class Exchange:
    """One request and its reply. Used once.

    ``timeout_s`` is each phase's time. With ``on_written`` it is called in the very step in which
    the last byte has been handed to the socket, and from then on somebody else bounds the wait
    for the answer, unless ``answer_s`` does; without it the answer has ``timeout_s``, too.
    """

    def __init__(
        self,
        timeout_s: float,
        on_written: Callable[[], None] | None = None,
        *,
        answer_s: float | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._answer_s = answer_s or (timeout_s if on_written is None else inf)
        self._on_written = on_written
        self.phase = Phase.WAITING
        """How far it has come."""
        self._written_at: float | None = None
        self._scope = trio.CancelScope()
        self._body = bytearray()
        self._complete = False

    async def run(
        self,
        transport: httpx.AsyncBaseTransport,
        call: HttpCall,
        recipients: tuple[Mailbox, ...] = (),
    ) -> HttpReply | Interrupted:
        """Send the call. Raises only for a bug, or when cancelled from outside.

        ``recipients`` are those of the message in it, for whoever reads the reply.

        An interrupted exchange has closed its connection by the time this returns or raises.
        """
        response: httpx.Response | None = None
        self._grant(self._timeout_s)
        with self._scope:
            try:
                response = await transport.handle_async_request(self._request(call))
                await self._read(response)
            except httpx.TransportError as error:
                # With a response it was the body that broke: what came is judged below.
                if response is None:
                    starved = is_shortage(error)
                    failure = HttpFailure.STARVED if starved else failure_of(error)
                    return Interrupted(self.phase, failure)
        if response is None:
            return Interrupted(self.phase, HttpFailure.TIMED_OUT)
        return HttpReply(
            status=response.status_code,
            headers=_by_name(response.headers.raw),
            body=bytes(self._body[:BODY_BYTES_MAX]),
            complete=self._complete,
            received_at=time(),
            request_written=self._written_at is not None,
            recipients=recipients,
        )

    def _request(self, call: HttpCall) -> httpx.Request:
        url, host = _target(call.url)
        body = _Pieces(call.body, before_each=self._progress)
        request = httpx.Request(
            call.method,
            url,
            headers=_headers(host, call.headers),
            stream=body,
            extensions={ON_PHASE: self._enter},
        )
        if call.method == "POST":
            request.headers["Content-Length"] = str(len(call.body))
        return request

    async def _read(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            async for piece in response.stream:
                self._body += piece
                if len(self._body) > BODY_BYTES_MAX:
                    # Not by leaving the loop: a transport's generator would stay behind, suspended.
                    self._scope.cancel()
            self._complete = len(self._body) <= BODY_BYTES_MAX
        finally:
            await response.stream.aclose()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        match phase:
            case Phase.WAITING | Phase.CONNECTING | Phase.WRITING:
                self._grant(self._timeout_s)
            case Phase.SECURING:
                pass  # Connecting and TLS share one time.
            case Phase.WRITTEN:
                self._written_at = trio.current_time()
                self._grant(self._answer_s)
                # Last: who is told may set the time of the answer by what it sees here.
                if self._on_written is not None:
                    self._on_written()
            case Phase.ANSWERED:
                now = trio.current_time()
                since = now if self._written_at is None else self._written_at
                self._scope.deadline = max(
                    since + BODY_SHARE * self._timeout_s, now + (1 - BODY_SHARE) * self._timeout_s
                )

    def _progress(self) -> None:
        """Another piece is asked for, so those before it have been taken."""
        if self.phase is Phase.WRITING:
            self._grant(self._timeout_s)

    def _grant(self, seconds: float) -> None:
        deadline = trio.current_time() + seconds
        if not -GRAIN_S < deadline - self._scope.deadline < GRAIN_S:
            self._scope.deadline = deadline


@lru_cache(maxsize=64)
def _target(url: str) -> tuple[httpx.URL, str]:
    """A URL, and what ``Host`` says of it. Remembered, since a provider's are few and parsing one
    costs as much as writing to a socket."""
    parsed = httpx.URL(url)
    return parsed, parsed.netloc.decode("ascii")


@lru_cache(maxsize=64)
def _headers(host: str, given: tuple[tuple[str, str], ...]) -> httpx.Headers:
    """All but the body's length; to be copied. Remembered, since most providers' are the same in
    every call, and httpx looks at each of them."""
    names = {name.lower() for name, _ in given}
    return httpx.Headers(
        [
            ("Host", host),
            *(field for field in given if field[0].lower() != "host"),
            *(field for field in _OUR_HEADERS if field[0].lower() not in names),
        ]
    )


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case; the values of one name in their order, as a list."""
    by_name: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        by_name[name] = f"{by_name[name]}, {value}" if name in by_name else value
    return by_name


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Pieces(httpx.AsyncByteStream):
    """A request's body, ``WRITE_BYTES`` at a time. ``before_each`` is called before each piece.

    An iterator and no async generator: an interrupted write would leave that suspended, for the
    garbage collector to find and for trio to warn of.
    """

    def __init__(self, body: AnyBody, *, before_each: Callable[[], None]) -> None:
        self._pieces = pieces(body)
        self._before_each = before_each
        self._given = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        # A line that takes all at once lets nobody else run. Not after the last piece: that is told
        # in the very step in which it was taken.
        self._given += 1
        if self._given % PIECES_IN_A_ROW == 0:
            await trio.lowlevel.checkpoint()
        self._before_each()
        return piece
