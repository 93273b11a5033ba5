"""The table that decides between not sent and unknown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from smsp.outcome import Blame, NotSent, Reason, Unknown
from smsp.providers.phases import FAILURES, OUTCOMES, Failure, Phase, failure_of

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
    assert set(OUTCOMES) == set(product(Phase, Failure))


def test_every_phase_is_on_one_side():
    """The last byte divides the phases into two, with none left over."""
    assert set(BEFORE_THE_LAST_BYTE) | set(AFTER_THE_LAST_BYTE) == set(Phase)
    assert set(BEFORE_THE_LAST_BYTE).isdisjoint(AFTER_THE_LAST_BYTE)


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
def test_before_the_last_byte(phase, failure):
    """Until the last byte is handed to the socket nothing was sent, whatever broke."""
    assert isinstance(OUTCOMES[phase, failure], NotSent)


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("phase", AFTER_THE_LAST_BYTE)
def test_after_the_last_byte(phase, failure):
    """From the last byte on nobody knows, whatever broke."""
    assert isinstance(OUTCOMES[phase, failure], Unknown)


@pytest.mark.parametrize(
    ("phase", "failure", "reason", "blame"),
    [
        (Phase.WAITING, Failure.TIMED_OUT, Reason.POOL_WAIT, Blame.NOBODY),
        (Phase.CONNECTING, Failure.BROKEN, Reason.CONNECT_FAILED, Blame.PROVIDER),
        (Phase.CONNECTING, Failure.TIMED_OUT, Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.SECURING, Failure.BROKEN, Reason.TLS_FAILED, Blame.PROVIDER),
        (Phase.SECURING, Failure.TIMED_OUT, Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        (Phase.WRITING, Failure.BROKEN, Reason.WRITE_FAILED, Blame.PROVIDER),
        (Phase.WRITING, Failure.TIMED_OUT, Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        (Phase.WRITTEN, Failure.BROKEN, Reason.CONNECTION_LOST, Blame.PROVIDER),
        (Phase.WRITTEN, Failure.TIMED_OUT, Reason.TIMEOUT, Blame.PROVIDER),
    ],
)
def test_what_each_tells(phase, failure, reason, blame):
    """The provider is to blame for being unreachable, broken or slow; our own pool is not it."""
    outcome = OUTCOMES[phase, failure]
    assert (outcome.reason, outcome.blame) == (reason, blame)


@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
def test_our_own_mistake(phase):
    """A request that we cannot even send says nothing about the provider."""
    assert OUTCOMES[phase, Failure.OURS] == NotSent(Reason.INVALID_REQUEST, Blame.NOBODY)


def test_every_error_of_httpx_has_its_row():
    """No exception that this release of httpx can raise from a transport is left to chance."""
    assert set(FAILURES) == set(descendants(httpx.TransportError))


@pytest.mark.parametrize("error", FAILURES, ids=lambda cls: cls.__name__)
def test_failure_of_each(error):
    """An error is of the kind its row says."""
    assert failure_of(error("boom")) is FAILURES[error]


def test_failure_of_a_stranger():
    """An error that a later httpx may bring is of the kind of its nearest known class."""

    class StrangeTimeout(httpx.ReadTimeout):
        """Not known to the table."""

    class Strange(httpx.TransportError):
        """Not known either."""

    assert failure_of(StrangeTimeout("boom")) is Failure.TIMED_OUT
    assert failure_of(Strange("boom")) is Failure.BROKEN
