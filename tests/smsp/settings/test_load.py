"""SMSP's own variables: what each is without a word from the operator, and what it may not be."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from actors.trip import Consecutive, FailureRate, FailureRateOver, FirstFailure, SlowCalls
from smsp.settings import SettingsError, load
from smsp.settings.model import OWN
from smsp.settings.trip import FORMS
from tests.kit.environments import KEY, MAILGUN, MOCK, PIGEON, PIGEONS, loaded, mistakes_in
from tests.kit.mails import mailbox


def test_defaults():
    """Where the operator says nothing, these values hold."""
    values = dict(load(MAILGUN))

    assert values.pop("api_key").get_secret_value() == KEY
    assert [provider.name for provider in values.pop("providers")] == ["mailgun"]
    assert values == {
        "host": "127.0.0.1",
        "port": 8080,
        "server": "smsp",
        "mock": False,
        "poll_message_address": mailbox("poll@example.org"),
        "call_timeout_s": 2.0,
        "poll_interval_s": 5.0,
        "poll_interval_max_s": 60.0,
        "trip": FirstFailure(),
        "failover": "safe",
        "routing": "priority",
        "max_in_flight": 256,
        "idempotency_keys": 100_000,
        "settle_timeout_s": 30.0,
        "max_body_bytes": 25 * 1024 * 1024,
        "max_buffered_bytes": 256 * 1024 * 1024,
        "drain_timeout_s": 10.0,
        "drain_delay_s": 0.0,
        "log_format": "DEBUG",
        "log_debug": False,
        "log_addresses": False,
        "cors_origins": ("*",),
        "trusted_proxies": (),
        "api_keys": (),
        "tls_cert": None,
        "tls_key": None,
        "warnings": (
            "SMSP_MAILGUN_PROBE is auto: each probe (state of the sending queue, then a message in "
            "test mode) is billed; status costs nothing",
            "mailgun is the only provider: while it fails, no mail is sent",
        ),
    }


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("SMSP_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("SMSP_HOST", "localhost", "host", "localhost"),
        ("SMSP_HOST", "::1", "host", "::1"),
        ("SMSP_HOST", "[::1]", "host", "::1"),
        ("SMSP_PORT", "0", "port", 0),
        ("SMSP_SERVER", "smsp", "server", "smsp"),
        ("SMSP_SERVER", "hypercorn", "server", "hypercorn"),
        ("SMSP_PORT", "65535", "port", 65535),
        ("SMSP_POLL_MESSAGE_ADDRESS", "a@b.test", "poll_message_address", mailbox("a@b.test")),
        ("SMSP_CALL_TIMEOUT", "0.05", "call_timeout_s", 0.05),
        ("SMSP_CALL_TIMEOUT", "300", "call_timeout_s", 300.0),
        ("SMSP_POLL_INTERVAL", ".5", "poll_interval_s", 0.5),
        ("SMSP_POLL_INTERVAL_MAX", "5", "poll_interval_max_s", 5.0),
        ("SMSP_TRIP", "first-failure", "trip", FirstFailure()),
        ("SMSP_TRIP", "consecutive:5", "trip", Consecutive(5)),
        ("SMSP_TRIP", "rate:50%/20", "trip", FailureRate(50, 20)),
        ("SMSP_TRIP", "rate:12.5%/30s", "trip", FailureRateOver(12.5, 30)),
        ("SMSP_TRIP", "slow:80%>0.5s/20", "trip", SlowCalls(80, 0.5, 20)),
        ("SMSP_IDEMPOTENCY_KEYS", "2", "idempotency_keys", 2),
        ("SMSP_FAILOVER", "any", "failover", "any"),
        ("SMSP_FAILOVER", "open", "failover", "open"),
        ("SMSP_ROUTING", "priority", "routing", "priority"),
        ("SMSP_ROUTING", "weighted", "routing", "weighted"),
        ("SMSP_MAX_IN_FLIGHT", "1", "max_in_flight", 1),
        ("SMSP_SETTLE_TIMEOUT", "0", "settle_timeout_s", 0.0),
        ("SMSP_MAX_BODY_BYTES", "1024", "max_body_bytes", 1024),
        ("SMSP_MAX_BUFFERED_BYTES", "26214400", "max_buffered_bytes", 26214400),
        ("SMSP_DRAIN_TIMEOUT", "0", "drain_timeout_s", 0.0),
        ("SMSP_DRAIN_DELAY", "5", "drain_delay_s", 5.0),
        ("SMSP_LOG_OUTPUT_FORMAT", "JSON_ONELINE", "log_format", "JSON_ONELINE"),
        ("SMSP_LOG_OUTPUT_FORMAT", "JSON_ONLINE", "log_format", "JSON_ONELINE"),
        ("SMSP_LOG_OUTPUT_FORMAT", "JSON_PRETTY", "log_format", "JSON_PRETTY"),
        ("SMSP_LOG_OUTPUT_DEBUG", "TRUE", "log_debug", True),
        ("SMSP_LOG_ADDRESSES", "yes", "log_addresses", True),
        ("SMSP_LOG_ADDRESSES", "0", "log_addresses", False),
        ("SMSP_CORS_ORIGINS", "*", "cors_origins", ("*",)),
        (
            "SMSP_CORS_ORIGINS",
            "https://a.example, http://localhost:3000",
            "cors_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        (
            "SMSP_TRUSTED_PROXIES",
            "192.0.2.1, 10.0.0.0/8,2001:db8::/32",
            "trusted_proxies",
            (ip_network("192.0.2.1/32"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        ),
    ],
)
def test_a_variable_is_read(variable, text, field, value):
    """Each variable has its field, in the type that the rest of SMSP works with."""
    assert getattr(loaded(**{variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("SMSP_HOST", "not a host", "must be a host name or an IP address"),
        ("SMSP_HOST", "::g", "must be a host name or an IP address"),
        ("SMSP_SERVER", "uvicorn", "must be 'smsp' or 'hypercorn'"),
        ("SMSP_PORT", "65536", "must be a whole number from 0 to 65535"),
        ("SMSP_PORT", "-1", "must be a whole number from 0 to 65535"),
        ("SMSP_PORT", "http", "must be a whole number from 0 to 65535"),
        ("SMSP_API_KEY", "two words", "must be visible ASCII characters without spaces"),
        ("SMSP_API_KEY", "schlüssel", "must be visible ASCII characters without spaces"),
        ("SMSP_MOCK_EMAIL_SERVICE", "maybe", "must be true or false"),
        ("SMSP_CALL_TIMEOUT", "0.04", "must be a number of seconds from 0.05 to 300"),
        ("SMSP_CALL_TIMEOUT", "301", "must be a number of seconds from 0.05 to 300"),
        ("SMSP_CALL_TIMEOUT", "nan", "must be a number of seconds from 0.05 to 300"),
        ("SMSP_CALL_TIMEOUT", "2s", "must be a number of seconds from 0.05 to 300"),
        ("SMSP_POLL_INTERVAL", "0", "must be a number of seconds from 0.01 to 3600"),
        ("SMSP_POLL_INTERVAL_MAX", "1e3", "must be a number of seconds from 0.01 to 3600"),
        ("SMSP_POLL_INTERVAL_MAX", "4", "must not be below SMSP_POLL_INTERVAL"),
        ("SMSP_TRIP", "never", f"must have one of the forms {FORMS}"),
        ("SMSP_TRIP", "rate:150/20", f"must have one of the forms {FORMS}"),
        ("SMSP_TRIP", "consecutive:0", "must have a number of calls from 1 to 1000"),
        ("SMSP_TRIP", "rate:0%/20", "must have a percentage above 0 and at most 100"),
        ("SMSP_TRIP", "slow:80%>0s/20", "must have a time above 0 and at most 3600 s"),
        ("SMSP_IDEMPOTENCY_KEYS", "1", "must be a whole number of keys from 2 to 10000000"),
        ("SMSP_FAILOVER", "maybe", "must be 'open', 'safe' or 'any'"),
        ("SMSP_MAX_IN_FLIGHT", "0", "must be a whole number of calls from 1 to 10000"),
        ("SMSP_SETTLE_TIMEOUT", "301", "must be a number of seconds from 0 to 300"),
        (
            "SMSP_MAX_BODY_BYTES",
            "25MiB",
            "must be a whole number of bytes from 1024 to 17179869184",
        ),
        (
            "SMSP_MAX_BUFFERED_BYTES",
            "9",
            "must be a whole number of bytes from 1024 to 17179869184",
        ),
        ("SMSP_MAX_BUFFERED_BYTES", "1024", "must not be below SMSP_MAX_BODY_BYTES"),
        ("SMSP_DRAIN_TIMEOUT", "-1", "must be a number of seconds from 0 to 3600"),
        ("SMSP_DRAIN_DELAY", "601", "must be a number of seconds from 0 to 600"),
        ("SMSP_LOG_OUTPUT_FORMAT", "XML", "must be 'JSON_ONELINE', 'JSON_PRETTY' or 'DEBUG'"),
        ("SMSP_LOG_OUTPUT_DEBUG", "2", "must be true or false"),
        ("SMSP_LOG_ADDRESSES", "masked", "must be true or false"),
        (
            "SMSP_CORS_ORIGINS",
            "https://a.example/path",
            "must be * or a comma list of origins such as https://example.org",
        ),
        (
            "SMSP_CORS_ORIGINS",
            "*,https://a.example",
            "must be * or a comma list of origins such as https://example.org",
        ),
        (
            "SMSP_TRUSTED_PROXIES",
            "10.0.0.1/8",
            "must be a comma list of addresses and networks such as 10.0.0.0/8, without host bits",
        ),
    ],
)
def test_a_bad_text_is_one_mistake(variable, text, message):
    """One bad variable is one mistake, which says what the variable must be."""
    assert mistakes_in({**PIGEON, variable: text}) == {variable: message}


def test_room_for_a_message_of_each_of_several_keys():
    """One key holds at most half of the room, so with several it must have room for two."""
    second = {"SMSP_API_KEYS": f"app:send:{'0' * 64}"}
    tight = {"SMSP_MAX_BODY_BYTES": "2048", "SMSP_MAX_BUFFERED_BYTES": "4095"}
    refused = {
        "SMSP_MAX_BUFFERED_BYTES": "must not be below twice SMSP_MAX_BODY_BYTES: with several "
        "keys one holds at most half of it"
    }

    assert mistakes_in({**PIGEON, **tight}) == {}
    assert mistakes_in({**PIGEON, **tight, **second}) == refused
    assert mistakes_in({**PIGEON, **tight, **second, "SMSP_MAX_BUFFERED_BYTES": "4096"}) == {}


def test_every_variable_has_a_bad_text_here():
    """The two lists above leave out no variable."""
    marks = (test_a_bad_text_is_one_mistake, test_a_variable_is_read)
    tried = {case[0] for test in marks for case in test.pytestmark[0].args[1]}

    elsewhere = {"SMSP_API_KEYS", "SMSP_TLS_CERT", "SMSP_TLS_KEY"}
    assert set(OWN) <= tried | elsewhere


def test_a_bad_address_says_what_is_wrong_with_it():
    """The poll's address is read like any mailbox in a message."""
    found = mistakes_in({**PIGEON, "SMSP_POLL_MESSAGE_ADDRESS": "nobody"})

    assert found == {"SMSP_POLL_MESSAGE_ADDRESS": "is not an e-mail address: it has no @"}


