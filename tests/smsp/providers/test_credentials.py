"""Settings of adapters: what is refused, and that a refusal never shows a value."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.sendgrid import SendGrid


@pytest.mark.parametrize("key", ["", "se cret", "secret\r\nX-Evil: 1", "secrét", "secret\x00"])
def test_a_key_that_does_not_fit_into_a_header_is_refused(key):
    """A key travels in a request header, and the message about a bad one does not repeat it."""
    with pytest.raises(ValidationError) as refusal:
        SendGrid(api_key=key)
    assert [error["loc"] for error in refusal.value.errors()] == [("api_key",)]
    assert "secr" not in str(refusal.value)
    assert "se cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "domain",
    ["", "localhost", "a/b.com", "a..com", "-a.com", "bücher.example", "a.com/..", "a b.c"],
)
def test_a_domain_that_is_none_is_refused(domain):
    """A domain becomes part of a path: a slash in it would ask for something else."""
    with pytest.raises(ValidationError, match="domain"):
        Mailgun(api_key="key", domain=domain)


def test_a_domain_is_kept_in_lower_case():
    """DNS knows no letter case."""
    assert Mailgun(api_key="key", domain="MG.Example.com").domain == "mg.example.com"


def test_a_region_that_does_not_exist_is_refused():
    """A misspelt region must not become a host name."""
    with pytest.raises(ValidationError, match="region"):
        SendGrid(api_key="key", region="mars")
