"""PURE. The key under which a provider recognises a repeated request, where a provider can."""

from __future__ import annotations

from uuid import UUID, uuid5

from smsp.mail import Send
from smsp.providers.body import digest_of
from smsp.providers.protocols import HttpCall

ASK_AGAIN_AFTER_S = (0.5, 1.0, 2.0, 4.0)
"""The pauses before a doubtful call is made again. In all well below the shortest life of a key:
Brevo keeps one for 30 minutes."""

_NAMESPACE = UUID("6f0f4a0e-9f5b-4c55-8f55-5a0a4f3f4f9b")


def key_of(send: Send, call: HttpCall) -> UUID:
    """The same for the same caller's same message in the same words, and for nothing else.

    UUIDv5 (RFC 9562 section 5.5) over the API key's name, the caller's key or else the message's
    id, and the SHA-256 of the encoded request.
    """
    name = send.idempotency_key if send.idempotency_key is not None else str(send.id)
    return uuid5(_NAMESPACE, f"{send.owner}\n{name}\n{digest_of(call.body)}")
