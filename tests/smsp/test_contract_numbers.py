"""The numbers that callers and operators were promised, as numbers.

Other tests import the constants, so that a change of one would go unseen there; here it does not.
"""

from __future__ import annotations

import pytest

from smsp import serve
from smsp.admission import rates
from smsp.mail import dispatched, outcome
from smsp.providers.http import exchange, idempotency, pool
from smsp.sending import ledger, steps
from smsp.server import listener
from smsp.server.connection import Limits
from smsp.web import body, replies, send_options
from smsp.web.circuits import HOLD_S_MAX
from tests.kit.environments import MOCK, loaded

PROMISED = [
    ("a key is kept for 24 h", ledger.KEPT_S, 86_400),
    ("messages without a key: the last 10,000", ledger.UNKEYED_MAX, 10_000),
    ("and for 1 h", ledger.UNKEYED_S, 3_600),
    ("Retry-After from 1 s", dispatched.RETRY_AFTER_S_MIN, 1),
    ("to 3600 s", dispatched.RETRY_AFTER_S_MAX, 3_600),
    ("60 s for a hold without end", steps.HOLD_WITHOUT_END_S, 60),
    ("SMSP-Deadline from 0.05 s", send_options.DEADLINE_S_MIN, 0.05),
    ("to 300 s", send_options.DEADLINE_S_MAX, 300),
    ("an Idempotency-Key of 256 characters", send_options.KEY_CHARACTERS_MAX, 256),
    ("100 refused recipients by name", outcome.REFUSED_LISTED_MAX, 100),
    ("detail of 200 characters", replies.DETAIL_CHARACTERS_MAX, 200),
    ("a hold of a week", HOLD_S_MAX, 604_800),
    ("a body in 60 s", body.BODY_S_MAX, 60),
    ("or 10 s and the time at 4 KiB/s", (body.BODY_GRACE_S, body.BODY_BYTES_PER_S_MIN), (10, 4096)),
    ("20 wrong keys at once", rates.FAILURES_AT_ONCE, 20),
    ("then one in 2 s", rates.FAILURES_PER_SECOND, 0.5),
    ("a head in 10 s", Limits().head_s, 10),
    ("of 100 headers", Limits().headers_max, 100),
    ("4,096 connections", Limits().connections_max, 4_096),
    ("idle ones for 75 s", serve.IDLE_S, 75),
    ("unread ones for 10 s", listener.UNREAD_MS_MAX, 10_000),
    ("a provider's answer of 256 KiB", exchange.BODY_BYTES_MAX, 262_144),
    ("its connections idle for 10 s", pool.IDLE_S, 10),
    ("asked again after these", idempotency.ASK_AGAIN_AFTER_S, (0.5, 1, 2, 4)),
    (
        "exit status when drained, cut, given up",
        (serve.EXIT_DRAINED, serve.EXIT_CUT, serve.EXIT_QUARANTINED),
        (0, 1, 70),
    ),
]


@pytest.mark.parametrize(("promise", "number", "promised"), PROMISED)
def test_a_number_is_what_was_promised(promise, number, promised):
    """Whoever changes one changes the contract."""
    assert number == promised, promise


@pytest.mark.parametrize(
    ("field", "promised"),
    [
        ("host", "127.0.0.1"),
        ("port", 8080),
        ("server", "smsp"),
        ("call_timeout_s", 2),
        ("poll_interval_s", 5),
        ("poll_interval_max_s", 60),
        ("max_in_flight", 256),
        ("settle_timeout_s", 30),
        ("idempotency_keys", 100_000),
        ("max_body_bytes", 26_214_400),
        ("max_buffered_bytes", 268_435_456),
        ("drain_timeout_s", 10),
        ("drain_delay_s", 0),
        ("failover", "safe"),
        ("routing", "priority"),
        ("log_format", "DEBUG"),
    ],
)
def test_a_default_is_what_was_promised(field, promised):
    """What nobody has set is as the contract says."""
    assert getattr(loaded(MOCK), field) == promised
