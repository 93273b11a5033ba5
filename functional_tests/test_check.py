"""``smsp check`` and ``smsp send`` as an operator runs them: what they say, how they exit."""

from __future__ import annotations

import json

import pytest

from functional_tests.kit.commands import rows, smsp_command
from functional_tests.kit.simulators import settings_for
from functional_tests.kit.smsp import KEY

SECRETS = (KEY, "simulated-api-key")


@pytest.fixture
def settings(simulators):
    """The environment of an SMSP in front of both providers, which are up."""
    simulators.mend()
    simulators.forget()
    return settings_for(simulators) | {"SMSP_API_KEY": KEY}


def test_the_settings(settings):
    """Every setting in force is shown by its variable, and no secret."""
    done = smsp_command("check", environ=settings)
    assert done.returncode == 0
    shown = rows(done.stdout)
    assert shown["SMSP_PROVIDERS"] == ["mailgun,sendgrid"]
    assert shown["SMSP_MAILGUN_DOMAIN"] == ["mail.example.com"]
    assert {"SMSP_API_KEY", "SMSP_MAILGUN_API_KEY", "SMSP_SENDGRID_API_KEY"} <= set(shown)
    assert [secret for secret in SECRETS if secret in done.stdout + done.stderr] == []


def test_wrong_settings(settings):
    """All mistakes at once, each by its variable, no secret among them; the exit status is 2."""
    wrong = {"SMSP_CALL_TIMEOUT": "soon", "SMSP_PORT": "-1", "SMSP_TRIPP": "first-failure"}
    for command in ("check", "serve"):
        done = smsp_command(command, environ=settings | wrong)
        assert done.returncode == 2
        assert [name for name in wrong if name not in done.stderr] == []
        assert "SMSP_TRIP" in done.stderr.replace("SMSP_TRIPP", "")
        assert [secret for secret in SECRETS if secret in done.stdout + done.stderr] == []


def test_probes_that_pass(settings, simulators):
    """Each provider is sent its probe and no mail; the exit status is 0."""
    done = smsp_command("check", "--probe", environ=settings)
    assert done.returncode == 0
    assert rows(done.stdout)["mailgun"] == ["passed", "sent", "accepted"]
    assert rows(done.stdout)["sendgrid"] == ["passed", "sent", "accepted"]
    assert simulators.outbox()["tested"] == {"mailgun": 1, "sendgrid": 1}
    assert simulators.accepted() == {}


@pytest.mark.parametrize("switch", ["down", "hang"])
def test_a_probe_that_fails(settings, simulators, switch):
    """The provider that would take no mail is named, with the reason; the exit status is 1."""
    simulators.turn("sendgrid", switch)
    done = smsp_command("check", "--probe", environ=settings | {"SMSP_CALL_TIMEOUT": "0.5"})
    assert done.returncode == 1
    verdict, _, reason = rows(done.stdout)["sendgrid"]
    assert (verdict, reason) == ("failed", {"down": "connect_failed", "hang": "timeout"}[switch])
    assert rows(done.stdout)["mailgun"][0] == "passed"
    assert "would not close the circuit of: sendgrid" in done.stdout


def test_a_probe_with_a_wrong_key(settings):
    """A key that the provider does not take fails the probe, and is not shown."""
    wrong_key = "a-key-that-mailgun-does-not-know"
    done = smsp_command("check", "--probe", environ=settings | {"SMSP_MAILGUN_API_KEY": wrong_key})
    assert done.returncode == 1
    assert rows(done.stdout)["mailgun"] == ["failed", "not_sent", "unauthorised"]
    assert wrong_key not in done.stdout + done.stderr


def test_a_probe_that_asks_after_the_account_alone(settings, simulators):
    """``status`` sends nothing; where there is no such call it is a mistake in the settings."""
    done = smsp_command("check", "--probe", environ=settings | {"SMSP_MAILGUN_PROBE": "status"})
    assert done.returncode == 0
    assert simulators.outbox()["tested"] == {"sendgrid": 1}
    done = smsp_command("check", "--probe", environ=settings | {"SMSP_SENDGRID_PROBE": "status"})
    assert done.returncode == 2
    assert "SMSP_SENDGRID_PROBE cannot be status" in done.stderr


def test_a_probe_that_is_a_real_message(settings, simulators):
    """``message`` is accepted by the provider like any mail, to the poll address."""
    done = smsp_command("check", "--probe", environ=settings | {"SMSP_SENDGRID_PROBE": "message"})
    assert done.returncode == 0
    assert "warning: SMSP_SENDGRID_PROBE is message: each probe is a real message" in done.stdout
    assert [one["subject"] for one in simulators.outbox()["messages"]] == ["poll"]


@pytest.mark.parametrize(
    ("recipient", "outcome", "status"),
    [
        ("bob@example.org", "sent", 0),
        ("reject@example.org", "rejected", 1),
        ("unauthorised@example.org", "not_sent", 1),
        ("drop@example.org", "unknown", 1),
    ],
)
def test_send(smsp, simulators, recipient, outcome, status):
    """The answer is printed whole, and the exit status tells a message that was sent."""
    done = _send(smsp, "--to", recipient, "--text", "-", given="From standard input.")
    assert done.returncode == status
    answer = json.loads(done.stdout)
    assert answer["outcome"] == outcome
    assert simulators.taken() == ({answer["id"]: 1} if outcome == "sent" else {})


def test_send_a_whole_message(smsp, simulators, tmp_path):
    """A message in JSON is sent as it is."""
    message = {"fromaddress": "a@mail.example.com", "toaddress": "b@example.org", "subject": "file"}
    path = tmp_path / "message.json"
    path.write_text(json.dumps(message), "utf-8")
    done = smsp_command("send", "--url", smsp.url, "--json", str(path), environ=_key(KEY))
    assert done.returncode == 0
    assert [one["subject"] for one in simulators.outbox()["messages"]] == ["file"]


def test_send_without_a_recipient(smsp):
    """Wrong use has exit status 2."""
    assert _send(smsp).returncode == 2


def test_send_without_a_key(smsp):
    """So has a missing key, and the variable is named."""
    done = _send(smsp, "--to", "bob@example.org", environ={})
    assert done.returncode == 2
    assert "SMSP_API_KEY" in done.stderr


def test_send_with_a_wrong_key(smsp, simulators):
    """SMSP's refusal is shown, and the exit status is 1."""
    done = _send(smsp, "--to", "bob@example.org", environ=_key(KEY + "x"))
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "unauthorised"
    assert simulators.taken() == {}


def test_send_to_nobody(simulators):
    """Without an SMSP at that address the exit status is 1, told in one line."""
    simulators.turn("sendgrid", "down")
    url = simulators.urls["sendgrid"]
    where = ("--url", url, "--from", "a@mail.example.com", "--to", "bob@example.org")
    done = smsp_command("send", *where, environ=_key(KEY))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def _send(smsp, *arguments, environ=None, given=""):
    where = ("--url", smsp.url, "--from", "alice@mail.example.com", "--subject", "hello")
    environ = _key(KEY) if environ is None else environ
    return smsp_command("send", *where, *arguments, environ=environ, given=given)


def _key(key):
    return {"SMSP_API_KEY": key}
