"""PURE. How far an exchange had come when it broke, and what that proves.

Theory of operation. Whether a mail may be tried elsewhere hangs on one fact: had the provider the
whole request? An incomplete request is not processed (RFC 9112, section 8), so until the last byte
has been handed to the socket nothing was sent; from then on anything may have happened::

    WAITING → CONNECTING → SECURING → WRITING → WRITTEN → ANSWERED
    └────────────── not sent ───────────────┘  └ unknown ┘ └ the answer decides ┘
                  ▲──────────────────┘ once, if a kept connection had taken nothing

The phase decides between ``NotSent`` and ``Unknown``; the exception only names the reason. A reset
in mid-body and a reset after the last byte raise the same exception, so the exception alone would
lie. Who moves the phase, and when, is in :mod:`smsp.providers.http.exchange`; nothing here does.

Both are closed sets, and the outcome is a table over their product: what is not in it does not
exist. It errs towards doubt: ``Unknown`` of what was not sent costs somebody a question, the other
way round a mail comes twice. Blame is the provider's only where it could have done otherwise: what
this node lacks, or has built wrongly, opens no circuit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


OnPhase = Callable[[Phase], None]
"""Told each phase in the very step in which a call enters it. Never ``WAITING``, where it begins;
never ``CONNECTING`` and ``SECURING`` on a connection that stands."""

ON_PHASE = "smsp.on_phase"
"""The extension of an ``httpx.Request`` in which its transport finds an :data:`OnPhase`."""


class HttpFailure(Enum):
    """How an exchange can end without a whole answer."""

    BROKEN = auto()
    """the connection broke, could not be made, or carried something that is not HTTP"""
    TIMED_OUT = auto()
    """the phase took longer than it may"""
    OURS = auto()
    """the request that we built cannot be sent"""
    STARVED = auto()
    """this node lacks what it takes: descriptors, memory, threads, local ports"""


FAILURES: Mapping[type[httpx.TransportError], HttpFailure] = MappingProxyType(
    {
        httpx.TransportError: HttpFailure.BROKEN,
        httpx.TimeoutException: HttpFailure.TIMED_OUT,
        httpx.ConnectTimeout: HttpFailure.TIMED_OUT,
        httpx.ReadTimeout: HttpFailure.TIMED_OUT,
        httpx.WriteTimeout: HttpFailure.TIMED_OUT,
        httpx.PoolTimeout: HttpFailure.TIMED_OUT,
        httpx.NetworkError: HttpFailure.BROKEN,
        httpx.ConnectError: HttpFailure.BROKEN,
        httpx.ReadError: HttpFailure.BROKEN,
        httpx.WriteError: HttpFailure.BROKEN,
        httpx.CloseError: HttpFailure.BROKEN,
        httpx.ProtocolError: HttpFailure.BROKEN,
        httpx.RemoteProtocolError: HttpFailure.BROKEN,
        httpx.LocalProtocolError: HttpFailure.OURS,
        httpx.ProxyError: HttpFailure.BROKEN,
        httpx.UnsupportedProtocol: HttpFailure.OURS,
    }
)
"""Every exception that httpx can raise from a transport. A test holds it complete."""

_BAD_REQUEST = NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
_STARVED = NotSent(Reason.NO_RESOURCES, Blame.NOBODY)
_STARVED_IN_DOUBT = Unknown(Reason.NO_RESOURCES, Blame.NOBODY)
_LOST = Unknown(Reason.CONNECTION_LOST)

OUTCOMES: Mapping[tuple[Phase, HttpFailure], Outcome] = MappingProxyType(
    {
        (Phase.WAITING, HttpFailure.BROKEN): NotSent(Reason.POOL_WAIT, Blame.NOBODY),
        (Phase.WAITING, HttpFailure.TIMED_OUT): NotSent(Reason.POOL_WAIT, Blame.NOBODY),
        (Phase.WAITING, HttpFailure.OURS): _BAD_REQUEST,
        (Phase.WAITING, HttpFailure.STARVED): _STARVED,
        (Phase.CONNECTING, HttpFailure.BROKEN): NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
        (Phase.CONNECTING, HttpFailure.TIMED_OUT): NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.CONNECTING, HttpFailure.OURS): _BAD_REQUEST,
        (Phase.CONNECTING, HttpFailure.STARVED): _STARVED,
        (Phase.SECURING, HttpFailure.BROKEN): NotSent(Reason.TLS_FAILED, Blame.PROVIDER),
        (Phase.SECURING, HttpFailure.TIMED_OUT): NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.SECURING, HttpFailure.OURS): _BAD_REQUEST,
        (Phase.SECURING, HttpFailure.STARVED): _STARVED,
        (Phase.WRITING, HttpFailure.BROKEN): NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        (Phase.WRITING, HttpFailure.TIMED_OUT): NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        (Phase.WRITING, HttpFailure.OURS): _BAD_REQUEST,
        (Phase.WRITING, HttpFailure.STARVED): _STARVED,
        (Phase.WRITTEN, HttpFailure.BROKEN): _LOST,
        (Phase.WRITTEN, HttpFailure.TIMED_OUT): Unknown(Reason.TIMEOUT),
        (Phase.WRITTEN, HttpFailure.OURS): _LOST,
        (Phase.WRITTEN, HttpFailure.STARVED): _STARVED_IN_DOUBT,
        # After the status line a cut body is not a failure of the exchange: the adapter reads
        # what came. These rows hold if even that could not be done.
        (Phase.ANSWERED, HttpFailure.BROKEN): _LOST,
        (Phase.ANSWERED, HttpFailure.TIMED_OUT): _LOST,
        (Phase.ANSWERED, HttpFailure.OURS): _LOST,
        (Phase.ANSWERED, HttpFailure.STARVED): _STARVED_IN_DOUBT,
    }
)
"""The table. Complete by construction of both enumerations; a test holds it so."""


def failure_of(error: httpx.TransportError) -> HttpFailure:
    """The kind of failure that an exception tells of; of its nearest known class."""
    return next(FAILURES[cls] for cls in type(error).__mro__ if cls in FAILURES)
