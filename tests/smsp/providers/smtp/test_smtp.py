"""SMTP as an operator sets it up."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
import trio

from smsp.mail.outcome import Blame, NotSent, Reason
from smsp.providers import KINDS
from smsp.providers.smtp import Smtp
from smsp.settings import load
from smsp.settings.table import describe
from tests.kit.configuration_table import variables
from tests.kit.environments import KEY, mistakes_in
from tests.kit.lines import MemoryNetwork
from tests.kit.mails import mailbox, send

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


@pytest.mark.parametrize(
    ("changes", "timeout_s"),
    [
        ({}, 15.0),
        ({"SMSP_CALL_TIMEOUT": "3"}, 3.0),
        ({"SMSP_CALL_TIMEOUT": "3", "SMSP_SMTP_TIMEOUT": "7"}, 7.0),
    ],
)
async def test_the_time_that_was_set_is_the_time_there_is(autojump_clock, changes, timeout_s):
    """From the variable to the moment at which a silent server is given up, by a message and by a
    probe."""
    (own,) = settings(
        SMSP_SMTP_SECURITY="none", SMSP_SMTP_ALLOW_PLAINTEXT="true", **changes
    ).providers

    async def silent(_line):
        await trio.sleep_forever()

    async with (
        own.own.provider(
            poll_address=mailbox("poll@example.org"),
            timeout_s=own.timeout_s,
            max_in_flight=1,
            tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ) as provider,
        trio.open_nursery() as nursery,
    ):
        network = MemoryNetwork(nursery, silent)
        reached = replace(provider, dial=network.dial)
        for call in (partial(reached.send, send(text="hello"), Progress()), reached.probe):
            begun = trio.current_time()
            assert await call() == NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
            assert trio.current_time() - begun == pytest.approx(timeout_s)
        assert network.dialled == [("smtp.example.org", 25)] * 2
        nursery.cancel_scope.cancel()


class Progress:
    """Nobody waits for it."""

    stage = ""

    def commit(self) -> None:
        """Nothing is sent."""
        raise AssertionError


@pytest.mark.parametrize(
    ("changes", "port", "login"),
    [
        ({}, 587, None),
        ({"SMSP_SMTP_SECURITY": "tls"}, 465, None),
        ({"SMSP_SMTP_SECURITY": "none", "SMSP_SMTP_ALLOW_PLAINTEXT": "true"}, 25, None),
        ({"SMSP_SMTP_PORT": "2525", **LOGIN}, 2525, ("app", "hunter2 hunter2")),
    ],
)
async def test_the_terms_are_those_that_were_set(changes, port, login):
    """Server, port, encryption and account; the port is the usual one unless told."""
    (own,) = settings(**changes).providers
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    poll = mailbox("poll@example.org")
    async with own.own.provider(
        poll_address=poll, timeout_s=3.0, max_in_flight=1, tls=tls
    ) as provider:
        terms = provider.terms
        assert (terms.host, terms.port, terms.login) == ("smtp.example.org", port, login)
        assert (terms.security, terms.tls, terms.timeout_s) == (own.own.security, tls, 3.0)
        assert provider.poll_address == poll
        assert abs((provider.now() - datetime.now(UTC)).total_seconds()) < 60


def test_other_kinds_are_not():
    """Their default is that of all providers."""
    changes = {"SMSP_PROVIDERS": "smtp,sendgrid", "SMSP_SENDGRID_API_KEY": "SG.key"}
    _, sendgrid = settings(**changes).providers
    assert sendgrid.timeout_s == 2.0


ABROAD = [
    *("smtp.example.org", "10.0.0.1", "2001:db8::1", "0.0.0.0", "128.0.0.1", "::", "::2"),
    *("evil-localhost", "localhost-evil", "localhost.evil.example", "127.0.0.1.evil.example"),
    *("xlocalhost", "localhost.", "localhost.localdomain", "127.0.0.1.", "127.1", "127.evil"),
    *("2130706433", "0x7f000001", "::ffff:10.0.0.1", "1::1", "::127.0.0.1"),
]
"""Hosts that are not this machine, or that not everybody takes for it."""


@pytest.mark.parametrize("host", ABROAD)
def test_nothing_goes_abroad_in_clear_text(host):
    """Unless the operator says in so many words that it may."""
    changes = {"SMSP_SMTP_HOST": host, "SMSP_SMTP_SECURITY": "none"}
    found = mistakes(**changes)
    assert list(found) == ["SMSP_SMTP_SECURITY"]
    assert "_ALLOW_PLAINTEXT=true would expose the credentials" in found["SMSP_SMTP_SECURITY"]
    assert mistakes(**changes, SMSP_SMTP_ALLOW_PLAINTEXT="true") == {}


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "127.255.255.255"),
        *("::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"),
    ],
)
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
