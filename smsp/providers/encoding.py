"""A message becomes a call, and a call a signed one. A large one in a thread, so that nobody else
waits for it.

Owns what is large, and how many threads do this at once. Knows no provider and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import trio

from smsp.mail import Mail, Send
from smsp.providers.idempotency import key_of
from smsp.providers.protocols import Adapter, HttpCall, SigningAdapter, keys

LARGE_BYTES = 2**20
"""More than this, in bodies and attachments, is encoded in a thread; a call of more is signed in
one."""
ENCODERS_MAX = 2
"""Threads for each provider; more would only take turns at the interpreter."""


class Encoder:
    """The threads of one provider."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(ENCODERS_MAX)

    async def call(self, adapter: Adapter, send: Send) -> HttpCall:
        """The call that sends this message, with the provider's own idempotency key."""
        encode = partial(_call, adapter, send)
        if not is_large(send.mail):
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


def is_large(mail: Mail) -> bool:
    """Whether it takes so long to encode this message that others would notice."""
    bodies = len(mail.text or "") + len(mail.html or "")
    return bodies + sum(len(part.content) for part in mail.attachments) > LARGE_BYTES


def _call(adapter: Adapter, send: Send) -> HttpCall:
    call = adapter.encode(send)
    if keys(adapter):
        return adapter.keyed(call, key_of(send, call))
    return call
