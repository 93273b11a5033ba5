"""PURE. How a provider that can recognise a repeated request is made to.

A caller repeats a message with its own key, perhaps to another node, or to this one after a
crash, where nothing is known of the first try. So for a message with such a key *all* that is said
to the provider follows from the caller's words alone: the same request and the same key each time.
The same key with other words would be refused as a mistake; another key would be another mail.

What follows from chance is only our id. It is another one for each request that is taken up: it
names that try in answers, logs and the ledger. So where a provider recognises repetitions, a
message with a caller's key travels under an id made of that key. Without one it travels under its
own, as it does at every other provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from uuid import UUID, uuid5

from smsp.mail import Submission
from smsp.providers.encoding.body import digest_of
from smsp.providers.kinds import HttpCall

ASK_AGAIN_AFTER_S = (0.5, 1.0, 2.0, 4.0)
"""The pauses before a doubtful call is made again. In all well below the shortest life of a key:
Brevo keeps one for 30 minutes."""

_NAMESPACE = UUID("6f0f4a0e-9f5b-4c55-8f55-5a0a4f3f4f9b")


def repeatable(submission: Submission) -> Submission:
    """The message in the one form that all its repetitions have.

    The order of headers and of metadata makes no other message (:func:`smsp.mail.fingerprint`), so
    it must make no other request.
    """
    if submission.idempotency_key is None:
        return submission
    headers, metadata = _in_order(submission.mail.headers), _in_order(submission.mail.metadata)
    mail = submission.mail
    if headers is not mail.headers or metadata is not mail.metadata:
        mail = replace(mail, headers=headers, metadata=metadata)
    return replace(
        submission,
        id=uuid5(_NAMESPACE, f"{submission.owner}\n{submission.idempotency_key}"),
        mail=mail,
    )


def key_of(submission: Submission, call: HttpCall) -> UUID:
    """The same for the same caller's same message in the same words, and for nothing else.

    UUIDv5 (RFC 9562 section 5.5) over the API key's name, the caller's key or else the message's
    id, and the SHA-256 of the encoded request.
    """
    name = (
        submission.idempotency_key if submission.idempotency_key is not None else str(submission.id)
    )
    return uuid5(_NAMESPACE, f"{submission.owner}\n{name}\n{digest_of(call.body)}")


def _in_order(strings: Mapping[str, str]) -> Mapping[str, str]:
    """By name; the same object if it is so already."""
    names = sorted(strings)
    if names == list(strings):
        return strings
    return MappingProxyType({name: strings[name] for name in names})
