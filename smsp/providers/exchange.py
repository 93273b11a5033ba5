"""One HTTP exchange, and the exact knowledge of how far it has come.

The only place that sends through httpx. One cancel scope bounds the whole exchange; its deadline
moves with the phase, so each phase has its own time: waiting for a connection, connecting with
TLS, each stretch of writing without progress, and (for a probe) the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from math import inf
from time import time
from types import MappingProxyType

import httpx
import trio

from smsp.providers.phases import Failure, Phase, failure_of
from smsp.providers.protocols import HttpCall, HttpReply

WRITE_BYTES = 64 * 1024
"""A write that moves this much has made progress."""
BODY_BYTES_MAX = 256 * 1024
"""More of an answer is not read: no provider's answer to one message is this long."""
BODY_SHARE = 0.9
"""The part of the answer's time in which its body must come. The rest is for judging a body that
hangs after a status line that says enough."""

# Some edges block a client that does not name itself. A compressed answer would hide its length.
_OUR_HEADERS = (("User-Agent", "smsp"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
_PHASES = MappingProxyType(
    {
        "connection.connect_tcp.started": Phase.CONNECTING,
        "connection.start_tls.started": Phase.SECURING,
        "http11.send_request_headers.started": Phase.WRITING,
        "http11.send_request_body.complete": Phase.WRITTEN,
        "http11.receive_response_headers.complete": Phase.ANSWERED,
    }
)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """No status line came."""

    phase: Phase
    failure: Failure


class Exchange:
    """One request and its reply. Used once.

    ``timeout_s`` is each phase's time. With ``on_written`` it is called in the very step in which
    the last byte has been handed to the socket, and from then on somebody else bounds the wait
    for the answer; without it the answer has ``timeout_s``, too.
    """

    def __init__(self, timeout_s: float, on_written: Callable[[], None] | None = None) -> None:
        self._timeout_s = timeout_s
        self._on_written = on_written
        self._phase = Phase.WAITING
        self._written_at: float | None = None
        self._scope = trio.CancelScope()
        self._body = bytearray()
        self._complete = False

    async def run(self, client: httpx.AsyncClient, call: HttpCall) -> HttpReply | Interrupted:
        """Send the call. Raises only for a bug, or when cancelled from outside."""
        response: httpx.Response | None = None
        self._grant(self._timeout_s)
        with self._scope:
            try:
                response = await client.send(self._request(call), stream=True)
                await self._read(response)
            except httpx.TransportError as error:
                if response is None:
                    return Interrupted(self._phase, failure_of(error))
        if response is None:
            return Interrupted(self._phase, Failure.TIMED_OUT)
        return HttpReply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(self._body),
            complete=self._complete,
            received_at=time(),
            request_written=self._written_at is not None,
        )

    def _request(self, call: HttpCall) -> httpx.Request:
        headers = [*call.headers, *_OUR_HEADERS]
        if call.method == "GET":
            return httpx.Request(call.method, call.url, headers=headers, extensions=self._trace())
        headers.append(("Content-Length", str(len(call.body))))
        return httpx.Request(
            call.method,
            call.url,
            headers=headers,
            content=self._pieces(call.body),
            extensions=self._trace(),
        )

    async def _pieces(self, body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), WRITE_BYTES):
            self._grant(self._timeout_s)
            yield body[start : start + WRITE_BYTES]

    async def _read(self, response: httpx.Response) -> None:
        try:
            async for piece in response.aiter_raw():
                self._body += piece
                if len(self._body) > BODY_BYTES_MAX:
                    return
            self._complete = True
        finally:
            await response.aclose()

    def _trace(self) -> dict[str, object]:
        async def follow(event: str, _info: object) -> None:
            phase = _PHASES.get(event)
            if phase is not None:
                self._enter(phase)

        return {"trace": follow}

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        match phase:
            case Phase.WAITING | Phase.CONNECTING | Phase.WRITING:
                self._grant(self._timeout_s)
            case Phase.SECURING:
                pass  # Connecting and TLS share one time.
            case Phase.WRITTEN:
                self._written_at = trio.current_time()
                self._grant(inf if self._on_written else self._timeout_s)
                if self._on_written is not None:
                    self._on_written()
            case Phase.ANSWERED:
                since = trio.current_time() if self._written_at is None else self._written_at
                self._scope.deadline = since + BODY_SHARE * self._timeout_s

    def _grant(self, seconds: float) -> None:
        self._scope.deadline = trio.current_time() + seconds
