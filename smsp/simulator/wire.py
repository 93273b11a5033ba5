"""PURE. What crosses the line between a simulated provider's HTTP and its judgement.

Owns the values (request, submission, answer) and the :class:`ProviderApi` that each provider's
dialect fulfils. Must not know sockets, time or what happens to a submission afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import orjson

THROTTLE_S = 2
"""The pause a throttling provider asks for, in seconds."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole. ``path`` has no query; ``headers`` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """One HTTP answer. Length, date and connection headers are the server's to add."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Submission:
    """A message the provider would take. ``test`` marks one that is checked and then let go.

    ``recipients`` are those for whom it would take it, ``refused`` the others, where a provider
    judges them one by one.
    """

    smsp_id: str | None
    recipients: tuple[str, ...]
    subject: str
    test: bool = False
    refused: tuple[str, ...] = ()


class Verdict(Enum):
    """What a provider says about a message it has read; each wire has its own words for it."""

    ACCEPTED = auto()
    BAD_RECIPIENT = auto()
    SENDER_NOT_ALLOWED = auto()
    THROTTLED = auto()
    UNAUTHORISED = auto()
    NO_CREDITS = auto()
    ERROR = auto()
    BUSY = auto()


class ProviderApi(Protocol):
    """One provider's HTTP API, as far as sending and probing need it."""

    @property
    def name(self) -> str:
        """The provider's name in the outbox and on the control port."""

    def read(self, request: Request) -> Submission | SimulatedAnswer:
        """A message to take, or the answer that ends it here. Never raises, whatever the bytes."""

    def answer(
        self, verdict: Verdict, submission: Submission, *, number: int, now: float
    ) -> SimulatedAnswer:
        """Say the verdict in this provider's words.

        ``number`` is the message's place in the outbox (for its id), ``now`` Unix time in seconds
        (for providers that name an absolute moment).
        """


def json_answer(status: int, content: object, *headers: tuple[str, str]) -> SimulatedAnswer:
    """An answer whose body is this value as JSON."""
    return SimulatedAnswer(
        status, (("Content-Type", "application/json"), *headers), orjson.dumps(content)
    )


def looks_like_address(text: str) -> bool:
    """Whether this could be an addr-spec: something, ``@``, a domain without blanks."""
    local, _, domain = text.rpartition("@")
    return bool(local and domain) and text.isprintable() and not any(map(str.isspace, domain))
