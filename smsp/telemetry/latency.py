"""PURE. How long each provider's calls took in the last minute, as quantiles.

Durations are counted in buckets that grow by a twentieth, second by second, so a provider costs
the same few kilobytes whether it makes one call a minute or a thousand a second. A quantile is
right to about 2.5 percent. Knows nothing of circuits or mail; time is an argument.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from math import ceil, exp, floor, log

WINDOW_S = 60
SHORTEST_S, LONGEST_S = 0.0005, 600.0
"""Durations outside these bounds are counted at them."""

_GROWTH = log(1.05)
_LAST_BUCKET = floor(log(LONGEST_S / SHORTEST_S) / _GROWTH)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Half of the calls took no longer than ``p50`` seconds, and so on."""

    p50: float
    p90: float
    p99: float


class Latency:
    """The calls of the last minute, by provider. As many providers as there are circuits."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def record(self, provider: str, seconds: float, now: float) -> None:
        """A call ended ``now`` and took so long."""
        window = self._windows.get(provider)
        if window is None:
            window = self._windows[provider] = _Window()
        window.record(seconds, now)

    def quantiles(self, provider: str, now: float) -> Quantiles | None:
        """Of the calls that ended within the last minute; None if there were none."""
        window = self._windows.get(provider)
        return None if window is None else window.quantiles(now)


class _Window:
    """One slice for each second in which calls ended, and the sum of all slices."""

    def __init__(self) -> None:
        self._slices: deque[tuple[int, Counter[int]]] = deque()
        self._sum: Counter[int] = Counter()

    def record(self, seconds: float, now: float) -> None:
        self._forget(now)
        second = floor(now)
        if not self._slices or self._slices[-1][0] != second:
            self._slices.append((second, Counter()))
        bucket = _bucket(seconds)
        self._slices[-1][1][bucket] += 1
        self._sum[bucket] += 1

    def quantiles(self, now: float) -> Quantiles | None:
        self._forget(now)
        calls = self._sum.total()
        if not calls:
            return None
        buckets = sorted(self._sum.items())
        return Quantiles(*(_middle(_at(buckets, ceil(calls * q))) for q in (0.5, 0.9, 0.99)))

    def _forget(self, now: float) -> None:
        while self._slices and self._slices[0][0] <= now - WINDOW_S:
            self._sum.subtract(self._slices.popleft()[1])
            self._sum = +self._sum  # without the buckets that have run empty


def _bucket(seconds: float) -> int:
    longer = log(max(seconds, SHORTEST_S) / SHORTEST_S)
    return min(floor(longer / _GROWTH), _LAST_BUCKET)


def _middle(bucket: int) -> float:
    return SHORTEST_S * exp(_GROWTH * (bucket + 0.5))


def _at(buckets: list[tuple[int, int]], rank: int) -> int:
    """The bucket of the call with this rank, the shortest being 1."""
    for bucket, calls in buckets:
        rank -= calls
        if rank <= 0:
            return bucket
    return buckets[-1][0]
