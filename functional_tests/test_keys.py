"""Keys of a running SMSP: made on the command line, changed by a signal, and shown nowhere."""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.smsp import KEY
from tests.kit.web import message

SERVERS = ("smsp", "hypercorn")

JSON = {"Content-Type": "application/json"}


def new_key(*arguments):
    """A secret and its entry, as ``smsp key new`` prints them."""
    command = [sys.executable, "-m", "smsp", "key", "new", *arguments]
    told = subprocess.run(
        command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, check=True
    ).stdout
    return re.search(r"secret.*: (\S+)", told)[1], re.search(r"entry.*: +(\S+)", told)[1]


@pytest.fixture
def keys_file(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def smsp(start_alone, keys_file):
    """One in mock mode whose keys are in a file."""
    secret, entry = new_key("app", "--scopes", "send", "--from-domains", "example.com")
    keys_file.write_text(entry + "\n")
    smsp = start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true", "SMSP_API_KEYS_FILE": str(keys_file)})
    smsp.secret, smsp.entry = secret, entry
    return smsp


def post(smsp, key, **changes):
    """The status of a message that is sent with this key."""
    headers = JSON | {"X-API-KEY": key}
    return smsp.http.post("/email", content=message(**changes), headers=headers).status_code


def test_a_key_does_what_it_may(smsp):
    """It sends from its own domain, and nothing else."""
    assert post(smsp, smsp.secret) == 200
    assert post(smsp, smsp.secret, fromaddress="a@example.org") == 403
    assert smsp.http.get("/providers", headers={"X-API-KEY": smsp.secret}).status_code == 403


def test_keys_are_changed_without_a_restart(smsp, keys_file):
    """First both secrets are known, then the new one alone; a mistake changes nothing."""
    secret, entry = new_key("app", "--scopes", "send", "--from-domains", "example.com")
    _reload(smsp, keys_file, f"{smsp.entry},{entry}", "keys.reloaded")
    assert [post(smsp, key) for key in (smsp.secret, secret, KEY)] == [200, 200, 200]
    _reload(smsp, keys_file, entry, "keys.reloaded")
    assert [post(smsp, key) for key in (smsp.secret, secret, KEY)] == [401, 200, 200]
    _reload(smsp, keys_file, secret, "keys.not_reloaded")
    assert [post(smsp, key) for key in (smsp.secret, secret, KEY)] == [401, 200, 200]


def test_no_key_is_shown_anywhere(smsp, keys_file):
    """Not in the log, whatever happens; not in metrics, snapshots or errors; not to ``ps``."""
    wrong = "a-key-that-nobody-has-ever-had"
    shown = []
    for key in (smsp.secret, KEY, wrong):
        headers = JSON | {"X-API-KEY": key}
        shown += [
            smsp.http.post("/email", content=message(), headers=headers),
            smsp.http.post("/email", content=b"{", headers=headers),
            smsp.http.post("/email", params={"key": key}, content=message(), headers=JSON),
            smsp.http.get(f"/{key}"),
            smsp.http.get(f"/email/{key}", headers=headers),
            smsp.http.get("/healthcheck", headers={"Authorization": f"Bearer {key}"}),
            smsp.http.get("/metrics"),
            smsp.http.get("/providers"),
        ]
    _reload(smsp, keys_file, f"app:{smsp.secret}", "keys.not_reloaded")
    _reload(smsp, keys_file, smsp.entry, "keys.reloaded")
    told = "\n".join([smsp.process.log, smsp.process.command_line, *map(_whole, shown)])
    digest = smsp.entry.split(":")[2]
    assert [secret for secret in (smsp.secret, KEY, wrong, digest) if secret in told] == []


def test_who_tries_keys(smsp):
    """429 after a while, from this address; a right key from the same address goes on."""
    statuses = [post(smsp, f"wrong-{number}") for number in range(40)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert post(smsp, smsp.secret) == 200


def _reload(smsp, keys_file, text, event):
    before = len([one for one in smsp.process.events if one["event"] == event])
    keys_file.write_text(text)
    smsp.process.hang_up()
    eventually(
        lambda: len([one for one in smsp.process.events if one["event"] == event]) > before, event
    )


def _whole(response: httpx.Response) -> str:
    return f"{response.headers} {response.text}"
