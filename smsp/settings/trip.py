"""PURE. ``SMSP_TRIP``: when a circuit opens, as an operator writes it.

============================ ======================================================
``first-failure``            any failed call (the default)
``consecutive:5``            five failed calls in a row
``rate:50%/20``              half of the last 20 calls, not before there are 20
``rate:50%/30s``             half of the calls of the last 30 s, not below ten
``slow:80%>1s/20``           80 % of the last 20 calls failed or took more than 1 s
============================ ======================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from actors.trip import (
    Consecutive,
    FailureRate,
    FailureRateOver,
    FirstFailure,
    SlowCalls,
    TripRule,
)

CALLS_MAX = 1000
WINDOW_S_MAX = 3600.0
FORMS = "first-failure, consecutive:5, rate:50%/20, rate:50%/30s or slow:80%>1s/20"

_NUMBER = r"([0-9]{1,4}(?:\.[0-9]{1,3})?)"
_COUNT = r"([0-9]{1,4})"


def parse_trip(text: str) -> TripRule:
    """The rule that ``text`` names. Raises :class:`ValueError` with the forms it may have."""
    for form, build in _BUILDERS.items():
        found = re.fullmatch(form, text)
        if found is not None:
            return build(*found.groups())
    raise ValueError(f"must have one of the forms {FORMS}")


def _consecutive(count: str) -> TripRule:
    return Consecutive(_calls(count))


def _rate(percent: str, calls: str) -> TripRule:
    return FailureRate(_percent(percent), _calls(calls))


def _rate_over(percent: str, seconds: str) -> TripRule:
    return FailureRateOver(_percent(percent), _seconds(seconds))


def _slow(percent: str, slower_than: str, calls: str) -> TripRule:
    return SlowCalls(_percent(percent), _seconds(slower_than), _calls(calls))


_BUILDERS: Mapping[str, Callable[..., TripRule]] = MappingProxyType(
    {
        r"first-failure": FirstFailure,
        rf"consecutive:{_COUNT}": _consecutive,
        rf"rate:{_NUMBER}%/{_COUNT}": _rate,
        rf"rate:{_NUMBER}%/{_NUMBER}s": _rate_over,
        rf"slow:{_NUMBER}%>{_NUMBER}s/{_COUNT}": _slow,
    }
)


def _percent(text: str) -> float:
    percent = float(text)
    if not 0 < percent <= 100:
        raise ValueError("must have a percentage above 0 and at most 100")
    return percent


def _calls(text: str) -> int:
    calls = int(text)
    if not 1 <= calls <= CALLS_MAX:
        raise ValueError(f"must have a number of calls from 1 to {CALLS_MAX}")
    return calls


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= WINDOW_S_MAX:
        raise ValueError(f"must have a time above 0 and at most {WINDOW_S_MAX:g} s")
    return seconds
