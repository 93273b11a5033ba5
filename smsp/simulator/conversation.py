"""One HTTP/1.1 connection from the server's side, and every way to break one off.

Owns the bytes of one stream: whole requests in, whole answers out, or an answer spoilt at an
exact place. Must not know providers, messages or why an answer is to be spoilt.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

import h11
import trio

from smsp.simulator.wire import Request, SimulatedAnswer

BODY_BYTES_MAX = 64 * 1024 * 1024
IDLE_S = 75.0
"""How long a connection may take over one request, waiting for its first byte included."""

_GARBAGE = b"\x15\x03\x03\x00\x02\x02\x28 no HTTP at all\r\n\r\n"


class Conversation:
    """Requests and answers in turn, until either side has had enough.

    ``receive`` replaces the plain ``stream.receive_some`` where reading is to be held back.
    ``now`` tells Unix time in seconds, for the ``Date`` header. A longer body than
    ``body_bytes_max`` is refused as soon as it is seen to be too long.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        receive: Callable[[], Awaitable[bytes | bytearray]] | None = None,
        now: Callable[[], float] = time.time,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._stream = stream
        self._receive = receive or stream.receive_some
        self._now = now
        self._body_bytes_max = body_bytes_max
        self._http = h11.Connection(h11.SERVER)
        self._method = ""

    async def next_request(self) -> Request | None:
        """The next whole request; ``None`` when there will be none.

        Bytes that are no HTTP, or too many, are answered here, and end the conversation.
        """
        if self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None
        with trio.move_on_after(IDLE_S):
            try:
                return await self._read_request()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint)
        return None

    async def send(self, answer: SimulatedAnswer) -> None:
        """Send the answer whole."""
        body = b"" if self._method == "HEAD" else answer.body
        await self._send(self._head(answer, len(answer.body)), h11.Data(body), h11.EndOfMessage())

    async def send_cut(self, answer: SimulatedAnswer) -> None:
        """Send status line, headers and half of the body, less than the headers promise."""
        half = answer.body[: len(answer.body) // 2]
        await self._send(self._head(answer, len(answer.body) + 1), h11.Data(half))
        self.abandon()

    async def send_garbage(self) -> None:
        """Send bytes that no HTTP client can read."""
        await self._stream.send_all(_GARBAGE)
        self.abandon()

    async def say_nothing(self) -> None:
        """Keep the connection open, and the peer waiting, until the peer has left."""
        while await self._receive():
            pass
        self.abandon()

    def abandon(self) -> None:
        """Say no more: there is no next request, and the stream may be closed."""
        self._http.send_failed()

    async def _read_request(self) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            match await self._next_event():
                case h11.Request() as head:
                    self._method = head.method.decode("ascii")
                case h11.Data(data=data):
                    body += data
                    if len(body) > self._body_bytes_max:
                        await self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                        return None
                case h11.EndOfMessage():
                    assert head is not None
                    return _request(head, bytes(body))
                case _:
                    return None

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(bytes(await self._receive()))
        return event

    async def _refuse(self, status: int) -> None:
        await self._send(
            self._head(SimulatedAnswer(status), 0, ("Connection", "close")), h11.EndOfMessage()
        )
        self.abandon()

    def _head(self, answer: SimulatedAnswer, length: int, *more: tuple[str, str]) -> h11.Response:
        headers = [
            ("Date", formatdate(self._now(), usegmt=True)),
            *answer.headers,
            ("Content-Length", str(length)),
            *more,
        ]
        return h11.Response(
            status_code=answer.status, reason=HTTPStatus(answer.status).phrase, headers=headers
        )

    async def _send(self, *events: h11.Event) -> None:
        # One write, so that an answer is never split by chance, only where a fault says so.
        await self._stream.send_all(b"".join(self._http.send(event) or b"" for event in events))


def _request(head: h11.Request, body: bytes) -> Request:
    return Request(
        method=head.method.decode("ascii"),
        path=head.target.decode("latin-1").partition("?")[0],
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        body=body,
    )
