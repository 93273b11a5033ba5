"""What a process holds: memory, descriptors, threads, sampled from /proc; and whether that grows.

Owns the samples of one process and the straight line through them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, linear_regression

MEBIBYTE = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. ``at`` is Unix time in seconds."""

    at: float
    rss_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through the memory of a stretch of time, and its extremes."""

    seconds: float
    first_bytes: int
    last_bytes: int
    least_bytes: int
    most_bytes: int
    mean_bytes: float
    growth_bytes: float
    """Of the line, from its beginning to its end."""

    @property
    def growth(self) -> float:
        """As a share of the mean: 0.05 is 5 %."""
        return self.growth_bytes / self.mean_bytes

    @property
    def spread(self) -> float:
        """From the least to the most, as a share of the mean."""
        return (self.most_bytes - self.least_bytes) / self.mean_bytes


def sample(pid: int) -> Sample:
    """Look at a process of ours. :exc:`OSError` if it is gone."""
    proc = Path(f"/proc/{pid}")
    resident = int((proc / "statm").read_text().split()[1]) * _PAGE_BYTES
    descriptors = len(os.listdir(proc / "fd"))
    threads = len(os.listdir(proc / "task"))
    return Sample(time.time(), resident, descriptors, threads)


def trend(samples: Sequence[Sample]) -> Trend:
    """The line through at least two samples."""
    at = [one.at - samples[0].at for one in samples]
    rss = [one.rss_bytes for one in samples]
    line = linear_regression(at, rss)
    return Trend(
        seconds=at[-1],
        first_bytes=rss[0],
        last_bytes=rss[-1],
        least_bytes=min(rss),
        most_bytes=max(rss),
        mean_bytes=fmean(rss),
        growth_bytes=line.slope * at[-1],
    )


def after(samples: Sequence[Sample], seconds: float) -> Sequence[Sample]:
    """Those of later than so many seconds after the first one."""
    return [one for one in samples if one.at - samples[0].at >= seconds]
