"""PURE. How often: the token bucket, and failed attempts by address."""

from __future__ import annotations

from collections import OrderedDict

FAILURES_AT_ONCE = 20
FAILURES_PER_SECOND = 0.5
"""How often one address may show a wrong key and be told so; beyond it it is told to wait."""
ADDRESSES_MAX = 10_000

# A wait that has been waited to the end must be enough, in floating point too.
_ONE = 1 - 1e-6


class Bucket:
    """Lets ``per_second`` pass on average, and ``burst`` (1 or more) at once when nobody came.

    ``now`` is any clock in seconds that does not go back.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> float:
        """0 for who may pass, which costs a token; else the seconds until somebody may."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
        if self._tokens >= _ONE:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.per_second

    def give_back(self) -> None:
        """Whoever passed last did nothing that counts."""
        self._tokens = min(self._burst, self._tokens + 1)


class Failures:
    """Wrong keys, counted by the address they came from. Of more addresses than it remembers, the
    one that has been quiet for longest is forgotten."""

    def __init__(self, addresses_max: int = ADDRESSES_MAX) -> None:
        self._addresses_max = addresses_max
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    @property
    def addresses(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def failed(self, address: str, now: float) -> float:
        """One more from there. 0 while that is bearable, else the seconds it should wait."""
        bucket = self._buckets.pop(address, None) or Bucket(FAILURES_PER_SECOND, FAILURES_AT_ONCE)
        self._buckets[address] = bucket
        if len(self._buckets) > self._addresses_max:
            self._buckets.popitem(last=False)
        return bucket.take(now)
