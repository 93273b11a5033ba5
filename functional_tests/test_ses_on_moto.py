"""Amazon SES through SMSP against moto, AWS as other people play it.

The whole service in front of it: what moto has taken is what went in at ``POST /email``.
"""

from __future__ import annotations

import json
from base64 import b64encode
from email import message_from_string
from email.policy import default

import pytest

from functional_tests.kit.commands import rows, smsp_command
from functional_tests.kit.moto_server import REGION, moto_server

KEYS = {"SMSP_SES_ACCESS_KEY_ID": "AKIDEXAMPLE", "SMSP_SES_SECRET_ACCESS_KEY": "ses-secret"}
FILE = b"\x00\xff" * 400
MESSAGE = {
    "fromaddress": "Älice <alice@example.com>",
    "toaddress": "Böb <bob@example.org>",
    "ccaddress": ["carol@example.org"],
    "bccaddress": ["dave@example.org"],
    "replytoaddress": "reply@example.com",
    "subject": "Grüße, 世界",
    "plaintextbody": "Zeile 1\n.\nZeile 3 🐦",
    "htmlbody": "<p>Grüße</p>",
    "headers": {"X-Order": "42, größer"},
    "attachments": [
        {
            "filename": "übersicht.bin",
            "contenttype": "application/octet-stream",
            "content": b64encode(FILE).decode(),
        }
    ],
}


@pytest.fixture(scope="module")
def moto_for_all(register, tmp_path_factory):
    """One moto for this file."""
    with moto_server(register, tmp_path_factory.mktemp("moto") / "log") as moto:
        yield moto


@pytest.fixture
def moto(moto_for_all):
    """The same as if new."""
    moto_for_all.forget()
    return moto_for_all


@pytest.fixture
def settings(moto):
    """The environment of an SMSP in front of it, but for any credentials."""
    return {
        "SMSP_PROVIDERS": "ses",
        "SMSP_SES_REGION": REGION,
        "SMSP_SES_BASE_URL": moto.url,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.com",
        "SMSP_CALL_TIMEOUT": "20",
    }


def test_a_message_arrives_as_it_was(start_alone, settings, moto):
    """Recipients, subject, bodies, file and headers, in Unicode; blind copies stay blind."""
    moto.verify("example.com")
    smsp = start_alone(settings | KEYS)
    answer = smsp.post(json.dumps(MESSAGE).encode(), {"Content-Type": "application/json"})
    assert (answer.status, answer.outcome) == (200, "sent")
    (taken,) = moto.taken()
    assert taken["id"] == answer.body["messageid"]
    assert set(taken["destinations"]) >= {
        f"{name}@example.org" for name in ("bob", "carol", "dave")
    }
    message = message_from_string(taken["raw_data"], policy=default)
    assert "dave" not in taken["raw_data"]
    assert message["From"] == "Älice <alice@example.com>"
    assert message["To"] == "Böb <bob@example.org>"
    assert message["Cc"] == "carol@example.org"
    assert message["Reply-To"] == "reply@example.com"
    assert message["Subject"] == "Grüße, 世界"
    assert message["X-Order"] == "42, größer"
    assert answer.id in message["Message-ID"]
    text = message.get_body(("plain",)).get_content()
    assert text.splitlines() == ["Zeile 1", ".", "Zeile 3 🐦"]
    assert message.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("übersicht.bin", FILE)


def test_a_sender_that_is_not_verified_is_no_fault_of_ses(start_alone, settings, moto):
    """Another provider could take the message; here there is none. The circuit stays closed."""
    smsp = start_alone(settings | KEYS)
    answer = smsp.send(fromaddress="alice@example.com")
    assert (answer.status, answer.outcome) == (422, "rejected")
    assert answer.attempts == [("ses", "not_sent", "sender_not_allowed")]
    assert smsp.provider("ses")["state"] == "closed"
    assert moto.taken() == []


def test_credentials_from_the_default_chain(start_alone, settings, moto):
    """Without keys in the settings they come from where AWS's own tools have them."""
    moto.verify("example.com")
    aws = {"AWS_ACCESS_KEY_ID": "AKIDCHAIN", "AWS_SECRET_ACCESS_KEY": "chain-secret"}
    answer = start_alone(settings | aws).send(fromaddress="alice@example.com")
    assert (answer.status, answer.outcome) == (200, "sent")


def test_without_any_credentials_nothing_is_sent(start_alone, settings, moto, tmp_path):
    """The message may be tried again, and the reason is told."""
    nothing = str(tmp_path / "nothing")
    aws = {"AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing}
    answer = start_alone(settings | aws | {"AWS_EC2_METADATA_DISABLED": "true"}).send()
    assert (answer.status, answer.outcome) == (503, "not_sent")
    assert answer.attempts == [("ses", "not_sent", "no_credentials")]


def test_probes(settings, moto):
    """A message is taken; moto cannot be asked after the account, and ``check`` says who fails."""
    moto.verify("example.com")
    environ = settings | KEYS | {"SMSP_API_KEY": "functional-tests-own-key"}
    done = smsp_command("check", "--probe", environ=environ | {"SMSP_SES_PROBE": "message"})
    assert (done.returncode, rows(done.stdout)["ses"]) == (0, ["passed", "sent", "accepted"])
    assert [one["destinations"][0] for one in moto.taken()] == ["poll@example.com"]
    done = smsp_command("check", "--probe", environ=environ)
    assert (done.returncode, rows(done.stdout)["ses"][0]) == (1, "failed")
    assert "would not close the circuit of: ses" in done.stdout
