"""For callers: send messages through a running SMSP, from threads, under asyncio and under trio.

::

    from smsp.client import Client, NotSent, Rejected, Sent, Unknown

    with Client("http://127.0.0.1:8080", key) as smsp:
        match smsp.send(message, idempotency_key=order_id, retries=3):
            case Sent(provider=provider): ...
            case Rejected(message=why): ...      # change the message
            case NotSent(): ...                  # safe to try again, here or elsewhere
            case Unknown(): ...                  # may have been sent

Only ``not_sent`` is ever tried again, after the time that SMSP names; with an idempotency key
also what was not answered, since SMSP does not send twice what has the same key. The I/O is here;
what is asked and when again is in :mod:`smsp.client.steps`, what an answer proves in
:mod:`smsp.client.answers`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx

from smsp.client.answers import Heard, HeardAnswer, Lost
from smsp.client.http import FAILURES, FIELD, LIMITS, JsonBody, Target, lost
from smsp.client.outcomes import (
    AnswerBody,
    Attempt,
    Message,
    NoAnswer,
    NotSent,
    Outcome,
    Record,
    RefusedRecipient,
    Rejected,
    RequestRefused,
    Sent,
    Unknown,
)
from smsp.client.steps import Clock, SendRequest, Wait, Wishes, finding, sending

__all__ = [
    "AnswerBody",
    "AsyncClient",
    "Attempt",
    "Client",
    "Message",
    "NoAnswer",
    "NotSent",
    "Outcome",
    "Record",
    "RefusedRecipient",
    "Rejected",
    "RequestRefused",
    "Sent",
    "TrioClient",
    "Unknown",
]

T = TypeVar("T")


class Client:
    """Connections to one SMSP, for code in threads. ``key`` needs the scope ``send``.

    Raises ``ValueError`` for a URL or key that no request can be made of.
    """

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._to = Target(url, key)
        self._transport = transport or httpx.HTTPTransport(trust_env=False, limits=LIMITS)

    def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
        retries: int = 0,
        sleep: Callable[[float], object] = time.sleep,
        clock: Clock = time.monotonic,
    ) -> Outcome:
        """What became of the message. It is tried again up to ``retries`` times, each time after
        the wait that SMSP asks for, if it was not sent; and, given an ``idempotency_key`` (1 to
        256 printable ASCII characters), if there was no answer or it is still being sent.

        ``deadline_s`` (0.05 or more) is the patience for all tries and waits together. None is
        300 s for each try, and no wait that would end later than that.

        Raises :class:`RequestRefused`; ``ValueError`` or ``TypeError``, with nothing sent, for
        arguments that no request can be made of.
        """
        wishes = _wishes(idempotency_key, deadline_s, retries)
        return self._hold(sending(_content(message), wishes, clock), sleep, clock)

    def find(self, id: str) -> Record | None:  # noqa: A002 - the contract's word
        """What SMSP remembers of the message with this id; ``None`` if nothing (any more), or if
        it is another key's. Raises :class:`NoAnswer`, and :class:`RequestRefused`."""
        return self._hold(finding(id), time.sleep, time.monotonic)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _hold(
        self,
        conversation: Generator[SendRequest | Wait, Heard, T],
        sleep: Callable[[float], object],
        clock: Clock,
    ) -> T:
        heard: Heard = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Wait):
                heard = None
                sleep(step.seconds)
            else:
                heard = self._ask(step, clock)

    def _ask(self, ask: SendRequest, clock: Clock) -> HeardAnswer | Lost:
        body = JsonBody(clock, ask.patience_s)
        try:
            response = self._transport.handle_request(self._to.request(ask))
            stream = response.stream
            assert isinstance(stream, httpx.SyncByteStream)
            try:
                for chunk in stream:
                    if not body.take(chunk):
                        break
            finally:
                stream.close()
        except FAILURES as error:
            return lost(error)
        return body.reply(response)


class AsyncClient:
    """The same under asyncio and under trio. Whoever cancels ``send`` does not know what became of
    the message."""

    def __init__(
        self, url: str, key: str, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._to = Target(url, key)
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False, limits=LIMITS)

    async def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
        retries: int = 0,
    ) -> Outcome:
        """See :meth:`Client.send`."""
        wishes = _wishes(idempotency_key, deadline_s, retries)
        return await self._hold(sending(_content(message), wishes, anyio.current_time))

    async def find(self, id: str) -> Record | None:  # noqa: A002 - the contract's word
        """See :meth:`Client.find`."""
        return await self._hold(finding(id))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _hold(self, conversation: Generator[SendRequest | Wait, Heard, T]) -> T:
        heard: Heard = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Wait):
                heard = None
                await anyio.sleep(step.seconds)
            else:
                heard = await self._ask(step)

    async def _ask(self, ask: SendRequest) -> HeardAnswer | Lost:
        body = JsonBody(anyio.current_time, ask.patience_s)
        try:
            response = await self._transport.handle_async_request(self._to.request(ask))
            stream = response.stream
            assert isinstance(stream, httpx.AsyncByteStream)
            try:
                async for chunk in stream:
                    if body.over:
                        break
                    if not body.take(chunk):
                        # Closed within the loop, its generators come to their ends by themselves.
                        await stream.aclose()
            finally:
                await stream.aclose()
        except FAILURES as error:
            return lost(error)
        return body.reply(response)


TrioClient = AsyncClient
"""The name that code under trio may know it by."""


def _wishes(idempotency_key: str | None, deadline_s: float | None, retries: int) -> Wishes:
    if idempotency_key and not FIELD.fullmatch(idempotency_key):
        raise ValueError("idempotency_key must be printable ASCII characters")
    return Wishes(idempotency_key, deadline_s, retries)


def _content(message: Message) -> bytes:
    text = json.dumps(dict(message), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")
