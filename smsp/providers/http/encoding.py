"""A message becomes a call, and a call a signed one. A large one in a thread, so that nobody else
waits for it.

Owns what is large, and how many threads do this at once. Knows no provider and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import trio

from smsp.mail import LARGE_BYTES, Send, is_large
from smsp.providers.encoding.body import Body
from smsp.providers.http.idempotency import key_of, repeatable
from smsp.providers.protocols import Adapter, HttpCall, SigningAdapter, keys, signs

__all__ = ["ENCODERS_MAX", "LARGE_BYTES", "Encoder", "is_large"]

ENCODERS_MAX = 2
"""Threads for each provider; more would only take turns at the interpreter."""
DIGESTED_BYTES = 128 * 1024
"""Of a message with more, a digest takes long: all of it is encoded for that."""


class Encoder:
    """The threads of one provider."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(ENCODERS_MAX)

    async def call(self, adapter: Adapter, send: Send) -> HttpCall:
        """The call that sends this message, with the provider's own idempotency key."""
        encode = partial(_call, adapter, send)
        digested = keys(adapter) or signs(adapter)
        if not is_large(send.mail) and not (digested and send.mail.mime_bytes > DIGESTED_BYTES):
            return encode()
        return await trio.to_thread.run_sync(encode, limiter=self._threads)

    async def signed(
        self, adapter: SigningAdapter, call: HttpCall, now: Callable[[], datetime]
    ) -> HttpCall:
        """The call, signed for the moment at which that is done: a signature does not keep."""
        if len(call.body) <= LARGE_BYTES:
            return adapter.sign(call, now())
        return await trio.to_thread.run_sync(
            lambda: adapter.sign(call, now()), limiter=self._threads
        )


def _call(adapter: Adapter, send: Send) -> HttpCall:
    if keys(adapter):
        call = adapter.encode(repeatable(send))
        return adapter.keyed(call, key_of(send, call))
    call = adapter.encode(send)
    if signs(adapter) and isinstance(call.body, Body):
        # What is signed is a digest of all of it, which a body remembers.
        assert call.body.sha256
    return call
