"""What all tests share: Hypothesis draws the same examples in every run, at whatever speed.

``--hypothesis-profile nightly`` draws many more, and others each night.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "smsp",
    max_examples=40,
    deadline=None,  # timings belong in a benchmark
    derandomize=True,  # a red build is the code's fault
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly", parent=settings.get_profile("smsp"), max_examples=2000, derandomize=False
)
settings.load_profile("smsp")
