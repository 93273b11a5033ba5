"""What an operator hears of a probe before the first one is made."""

from __future__ import annotations

import pytest

from smsp.providers import KINDS
from smsp.settings import load
from tests.kit.environments import KEY, doubts_of, mistakes_in

ACCOUNTS = {
    "mailgun": {"API_KEY": "mailgun-secret", "DOMAIN": "mg.example.org"},
    "sendgrid": {"API_KEY": "sendgrid-secret"},
    "brevo": {"API_KEY": "brevo-secret"},
    "resend": {"API_KEY": "resend-secret"},
    "scaleway": {"SECRET_KEY": "secret", "PROJECT_ID": "5c1f2a3b-0d4e-4f60-8a7b-9c0d1e2f3a4b"},
    "smtp": {"HOST": "127.0.0.1"},
}
REAL = "poll@shop.company"
"""Of a domain that somebody can have."""


def environ_of(kind: str, probe: str, address: str = REAL) -> dict[str, str]:
    """SMSP with one provider, probed like this."""
    own = {f"SMSP_{kind.upper()}_{name}": text for name, text in ACCOUNTS[kind].items()}
    return own | {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": address,
        "SMSP_PROVIDERS": kind,
        f"SMSP_{kind.upper()}_PROBE": probe,
    }


def warnings_of(kind: str, probe: str, address: str = REAL) -> tuple[str, ...]:
    """What is told at the start of it."""
    return doubts_of(load(environ_of(kind, probe, address)))


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("probe", ["auto", "message", "status"])
def test_a_probe_that_can_pass_is_taken(kind, probe):
    """``status`` needs a status call; ``message`` needs a poll message that is carried."""
    refused = {
        *(("status", name) for name in ("sendgrid", "brevo", "smtp")),
        ("message", "scaleway"),  # "poll" is too short a text for it
    }
    found = mistakes_in(environ_of(kind, probe), KINDS)
    assert set(found) == ({f"SMSP_{kind.upper()}_PROBE"} if (probe, kind) in refused else set())


@pytest.mark.parametrize(
    "domain", ["example.com", "mail.example.org", "a.test", "b.invalid", "c.example", "LOCALHOST"]
)
def test_a_message_that_nobody_can_get_is_refused_where_the_provider_refuses_it(domain):
    """Resend takes none for example domains, so such a probe could never close a circuit."""
    address = f"poll@{domain}"
    found = mistakes_in(environ_of("resend", "message", address), KINDS)

    assert found["SMSP_RESEND_PROBE"].startswith("cannot be message: ")
    assert mistakes_in(environ_of("resend", "auto", address), KINDS) == {}
    assert mistakes_in(environ_of("sendgrid", "message", address), KINDS) == {}
    (warning,) = warnings_of("sendgrid", "message", address)
    assert warning.endswith("an address that nobody has")


@pytest.mark.parametrize("domain", ["example.company", "notexample.com", "test.company"])
def test_other_domains_are_somebody_s(domain):
    """Only those set aside are refused."""
    assert mistakes_in(environ_of("resend", "message", f"poll@{domain}"), KINDS) == {}


def test_a_local_part_that_a_provider_cannot_carry_is_told():
    """A real message from and to the poll address would not be carried either."""
    found = mistakes_in(environ_of("resend", "message", "pöll@shop.company"), KINDS)
    assert "needs_smtputf8" in found["SMSP_RESEND_PROBE"]


@pytest.mark.parametrize(
    ("kind", "probe", "words"),
    [
        ("mailgun", "auto", "is billed; status costs nothing"),
        ("resend", "auto", "counts against its plan or quota; status costs nothing"),
        ("mailgun", "status", None),
        ("sendgrid", "auto", None),
        ("smtp", "auto", None),
        ("sendgrid", "message", "a real message to SMSP_POLL_MESSAGE_ADDRESS"),
        ("smtp", "message", "a real message to SMSP_POLL_MESSAGE_ADDRESS"),
    ],
)
def test_what_a_probe_costs_is_told(kind, probe, words):
    """Before an outage makes many of them; a free one needs no words."""
    told = warnings_of(kind, probe)
    assert [warning for warning in told if words and words in warning] == list(told)
    assert len(told) == (words is not None)
    assert not any(REAL in warning for warning in told)


def test_what_plays_a_provider_on_this_machine_sends_no_bill():
    """As in the demo; a provider behind an address of another machine may be the real one."""
    environ = environ_of("mailgun", "auto")
    here = environ | {"SMSP_MAILGUN_BASE_URL": "http://127.0.0.1:8081"}
    assert doubts_of(load(here)) == ()
    assert doubts_of(load(environ | {"SMSP_MAILGUN_BASE_URL": "https://egress.example.org"}))
    assert doubts_of(load(here | {"SMSP_MAILGUN_PROBE": "message"}))
