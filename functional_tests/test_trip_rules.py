"""When a circuit opens: each form of ``SMSP_TRIP``, each on an account of its own."""

from __future__ import annotations

from itertools import repeat

import pytest

from functional_tests.kit.simulators import account

RULES = {
    "first": "first-failure",
    "row": "consecutive:3",
    "rate": "rate:50%/6",
    "timed": "rate:50%/60s",
    "slow": "slow:60%>0.15s/5",
}
FINE, FAILS, SLOW = "bob@example.org", "error@example.org", "slow-250ms@example.org"


def SETTINGS(simulators):  # noqa: N802 - the fixture's name for it
    """An account for each rule."""
    accounts = {"PROVIDERS": ",".join(RULES), "CALL_TIMEOUT": "5"}
    # What the usual two have is not for accounts of other names.
    accounts |= dict.fromkeys(("MAILGUN_API_KEY", "MAILGUN_DOMAIN", "MAILGUN_BASE_URL"), "")
    accounts |= dict.fromkeys(("SENDGRID_API_KEY", "SENDGRID_BASE_URL"), "")
    for name, rule in RULES.items():
        accounts |= account(simulators, name, TRIP=rule)
    return accounts


@pytest.fixture
def opened_by(smsp):
    """Send to these recipients in turn; why this account's circuit opened at the last, if so.

    If it opened before that, the test fails.
    """

    def send(name, *recipients):
        before = smsp.openings(name)
        for recipient in recipients:
            assert smsp.openings(name) == before, f"before {recipient}"
            smsp.send(recipient, provider=name)
        return [reason for at, reason in smsp.openings(name) if (at, reason) not in before]

    return send


def test_first_failure(opened_by):
    """The first failed call opens, however many went well before."""
    assert opened_by("first", FINE, FINE, FAILS) == ["server_error"]


def test_consecutive(opened_by):
    """Three in a row open; one that goes well between them makes the count begin anew."""
    assert opened_by("row", FAILS, FAILS, FINE, FAILS, FAILS, FAILS) == ["server_error"]


def test_rate_of_the_last_calls(opened_by):
    """Half of the last six open, not before there are six; the window slides."""
    assert opened_by("rate", FAILS, FAILS, FINE, FINE, FINE, FINE, FAILS, FAILS, FAILS) == [
        "server_error"
    ]


def test_rate_of_the_last_seconds(opened_by):
    """Half of the calls of the last minute open, not before there are ten."""
    assert opened_by("timed", *repeat(FINE, 5), *repeat(FAILS, 5)) == ["server_error"]


def test_slow_calls(opened_by):
    """Three slow calls of five open, though all of them were sent."""
    assert opened_by("slow", SLOW, FINE, SLOW, FINE, SLOW) == ["slow"]


def test_closing_forgets(smsp, opened_by):
    """What opened a circuit is not held against it once it has closed."""
    assert opened_by("row", FAILS, FAILS, FAILS) == ["server_error"]
    smsp.wait_for_state("row", "closed")
    assert opened_by("row", FAILS, FAILS) == []


def test_an_account_fault_opens_under_every_rule(smsp, opened_by):
    """A key that is refused will not be taken at the second try either."""
    assert opened_by("timed", "unauthorised@example.org") == ["unauthorised"]