def test_there_is_no_mode_without_a_key():
    """No key, no start."""
    environ = {name: text for name, text in PIGEON.items() if name != "SMSP_API_KEY"}

    assert mistakes_in(environ) == {"SMSP_API_KEY": "is required"}


def test_an_empty_text_counts_as_not_set():
    """A compose file passes on what nobody has set as an empty text."""
    assert mistakes_in({**PIGEON, "SMSP_API_KEY": ""}) == {"SMSP_API_KEY": "is required"}
    assert loaded(SMSP_PORT="").port == 8080


@pytest.mark.parametrize(("key", "warned"), [("k" * 15, True), ("k" * 16, False)])
def test_a_short_key_is_warned_about(key, warned):
    """A key under 16 characters can be guessed; the warning does not repeat it."""
    warning = "SMSP_API_KEY has fewer than 16 characters: easy to guess"

    assert loaded(SMSP_API_KEY=key).warnings == ((warning,) if warned else ())


def test_an_open_circuit_needs_something_to_be_polled_with():
    """The dummy message has an address, except in mock mode, where nothing is sent."""
    environ = {name: text for name, text in PIGEON.items() if "ADDRESS" not in name}

    message = "is required unless SMSP_MOCK_EMAIL_SERVICE=true"
    assert mistakes_in(environ) == {"SMSP_POLL_MESSAGE_ADDRESS": message}
    assert loaded(MOCK).poll_message_address is None


