"""Who gets a message, and why the others do not: weights, sender domains, pins, a dry run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.simulators import account

MESSAGES = 400
OURS, THEIRS, NOBODYS = "a@mail.example.com", "a@shop.example.net", "a@example.org"


def SETTINGS(simulators):  # noqa: N802 - the fixture's name for it
    """Mailgun for one domain, SendGrid for two, and an account for whatever there is."""
    return {
        "PROVIDERS": "mailgun,sendgrid,spare",
        "MAILGUN_FROM_DOMAINS": "mail.example.com",
        "SENDGRID_FROM_DOMAINS": "shop.example.net,mail.example.com",
        **account(simulators, "spare"),
    }


def dry_run(smsp, **fields):
    """The route of a message that is not sent, and why each other provider is skipped."""
    message = {"fromaddress": OURS, "toaddress": "bob@example.org", "subject": "hello"}
    answer = smsp.http.post("/email", params={"dryrun": "true"}, json=message | fields)
    told = answer.raise_for_status().json()
    assert told["valid"]
    return told["route"], {one["provider"]: one["reason"] for one in told["skipped"]}


@pytest.mark.parametrize(
    ("sender", "provider"), [(OURS, "mailgun"), (THEIRS, "sendgrid"), (NOBODYS, "spare")]
)
def test_from_domains(smsp, simulators, sender, provider):
    """A message goes to the first provider that is set up for its sender's domain."""
    answer = smsp.send(fromaddress=sender)
    assert answer.body["provider"] == provider
    audit_all([answer], simulators.taken())


def test_from_domains_hold_for_failover(smsp, simulators):
    """A provider that may not send for a domain is no way out either."""
    simulators.turn("mailgun", "down")
    answer = smsp.send(fromaddress=THEIRS)
    assert answer.body["provider"] == "sendgrid"
    # The spare account is with Mailgun, too.
    assert smsp.send(fromaddress=NOBODYS).outcome == "not_sent"


@pytest.mark.parametrize(
    ("fields", "route", "skipped"),
    [
        ({}, ["mailgun", "sendgrid", "spare"], {}),
        ({"fromaddress": THEIRS}, ["sendgrid", "spare"], {"mailgun": "sender_not_routed"}),
        (
            {"provider": "sendgrid"},
            ["sendgrid"],
            {"mailgun": "not_pinned", "spare": "not_pinned"},
        ),
        (
            {"provider": "mailgun", "fromaddress": NOBODYS},
            [],
            {"mailgun": "sender_not_routed", "sendgrid": "not_pinned", "spare": "not_pinned"},
        ),
        (
            {"toaddress": "bøb@example.org"},
            [],
            dict.fromkeys(("mailgun", "sendgrid", "spare"), "needs_smtputf8"),
        ),
        (
            {"plaintextbody": "x" * 25_100_000},
            ["sendgrid"],
            dict.fromkeys(("mailgun", "spare"), "too_large"),
        ),
        (
            {"headers": {f"X-{n}": "x" * 990 for n in range(16)}},
            ["sendgrid"],
            dict.fromkeys(("mailgun", "spare"), "headers_too_large"),
        ),
        (
            {"attachments": [{"filename": "März.pdf", "contenttype": "a/b", "content": "YQ=="}]},
            ["mailgun", "spare"],
            {"sendgrid": "needs_ascii_filenames"},
        ),
    ],
    ids=[
        "any",
        "domain",
        "pinned",
        "pinned and not routed",
        "not carried",
        "too large for one",
        "headers too large for one",
        "a file name that one garbles",
    ],
)
def test_a_dry_run(smsp, simulators, fields, route, skipped):
    """It tells the route and, for each other provider, why not; nothing is sent."""
    assert dry_run(smsp, **fields) == (route, skipped)
    assert simulators.taken() == {}


def test_weights(start_smsp, simulators):
    """Each provider takes its share of the messages, more or less; each message is sent once."""
    smsp = start_smsp(ROUTING="weighted", MAILGUN_WEIGHT="1", SENDGRID_WEIGHT="3")
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(smsp.send, repeat("bob@example.org", MESSAGES)))
    audit_all(answers, simulators.taken())
    share = simulators.accepted()["sendgrid"] / MESSAGES
    # Five standard deviations to either side: one run in two million is off by more.
    assert 0.75 - 0.11 < share < 0.75 + 0.11


def test_weight_nothing(start_smsp, simulators):
    """A provider of weight 0 is for when the others refuse, and then it takes everything."""
    smsp = start_smsp(ROUTING="weighted", MAILGUN_WEIGHT="0", SENDGRID_WEIGHT="1")
    answers = [smsp.send() for _ in range(20)]
    assert simulators.accepted() == {"sendgrid": 20}
    simulators.turn("sendgrid", "down")
    answers += [smsp.send() for _ in range(5)]
    assert simulators.accepted() == {"sendgrid": 20, "mailgun": 5}
    audit_all(answers, simulators.taken())
