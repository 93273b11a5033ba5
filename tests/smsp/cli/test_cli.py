"""The command line as far as it goes without a socket: use, settings, and what is told of both.

Exit status: 0 done, 1 the thing asked for failed, 2 wrong use or wrong settings.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from smsp.cli import main

KEY = "a-key-of-more-than-16-characters"
MOCK = {"SMSP_API_KEY": KEY, "SMSP_MOCK_EMAIL_SERVICE": "true"}
COMMANDS = ["serve", "demo", "send", "check", "circuit", "openapi"]


def run(*arguments, stdin=None, environ=()):
    """Run a command in an environment of its own."""
    return CliRunner().invoke(main, arguments, input=stdin, env=dict(environ))


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch):
    """What configures the SMSP of whoever runs the tests is no part of them."""
    for name in list(os.environ):
        if name.startswith("SMSP_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option):
    """All commands are listed, each with what it does."""
    told = run(option)
    assert told.exit_code == 0
    assert all(f"\n  {command} " in told.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    """Every command explains itself."""
    told = run(command, "--help")
    assert told.exit_code == 0
    assert told.output.startswith(f"Usage: main {command}")


def test_version():
    """The installed version."""
    assert run("--version").output == f"smsp, version {version('smsp')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["deliver"],
        ["serve", "--colour", "red"],
        ["serve", "--port", "http"],
        ["serve", "--port", "65536"],
        ["send", "a@b.c"],
        ["send", "--to", "d@e.f"],
        ["send", "--from", "a@b.c"],
        ["send", "--from", "a@b.c", "--to", "d@e.f", "--deadline", "soon"],
        ["send", "--json", "/nowhere/at/all.json"],
        ["circuit", "ajar", "mailgun"],
        ["circuit", "open"],
    ],
)
def test_wrong_use(arguments):
    """Exit status 2, and how to use it."""
    told = run(*arguments, environ=MOCK)
    assert told.exit_code == 2
    assert "Usage:" in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize("command", ["serve", "check"])
def test_wrong_settings(command):
    """Exit status 2; all mistakes at once, by variable, none with a value that may be a secret."""
    environ = {
        "SMSP_MOCK_EMAIL_SERVICE": "perhaps",
        "SMSP_PORT": "s3cret-http",
        "SMSP_DRAIN_TIMEOUT": "s3cret-soon",
        "SMSP_APIKEY": "s3cret-key",
    }
    told = run(command, environ=environ)
    assert told.exit_code == 2
    for variable in ("SMSP_API_KEY", *environ):
        assert variable in told.stderr
    assert "s3cret" not in told.output
    assert told.stdout == ""


def test_settings_on_the_command_line():
    """``--host`` and ``--port`` are judged as their variables are."""
    told = run("serve", "--host", "not a host", environ=MOCK)
    assert told.exit_code == 2
    assert "SMSP_HOST" in told.stderr


def test_demo_with_a_host_that_is_none():
    """The demo's own settings are judged likewise."""
    told = run("demo", "--host", "not a host")
    assert told.exit_code == 2
    assert "SMSP_HOST" in told.stderr


def test_check_shows_the_settings():
    """Every setting by its variable, secrets masked."""
    told = run("check", environ=MOCK)
    assert told.exit_code == 0
    assert "SMSP_CALL_TIMEOUT" in told.stdout
    assert "SMSP_API_KEY" in told.stdout
    assert KEY not in told.output


def test_check_shows_what_is_doubtful():
    """A warning about the settings is no mistake."""
    told = run("check", environ=MOCK | {"SMSP_API_KEY": "short"})
    assert told.exit_code == 0
    assert "warning: SMSP_API_KEY" in told.stdout


def test_check_shows_values_as_they_are():
    """A value in brackets is no mark-up."""
    origin = "http://[fe80::1]:3000"
    told = run("check", environ=MOCK | {"SMSP_CORS_ORIGINS": origin})
    assert origin in told.stdout


def test_check_with_probes():
    """The mock's probe passes, as its open circuit's would."""
    told = run("check", "--probe", environ=MOCK)
    assert told.exit_code == 0
    assert any(line.split() == ["mock", "passed", "sent", "accepted"] for line in _lines(told))


@pytest.mark.parametrize(
    "command", [("send", "--from", "a@b.c", "--to", "d@e.f"), ("circuit", "open", "mailgun")]
)
def test_no_key(command):
    """Exit status 2. The key is no option: every process can read another's command line."""
    told = run(*command)
    assert told.exit_code == 2
    assert "SMSP_API_KEY" in told.stderr


@pytest.mark.parametrize("body", ["", "{", "[]", '"a"', "\xff"])
def test_send_what_is_no_message(body):
    """``--json`` takes one JSON object; anything else is not even posted."""
    told = run("send", "--json", "-", stdin=body.encode("latin-1"), environ=MOCK)
    assert told.exit_code == 2
    assert "--json" in told.stderr


@pytest.mark.parametrize(
    "option", ["--from", "--to", "--subject", "--text", "--html", "--provider"]
)
def test_send_a_whole_message_and_parts_of_one(option):
    """``--json`` has the whole message: a part beside it would be lost."""
    told = run("send", "--json", "-", option, "x", stdin="{}", environ=MOCK)
    assert told.exit_code == 2
    assert option in told.stderr


@pytest.mark.parametrize(
    ("url", "key"),
    [("http://smsp", "a-sécret-of-length"), ("http://s3cret@smsp", "a-key-of-length")],
)
def test_send_with_what_no_request_can_be_made_of(url, key):
    """Exit status 2 and a sentence, in which no secret is shown."""
    told = run(
        *("send", "--from", "a@b.c", "--to", "d@e.f", "--url", url), environ={"SMSP_API_KEY": key}
    )
    assert told.exit_code == 2
    assert told.stderr
    assert "cret" not in told.stderr


@pytest.mark.parametrize("url", ["http://[::1", "ftp://example.com", "nonsense", "http://:x"])
def test_send_to_what_is_no_url(url):
    """An error in one line, not a traceback."""
    told = run("send", "--url", url, "--from", "a@b.c", "--to", "d@e.f", environ=MOCK)
    assert told.exit_code in (1, 2)
    assert isinstance(told.exception, SystemExit)
    assert len(told.stderr.splitlines()) == 1


def test_openapi():
    """The document, as JSON on standard output."""
    told = run("openapi")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["info"]["version"] == version("smsp")


def _lines(told):
    return told.stdout.splitlines()