def test_all_mistakes_are_told_at_once():
    """Also what is wrong between two variables, and inside a provider; in order of their names."""
    with pytest.raises(SettingsError) as caught:
        load(
            {
                "SMSP_PORT": "x",
                "SMSP_POLL_INTERVAL": "61",
                "SMSP_FALIOVER": "any",
                "SMSP_PIGEON_WING": "both",
                "SMSP_PIGEON_TOKEN": "pigeon-secret",
                "SMSP_PIGEON_MAX_IN_FLIGHT": "0",
            },
            kinds=PIGEONS,
            unnamed=PIGEONS,
        )

    assert str(caught.value).splitlines() == [
        "SMSP_API_KEY is required",
        "SMSP_FALIOVER is not a variable of SMSP; the nearest is SMSP_FAILOVER",
        "SMSP_PIGEON_LOFT_NAME is required",
        "SMSP_PIGEON_MAX_IN_FLIGHT must be a whole number of calls from 1 to 10000",
        "SMSP_PIGEON_WING must be 'left' or 'right'",
        "SMSP_POLL_INTERVAL_MAX must not be below SMSP_POLL_INTERVAL",
        "SMSP_POLL_MESSAGE_ADDRESS is required unless SMSP_MOCK_EMAIL_SERVICE=true",
        "SMSP_PORT must be a whole number from 0 to 65535",
    ]


