"""The audit, small: two thousand messages amid every fault there is, and not one untrue answer."""

from __future__ import annotations

from functional_tests.audit.promise import End
from functional_tests.audit.report import faults, report
from functional_tests.audit.run import Plan, audit
from functional_tests.audit.weather import DECK

SEED = 1982
"""The year of RFC 821."""
MESSAGES = 2_000
PER_S = 110.0
"""Slow enough for every fault to come."""


def test_two_thousand_messages(tmp_path):
    """Providers fail in every way, over TLS and without, refuse single recipients, are killed; a
    node is replaced, callers leave: no answer is untrue, nothing is doubled or lost, all circuits
    close, and nothing is left behind."""
    result = audit(Plan(MESSAGES, SEED, per_s=PER_S), tmp_path, print)
    print(report(result))
    assert faults(result) == []
    # What would make it easy: too little sent, or a fault that never came.
    assert result.messages == MESSAGES
    assert result.table[End.SENT, 1] > MESSAGES / 2
    assert result.partly > 0
    assert {trouble.name for trouble in DECK} <= set(result.timeline.counts)
    assert set(result.ends) >= set(End) - {End.SILENT, End.NONSENSE}
    assert result.timeline.counts["nodes replaced (SIGTERM)"] >= 1
