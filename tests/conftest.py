"""What all tests share: Hypothesis draws the same examples in every run, at whatever speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "smsp",
    deadline=None,  # timings belong in a benchmark
    derandomize=True,  # a red build is the code's fault
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("smsp")
