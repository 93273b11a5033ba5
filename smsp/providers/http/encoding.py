"""A message becomes a call, and a call a signed one. A large one in a thread, so that nobody else
waits for it.

Owns what is large of a call. Knows no provider and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from smsp.mail import LARGE_BYTES, Submission, is_large
from smsp.providers.encoding.body import Body
from smsp.providers.encoding.threads import done_by, encoders
from smsp.providers.http.idempotency import key_of, repeatable
from smsp.providers.kinds import Adapter, HttpCall, SigningAdapter, is_idempotent, is_signing

DIGESTED_BYTES = 128 * 1024
"""Of a message with more, a digest takes long: all of it is encoded for that."""


class Encoder:
    """The threads of one provider."""

    def __init__(self) -> None:
        self._threads = encoders()

    async def call(self, adapter: Adapter, submission: Submission) -> HttpCall:
        """The call that sends this message, with the provider's own idempotency key."""
        encode = partial(_call, adapter, submission)
        digested = is_idempotent(adapter) or is_signing(adapter)
        mail = submission.mail
        large = is_large(mail) or (digested and mail.mime_bytes > DIGESTED_BYTES)
        return await done_by(encode, self._threads, large=large)

    async def signed(
        self, adapter: SigningAdapter, call: HttpCall, now: Callable[[], datetime]
    ) -> HttpCall:
        """The call, signed for the moment at which that is done: a signature does not keep."""
        large = len(call.body) > LARGE_BYTES
        return await done_by(lambda: adapter.sign(call, now()), self._threads, large=large)


def _call(adapter: Adapter, submission: Submission) -> HttpCall:
    if is_idempotent(adapter):
        call = adapter.encode(repeatable(submission))
        return adapter.keyed(call, key_of(submission, call))
    call = adapter.encode(submission)
    if is_signing(adapter) and isinstance(call.body, Body):
        # What is signed is a digest of all of it, which a body remembers.
        assert call.body.sha256
    return call
