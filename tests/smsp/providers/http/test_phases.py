"""The table that decides between not sent and unknown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from smsp.mail.outcome import Blame, NotSent, Reason, Unknown
from smsp.providers.http.phases import FAILURES, OUTCOMES, HttpFailure, Phase, failure_of

BEFORE_THE_LAST_BYTE = (Phase.WAITING, Phase.CONNECTING, Phase.SECURING, Phase.WRITING)
AFTER_THE_LAST_BYTE = (Phase.WRITTEN, Phase.ANSWERED)


def descendants(cls: type) -> Iterator[type]:
    """The class and all that derive from it, of httpx's own."""
    if cls.__module__.startswith("httpx"):
        yield cls
    for child in cls.__subclasses__():
        yield from descendants(child)


def test_complete():
    """Every phase has a row for every failure, and there are no others."""
    assert set(OUTCOMES) == set(product(Phase, HttpFailure))


def test_every_phase_is_on_one_side():
    """The last byte divides the phases into two, with none left over."""
    assert set(BEFORE_THE_LAST_BYTE) | set(AFTER_THE_LAST_BYTE) == set(Phase)
    assert set(BEFORE_THE_LAST_BYTE).isdisjoint(AFTER_THE_LAST_BYTE)


@pytest.mark.parametrize("failure", HttpFailure)
@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
def test_before_the_last_byte(phase, failure):
    """Until the last byte is handed to the socket nothing was sent, whatever broke."""
    assert isinstance(OUTCOMES[phase, failure], NotSent)


@pytest.mark.parametrize("failure", HttpFailure)
@pytest.mark.parametrize("phase", AFTER_THE_LAST_BYTE)
def test_after_the_last_byte(phase, failure):
    """From the last byte on nobody knows, whatever broke."""
    assert isinstance(OUTCOMES[phase, failure], Unknown)


WAITS = NotSent(Reason.POOL_WAIT, Blame.NOBODY)
BAD = NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)
STARVED = NotSent(Reason.NO_RESOURCES, Blame.NOBODY)
IN_DOUBT = Unknown(Reason.NO_RESOURCES, Blame.NOBODY)
UNREACHED = NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
LOST = Unknown(Reason.CONNECTION_LOST, Blame.PROVIDER)

TRUTH = {
    #                      broken, timed out, ours, starved
    Phase.WAITING: (WAITS, WAITS, BAD, STARVED),
    Phase.CONNECTING: (
        NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
        UNREACHED,
        BAD,
        STARVED,
    ),
    Phase.SECURING: (NotSent(Reason.TLS_FAILED, Blame.PROVIDER), UNREACHED, BAD, STARVED),
    Phase.WRITING: (
        NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        BAD,
        STARVED,
    ),
    Phase.WRITTEN: (LOST, Unknown(Reason.TIMEOUT, Blame.PROVIDER), LOST, IN_DOUBT),
    Phase.ANSWERED: (LOST, LOST, LOST, IN_DOUBT),
}
KINDS = (HttpFailure.BROKEN, HttpFailure.TIMED_OUT, HttpFailure.OURS, HttpFailure.STARVED)


@pytest.mark.parametrize("phase", TRUTH, ids=lambda phase: phase.name)
def test_what_each_failure_proves(phase):
    """The provider is to blame for being unreachable, broken or slow; our own pool, what we built
    and what this node lacks are not its fault."""
    assert tuple(OUTCOMES[phase, failure] for failure in KINDS) == TRUTH[phase]


def test_every_error_of_httpx_has_its_row():
    """No exception that this release of httpx can raise from a transport is left to chance."""
    assert set(FAILURES) == set(descendants(httpx.TransportError))


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (httpx.TransportError, HttpFailure.BROKEN),
        (httpx.NetworkError, HttpFailure.BROKEN),
        (httpx.ConnectError, HttpFailure.BROKEN),
        (httpx.ReadError, HttpFailure.BROKEN),
        (httpx.WriteError, HttpFailure.BROKEN),
        (httpx.CloseError, HttpFailure.BROKEN),
        (httpx.ProtocolError, HttpFailure.BROKEN),
        (httpx.RemoteProtocolError, HttpFailure.BROKEN),
        (httpx.ProxyError, HttpFailure.BROKEN),
        (httpx.TimeoutException, HttpFailure.TIMED_OUT),
        (httpx.ConnectTimeout, HttpFailure.TIMED_OUT),
        (httpx.ReadTimeout, HttpFailure.TIMED_OUT),
        (httpx.WriteTimeout, HttpFailure.TIMED_OUT),
        (httpx.PoolTimeout, HttpFailure.TIMED_OUT),
        (httpx.LocalProtocolError, HttpFailure.OURS),
        (httpx.UnsupportedProtocol, HttpFailure.OURS),
    ],
    ids=lambda value: getattr(value, "name", None) or value.__name__,
)
def test_failure_of_each(error, failure):
    """What took too long timed out, what we should not have asked for is ours, the rest broke."""
    assert failure_of(error("boom")) is failure


def test_failure_of_a_stranger():
    """An error that a later httpx may bring is of the kind of its nearest known class."""

    class StrangeTimeout(httpx.ReadTimeout):
        """Not known to the table."""

    class Strange(httpx.TransportError):
        """Not known either."""

    assert failure_of(StrangeTimeout("boom")) is HttpFailure.TIMED_OUT
    assert failure_of(Strange("boom")) is HttpFailure.BROKEN
