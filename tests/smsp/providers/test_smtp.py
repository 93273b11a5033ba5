"""SMTP as an operator sets it up."""

from __future__ import annotations

import pytest

from smsp.providers import KINDS
from smsp.providers.smtp import Smtp
from smsp.settings import load
from smsp.settings.table import describe, variables
from tests.kit.environments import KEY, mistakes_in

SMTP = {
    "SMSP_API_KEY": KEY,
    "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
    "SMSP_PROVIDERS": "smtp",
    "SMSP_SMTP_HOST": "smtp.example.org",
}
LOGIN = {"SMSP_SMTP_USERNAME": "app", "SMSP_SMTP_PASSWORD": "hunter2 hunter2"}


def settings(**changes):
    """What SMSP makes of an environment with one SMTP server."""
    return load({**SMTP, **changes}, kinds=KINDS)


def mistakes(**changes):
    """What SMSP finds wrong with it."""
    return mistakes_in({**SMTP, **changes}, KINDS)


def test_a_host_is_all_that_is_needed():
    """The rest has defaults: STARTTLS is required, and there is no log-in."""
    (smtp,) = settings().providers
    assert smtp.kind == "smtp"
    assert smtp.own == Smtp(host="smtp.example.org")
    assert smtp.own.security == "starttls"


def test_everything_can_be_said():
    """Server, account and encryption."""
    (smtp,) = settings(SMSP_SMTP_PORT="2465", SMSP_SMTP_SECURITY="tls", **LOGIN).providers
    assert (smtp.own.port, smtp.own.security, smtp.own.username) == (2465, "tls", "app")
    assert smtp.own.password.get_secret_value() == "hunter2 hunter2"


def test_two_servers_have_settings_of_their_own():
    """As any kind, under names of the operator's."""
    changes = {
        "SMSP_PROVIDERS": "first,second",
        "SMSP_FIRST_KIND": "smtp",
        "SMSP_FIRST_HOST": "one.example.org",
        "SMSP_SECOND_KIND": "smtp",
        "SMSP_SECOND_HOST": "two.example.org",
    }
    first, second = settings(**changes).providers
    assert (first.own.host, second.own.host) == ("one.example.org", "two.example.org")


@pytest.mark.parametrize(
    ("changes", "timeout_s"),
    [
        ({}, 15.0),
        ({"SMSP_CALL_TIMEOUT": "3"}, 3.0),
        ({"SMSP_SMTP_TIMEOUT": "7"}, 7.0),
        ({"SMSP_CALL_TIMEOUT": "3", "SMSP_SMTP_TIMEOUT": "7"}, 7.0),
    ],
)
def test_smtp_is_given_more_time(changes, timeout_s):
    """Unless the operator has said how much, for this provider or for all."""
    (smtp,) = settings(**changes).providers
    assert smtp.timeout_s == timeout_s


def test_other_kinds_are_not():
    """Their default is that of all providers."""
    changes = {"SMSP_PROVIDERS": "smtp,sendgrid", "SMSP_SENDGRID_API_KEY": "SG.key"}
    _, sendgrid = settings(**changes).providers
    assert sendgrid.timeout_s == 2.0


@pytest.mark.parametrize("host", ["smtp.example.org", "10.0.0.1", "2001:db8::1"])
def test_nothing_goes_abroad_in_clear_text(host):
    """Unless the operator says in so many words that it may."""
    changes = {"SMSP_SMTP_HOST": host, "SMSP_SMTP_SECURITY": "none"}
    found = mistakes(**changes)
    assert list(found) == ["SMSP_SMTP_SECURITY"]
    assert "_ALLOW_PLAINTEXT=true would expose the credentials" in found["SMSP_SMTP_SECURITY"]
    assert mistakes(**changes, SMSP_SMTP_ALLOW_PLAINTEXT="true") == {}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_may_be_spoken_to_in_clear_text(host):
    """Nobody is on the way."""
    assert mistakes(SMSP_SMTP_HOST=host, SMSP_SMTP_SECURITY="none") == {}


def test_a_base_url_is_a_mistake_that_says_why():
    """It would have no effect."""
    found = mistakes(SMSP_SMTP_BASE_URL="https://smtp.example.org")
    assert found == {
        "SMSP_SMTP_BASE_URL": "must not be set: a provider of this kind is not reached by a URL"
    }


@pytest.mark.parametrize("only", LOGIN)
def test_a_log_in_is_whole_or_not_there(only):
    """A user without a password, or the other way round, is half a wish."""
    assert mistakes(**{only: LOGIN[only]}) == {
        "SMSP_SMTP_PASSWORD": "goes with USERNAME: set both or neither"
    }


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SMSP_SMTP_HOST", "smtp.example.org:25"),
        ("SMSP_SMTP_HOST", "smtp://smtp.example.org"),
        ("SMSP_SMTP_HOST", "smtp.example.org/x"),
        ("SMSP_SMTP_HOST", "bücher.example"),
        ("SMSP_SMTP_PORT", "0"),
        ("SMSP_SMTP_PORT", "65536"),
        ("SMSP_SMTP_PORT", "smtp"),
        ("SMSP_SMTP_SECURITY", "opportunistic"),
        ("SMSP_SMTP_SECURITY", ""),
    ],
)
def test_what_is_wrong_is_named(variable, text):
    """By its variable; an empty text is no text."""
    found = mistakes(**{variable: text})
    assert list(found) == ([variable] if text else [])


def test_credentials_are_ascii():
    """``AUTH`` has no way to say in which encoding they are."""
    found = mistakes(**{**LOGIN, "SMSP_SMTP_PASSWORD": "pässword"})
    assert found == {"SMSP_SMTP_PASSWORD": "must be printable ASCII characters"}


def test_the_password_is_shown_to_nobody():
    """Not in what ``smsp check`` prints, nor in any representation."""
    told = settings(**LOGIN)
    assert "hunter2" not in f"{describe(told)}{told!r}"
    assert ("SMSP_SMTP_PASSWORD", "**********") in describe(told)


def test_the_table_of_settings_knows_of_its_patience():
    """A default that differs from that of all kinds has a row of its own."""
    rows = {row.name: (row.default, row.unit) for row in variables(KINDS)}
    assert rows["SMSP_SMTP_TIMEOUT"] == ("15", "s")
    assert rows["SMSP_SMTP_PORT"][0] == "(not set)"
    assert rows["SMSP_SMTP_HOST"][0] == "(required)"