def test_the_mock_is_the_only_provider_in_mock_mode():
    """It needs no credentials, and shares the settings of all providers."""
    settings = loaded(MOCK, SMSP_CALL_TIMEOUT="1", SMSP_MOCK_MAX_IN_FLIGHT="3")
    (mock,) = settings.providers

    assert settings.mock
    assert (mock.name, mock.kind, mock.own) == ("mock", "mock", None)
    assert (mock.timeout_s, mock.max_in_flight) == (1.0, 3)


def test_mock_mode_sets_the_providers_aside():
    """What is set for them stays right, and one warning says that it is not used."""
    environ = {**PIGEON, **MOCK, "SMSP_PROVIDERS": "pigeon,grey", "SMSP_GREY_KIND": "owl"}
    settings = loaded(environ)

    assert [provider.name for provider in settings.providers] == ["mock"]
    assert settings.warnings == (
        "not used, as their provider is not: "
        "SMSP_PIGEON_TOKEN, SMSP_PIGEON_LOFT_NAME, SMSP_GREY_KIND",
    )


def address_of(**environ: str):
    """Where SMSP listens, and what it warns of."""
    settings = loaded({**MOCK, **environ})
    return settings.host, settings.port, settings.warnings


def test_the_platform_s_names_for_the_address():
    """``PORT``, and a ``HOST`` that is an address, are read where ours are not set; it is told."""
    assert address_of(PORT="9000", HOST="0.0.0.0") == (
        "0.0.0.0",
        9000,
        ("SMSP_HOST is taken from HOST", "SMSP_PORT is taken from PORT"),
    )
    assert address_of(HOST="localhost")[0] == "localhost"
    assert address_of(HOST="::1")[0] == "::1"


@pytest.mark.parametrize("host", ["x86_64-pc-linux-gnu", "web-1", "", "0.0.0.0 ", "[::1"])
def test_a_host_that_is_no_address_is_a_build_tool_s(host):
    """Compilers and shells export ``HOST`` for something else: it is left alone."""
    assert address_of(HOST=host) == ("127.0.0.1", 8080, ())


@pytest.mark.parametrize("port", ["tcp://10.0.0.1:80", "65536", "-1", "http", "9_0"])
def test_a_port_that_is_none_is_left_alone(port):
    """Also that of the platform; and it is told."""
    assert address_of(PORT=port) == ("127.0.0.1", 8080, ("PORT is ignored: it is no port number",))


def test_our_own_names_go_first():
    """From the environment, from a file, and from the command line."""
    assert address_of(PORT="9000", SMSP_PORT="9001", SMSP_HOST="::1", HOST="0.0.0.0") == (
        "::1",
        9001,
        (),
    )
    in_file = {**MOCK, "PORT": "9000", "SMSP_PORT_FILE": "/run/port"}
    assert load(in_file, read_file=lambda _path: b"9002").port == 9002
    assert load({**MOCK, "PORT": "9000"}, overrides={"SMSP_PORT": "9003"}).port == 9003
    injected = load({**MOCK, "PORT": "9000", "SMSP_PORT": "tcp://10.0.0.1:80"})
    assert injected.port == 9000


@pytest.mark.parametrize("text", ["t", "T", "1", "true", "TRUE"])
def test_mock_mode_as_the_first_smsp_read_it(text):
    """Go's ``strconv.ParseBool`` read it there."""
    settings = loaded({**MOCK, "SMSP_MOCK_EMAIL_SERVICE": text})
    assert [provider.name for provider in settings.providers] == ["mock"]


def test_settings_cannot_be_changed():
    """Whoever holds them may trust them."""
    settings = loaded(MOCK)

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    "variable", ["SMSP_ADMIN_PORT", "SMSP_DOOR_SMTP_PORT", "SMSP_DOOR_SMTPS_PORT"]
)
def test_hypercorn_has_one_port(variable):
    """Another beside it contradicts the choice of server, also where a second thing is wrong."""
    for more in ({}, {"SMSP_PORT": "x"}):
        told = mistakes_in({**MOCK, "SMSP_SERVER": "hypercorn", variable: "8081", **more})
        assert told[variable] == "needs SMSP_SERVER=smsp: hypercorn serves SMSP_PORT alone"
        assert told.keys() == {variable, *more}


def test_hypercorn_shares_its_port_with_nobody():
    """That it is not to be shared contradicts nothing."""
    server = {**MOCK, "SMSP_SERVER": "hypercorn"}
    told = mistakes_in({**server, "SMSP_REUSE_PORT": "true"})
    assert told == {"SMSP_REUSE_PORT": "needs SMSP_SERVER=smsp: hypercorn's port is not shared"}
    assert load({**server, "SMSP_REUSE_PORT": "false"}).server == "hypercorn"
