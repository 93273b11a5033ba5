"""What each provider may be told."""

from __future__ import annotations

import pytest

from actors.trip import Consecutive, FirstFailure
from smsp.providers import KINDS
from smsp.settings.kinds import own_settings
from smsp.settings.trip import FORMS
from tests.kit.environments import KEY, PIGEON, Owl, Parrot, Pigeon, loaded, mistakes_in


def test_a_provider_inherits_what_holds_for_all():
    """Where it was told nothing of its own."""
    (pigeon,) = loaded(
        PIGEON,
        SMSP_CALL_TIMEOUT="3",
        SMSP_POLL_INTERVAL="4",
        SMSP_POLL_INTERVAL_MAX="40",
        SMSP_TRIP="consecutive:2",
        SMSP_MAX_IN_FLIGHT="9",
    ).providers

    assert (pigeon.timeout_s, pigeon.poll_interval_s, pigeon.poll_interval_max_s) == (3, 4, 40)
    assert (pigeon.trip, pigeon.max_in_flight) == (Consecutive(2), 9)
    assert (pigeon.weight, pigeon.from_domains, pigeon.probe) == (1, (), "auto")
    assert (pigeon.base_url, pigeon.allow_plaintext) == (None, False)


def test_a_provider_may_differ_from_all():
    """Its own variable wins."""
    (pigeon,) = loaded(
        PIGEON,
        SMSP_CALL_TIMEOUT="3",
        SMSP_TRIP="consecutive:2",
        SMSP_PIGEON_TIMEOUT="0.5",
        SMSP_PIGEON_POLL_INTERVAL="60",
        SMSP_PIGEON_TRIP="first-failure",
        SMSP_PIGEON_MAX_IN_FLIGHT="7",
        SMSP_PIGEON_PROBE="auto",
        SMSP_PIGEON_WING="right",
    ).providers

    assert (pigeon.timeout_s, pigeon.poll_interval_s) == (0.5, 60)
    assert (pigeon.trip, pigeon.max_in_flight) == (FirstFailure(), 7)
    assert pigeon.own == Pigeon("pigeon-secret", "north", "right")


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("TIMEOUT", "0", "must be a number of seconds from 0.05 to 300"),
        ("POLL_INTERVAL", "x", "must be a number of seconds from 0.01 to 3600"),
        ("POLL_INTERVAL", "61", "must not be above SMSP_POLL_INTERVAL_MAX (60 s)"),
        ("TRIP", "rate", f"must have one of the forms {FORMS}"),
        ("MAX_IN_FLIGHT", "0", "must be a whole number of calls from 1 to 10000"),
        ("WEIGHT", "-1", "must be a whole number from 0 to 1000"),
        (
            "FROM_DOMAINS",
            "example.org;example.com",
            "must be a comma list of domain names, like example.com,example.org",
        ),
        ("PROBE", "ping", "must be 'auto', 'message' or 'status'"),
        ("PROBE", "status", "cannot be status: this kind of provider has no such call"),
        ("ALLOW_PLAINTEXT", "perhaps", "must be true or false"),
        ("WING", "middle", "must be 'left' or 'right'"),
    ],
)
def test_a_provider_s_bad_text_is_one_mistake(setting, text, message):
    """It names the provider's variable, and says what it must be."""
    variable = f"SMSP_PIGEON_{setting}"

    assert mistakes_in({**PIGEON, variable: text}) == {variable: message}


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("https://mail.example.org", "https://mail.example.org"),
        ("https://mail.example.org:8443/", "https://mail.example.org:8443"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://127.8.8.8:9000", "http://127.8.8.8:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://[::ffff:127.0.0.1]:9000", "http://[::ffff:127.0.0.1]:9000"),
        ("http://LocalHost", "http://LocalHost"),
    ],
)
def test_a_base_url(text, base_url):
    """Scheme, host and port of somebody else's server; plain HTTP to this machine only."""
    (pigeon,) = loaded(PIGEON, SMSP_PIGEON_BASE_URL=text).providers

    assert pigeon.base_url == base_url


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org",
        "ftp://mail.example.org",
        "https://mail.example.org/v3",
        "https://mail.example.org?a=b",
        "https://mail.example.org/#top",
        "https://user:password@mail.example.org",
        "https://mail.example.org:0",
        "https://mail.example.org:65536",
        "https://[::g]",
        "https://",
    ],
)
def test_a_base_url_holds_nothing_more(text):
    """The path of the provider's API is kept, so a path of the operator's would be lost."""
    found = mistakes_in({**PIGEON, "SMSP_PIGEON_BASE_URL": text})

    assert list(found) == ["SMSP_PIGEON_BASE_URL"]
    assert found["SMSP_PIGEON_BASE_URL"].endswith("no path, query, fragment or user name")


def test_a_provider_that_people_run_themselves_has_no_address_of_its_own():
    """Where it is must be told; that, and nothing else, is missing."""
    environ = {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
        "SMSP_PROVIDERS": "postal",
        "SMSP_POSTAL_API_KEY": "postal-secret",
    }

    found = mistakes_in(environ, KINDS)
    assert list(found) == ["SMSP_POSTAL_BASE_URL"]
    assert found["SMSP_POSTAL_BASE_URL"].startswith("is required")
    told = environ | {"SMSP_POSTAL_BASE_URL": "https://postal.example.org"}
    assert mistakes_in(told, KINDS) == {}


@pytest.mark.parametrize(
    "host",
    [
        *("mail.example.org", "10.0.0.1", "[2001:db8::1]", "127.0.0.1.nip.io", "0.0.0.0", "[::]"),
        *("evil-localhost", "localhost-evil", "localhost.evil.example", "localhost.", "127.1"),
        *("[::2]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "2130706433", "128.0.0.1"),
    ],
)
def test_credentials_do_not_leave_the_machine_in_plain_text(host):
    """Unless the operator says in so many words that they may."""
    environ = {**PIGEON, "SMSP_PIGEON_BASE_URL": f"http://{host}"}

    assert mistakes_in(environ)["SMSP_PIGEON_BASE_URL"].startswith("must be https://")
    (pigeon,) = loaded(environ, SMSP_PIGEON_ALLOW_PLAINTEXT="true").providers
    assert pigeon.base_url == f"http://{host}"


def test_a_new_adapter_brings_its_settings_with_it():
    """Every field of a kind's adapter is a variable; nothing else has to learn of it."""
    assert [own.setting for own in own_settings(Owl)] == ["TOKEN", "LOFT_NAME", "WING"]
    for kind, adapter in KINDS.items():
        assert own_settings(adapter), kind


def test_an_adapter_that_repeats_a_secret_is_cut_short():
    """A mistake holds no value, even where an adapter of somebody else's would put one."""
    found = mistakes_in({**PIGEON, "SMSP_PARROT_WORD": "parrot-secret"}, {"parrot": Parrot})

    assert found["SMSP_PARROT_WORD"] == "is not valid"


def test_an_adapter_has_fields():
    """A class that is no pydantic dataclass has no settings to be read: a bug, told at once."""

    class Bare:
        """No dataclass."""

    with pytest.raises(TypeError, match="pydantic dataclass"):
        own_settings(Bare)
