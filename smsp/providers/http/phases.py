"""PURE. How far an exchange had come when it broke, and what that proves.

The phase decides between ``NotSent`` and ``Unknown``; the exception only names the reason. A
reset in mid-body and a reset after the last byte raise the same exception, so the exception alone
would lie. The source of the phase is httpx's ``trace`` extension
(:mod:`smsp.providers.http.exchange`).

::

    WAITING → CONNECTING → SECURING → WRITING → WRITTEN → ANSWERED
    └────────────── not sent ───────────────┘  └ unknown ┘ └ the answer decides ┘

An incomplete request is not processed (RFC 9112 section 8), so until the last byte has been
handed to the socket nothing was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

import httpx

from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Unknown


class Phase(Enum):
    """What an exchange is doing."""

    WAITING = auto()
    """for a free connection of our own pool"""
    CONNECTING = auto()
    """resolving the name, TCP"""
    SECURING = auto()
    """TLS"""
    WRITING = auto()
    """the last byte has not been handed to the socket"""
    WRITTEN = auto()
    """every byte has; no status line yet"""
    ANSWERED = auto()
    """the status line and the headers have come"""


class Failure(Enum):
    """How an exchange can end without a whole answer."""

    BROKEN = auto()
    """the connection broke, could not be made, or carried something that is not HTTP"""
    TIMED_OUT = auto()
    """the phase took longer than it may"""
    OURS = auto()
    """the request that we built cannot be sent"""
    STARVED = auto()
    """this node lacks what it takes: descriptors, memory, threads, local ports"""


FAILURES: Mapping[type[httpx.TransportError], Failure] = MappingProxyType(
    {
        httpx.TransportError: Failure.BROKEN,
        httpx.TimeoutException: Failure.TIMED_OUT,
        httpx.ConnectTimeout: Failure.TIMED_OUT,
        httpx.ReadTimeout: Failure.TIMED_OUT,
        httpx.WriteTimeout: Failure.TIMED_OUT,
        httpx.PoolTimeout: Failure.TIMED_OUT,
        httpx.NetworkError: Failure.BROKEN,
        httpx.ConnectError: Failure.BROKEN,
        httpx.ReadError: Failure.BROKEN,
        httpx.WriteError: Failure.BROKEN,
        httpx.CloseError: Failure.BROKEN,
        httpx.ProtocolError: Failure.BROKEN,
        httpx.RemoteProtocolError: Failure.BROKEN,
        httpx.LocalProtocolError: Failure.OURS,
        httpx.ProxyError: Failure.BROKEN,
        httpx.UnsupportedProtocol: Failure.OURS,
    }
)
"""Every exception that httpx can raise from a transport. A test holds it complete."""

_BAD_REQUEST = NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
_STARVED = NotSent(Reason.NO_RESOURCES, Blame.NOBODY)
_STARVED_IN_DOUBT = Unknown(Reason.NO_RESOURCES, Blame.NOBODY)
_LOST = Unknown(Reason.CONNECTION_LOST)

OUTCOMES: Mapping[tuple[Phase, Failure], Outcome] = MappingProxyType(
    {
        (Phase.WAITING, Failure.BROKEN): NotSent(Reason.POOL_WAIT, Blame.NOBODY),
        (Phase.WAITING, Failure.TIMED_OUT): NotSent(Reason.POOL_WAIT, Blame.NOBODY),
        (Phase.WAITING, Failure.OURS): _BAD_REQUEST,
        (Phase.WAITING, Failure.STARVED): _STARVED,
        (Phase.CONNECTING, Failure.BROKEN): NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
        (Phase.CONNECTING, Failure.TIMED_OUT): NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.CONNECTING, Failure.OURS): _BAD_REQUEST,
        (Phase.CONNECTING, Failure.STARVED): _STARVED,
        (Phase.SECURING, Failure.BROKEN): NotSent(Reason.TLS_FAILED, Blame.PROVIDER),
        (Phase.SECURING, Failure.TIMED_OUT): NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.SECURING, Failure.OURS): _BAD_REQUEST,
        (Phase.SECURING, Failure.STARVED): _STARVED,
        (Phase.WRITING, Failure.BROKEN): NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        (Phase.WRITING, Failure.TIMED_OUT): NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        (Phase.WRITING, Failure.OURS): _BAD_REQUEST,
        (Phase.WRITING, Failure.STARVED): _STARVED,
        (Phase.WRITTEN, Failure.BROKEN): _LOST,
        (Phase.WRITTEN, Failure.TIMED_OUT): Unknown(Reason.TIMEOUT),
        (Phase.WRITTEN, Failure.OURS): _LOST,
        (Phase.WRITTEN, Failure.STARVED): _STARVED_IN_DOUBT,
        # After the status line a cut body is not a failure of the exchange: the adapter reads
        # what came. These rows hold if even that could not be done.
        (Phase.ANSWERED, Failure.BROKEN): _LOST,
        (Phase.ANSWERED, Failure.TIMED_OUT): _LOST,
        (Phase.ANSWERED, Failure.OURS): _LOST,
        (Phase.ANSWERED, Failure.STARVED): _STARVED_IN_DOUBT,
    }
)
"""The table. Complete by construction of both enumerations; a test holds it so."""


def failure_of(error: httpx.TransportError) -> Failure:
    """The kind of failure that an exception tells of; of its nearest known class."""
    return next(FAILURES[cls] for cls in type(error).__mro__ if cls in FAILURES)
