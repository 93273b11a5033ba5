"""An operator's orders: hold a circuit open or closed, and let it go, by HTTP and by command."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256

import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.smsp import KEY

PATIENCE_S = 30.0
FAILS = "error@example.org"
KEYS = {
    name: f"functional-tests-key-to-{name}"
    for name in ("send", "observe", "operate", "operate-too")
}
SCOPES = {"send": "send", "observe": "observe", "operate": "operate", "operate-too": "operate+send"}
SETTINGS = {
    "API_KEYS": ",".join(
        f"{name}:{SCOPES[name]}:{sha256(key.encode()).hexdigest()}" for name, key in KEYS.items()
    )
}


@pytest.fixture
def smsp(smsp):
    """Nobody holds anything, before and after."""
    yield smsp
    for one in smsp.providers():
        order(smsp, one["name"], state="auto")


def order(smsp, name, **wanted):
    """Give an order; the snapshot that answers it."""
    return smsp.http.put(f"/providers/{name}/circuit", json=wanted).raise_for_status().json()


def command(smsp, *arguments, key=KEY):
    """``smsp circuit`` against this node."""
    return subprocess.run(
        [sys.executable, "-m", "smsp", "circuit", *arguments, "--url", smsp.url],
        env=clean_environ() | {"SMSP_API_KEY": key},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def held(smsp):
    """What the log says of holds of Mailgun's circuit: state and reason, in order."""
    events = [one for one in smsp.process.events if one["event"] == "circuit.held"]
    return [(one["state"], one["reason"]) for one in events if one["provider"] == "mailgun"]


def metric(smsp, state):
    """Whether the metrics say that Mailgun's circuit is in this state."""
    wanted = f'smsp_circuit_state{{provider="mailgun",state="{state}"}} '
    lines = smsp.http.get("/metrics").raise_for_status().text.splitlines()
    return [float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)] == [1.0]


def test_hold_open(smsp, simulators):
    """No mail and no poll goes there, though it is well; snapshot, log and metrics say why."""
    before = held(smsp)
    shown = order(smsp, "mailgun", state="open")
    assert (shown["state"], shown["reason"]) == ("held_open", "operator")
    assert shown == smsp.provider("mailgun")
    answer = smsp.send()
    assert answer.attempts == [
        ("mailgun", "refused", "held_open"),
        ("sendgrid", "sent", "accepted"),
    ]
    eventually(lambda: held(smsp) == [*before, ("held_open", "operator")], "the log says so")
    assert metric(smsp, "held_open")
    assert smsp.http.get("/healthcheck").json()["status"] == "degraded"
    assert simulators.outbox()["tested"] == {}
    audit_all([answer], simulators.taken())


def test_a_hold_without_end_says_come_back_in_a_minute(smsp):
    """Nobody knows when it ends, so nobody is sent away for long."""
    order(smsp, "mailgun", state="open")
    answer = smsp.send(provider="mailgun")
    assert (answer.body["code"], answer.headers["Retry-After"]) == ("no_provider", "60")


def test_release(smsp, simulators):
    """A circuit that is let go is polled at once, and only the poll closes it."""
    order(smsp, "mailgun", state="open")
    shown = order(smsp, "mailgun", state="auto")
    assert shown["state"] in {"open", "closed"}
    smsp.wait_for_state("mailgun", "closed")
    moves = [(one["to"], one["reason"]) for one in smsp.provider("mailgun")["transitions"]]
    assert moves[-2:] == [("open", "operator"), ("closed", "probe_passed")]
    assert simulators.outbox()["tested"] == {"mailgun": 1}


def test_hold_closed(smsp, simulators):
    """Mail goes there whatever fails: what is known to be broken is the operator's risk."""
    order(smsp, "mailgun", state="closed")
    answers = [smsp.send(FAILS) for _ in range(3)] + [smsp.send()]
    assert [answer.outcome for answer in answers] == ["unknown"] * 3 + ["sent"]
    assert metric(smsp, "held_closed")
    assert order(smsp, "mailgun", state="auto")["state"] == "closed"
    audit_all(answers, simulators.taken())


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_hold_with_an_end(smsp, state):
    """It ends by itself, and the log says so."""
    shown = order(smsp, "mailgun", state=state, **{"for": 0.4})
    assert shown["state"] == f"held_{state}"
    smsp.wait_for_state("mailgun", "closed")
    moves = [(one["from"], one["reason"]) for one in smsp.provider("mailgun")["transitions"]]
    assert (f"held_{state}", "hold_ended") in moves[-2:]


def test_by_command(smsp):
    """``smsp circuit`` says what it has done, and exits with 0."""
    done = command(smsp, "open", "mailgun", "--for", "60")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mailgun is held_open since ")
    assert smsp.provider("mailgun")["state"] == "held_open"
    assert command(smsp, "close", "mailgun").stdout.startswith("mailgun is held_closed")
    assert command(smsp, "auto", "mailgun").stdout.startswith("mailgun is closed")


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        (KEY + "x", 401, "Unauthorised"),
        (KEYS["send"], 403, None),
        (KEYS["observe"], 403, None),
    ],
    ids=["unknown", "send", "observe"],
)
def test_by_somebody_who_may_not(smsp, key, status, words):
    """A key without the scope ``operate`` changes nothing; the command's exit status is 1."""
    answer = smsp.http.put(
        "/providers/mailgun/circuit", json={"state": "open"}, headers={"X-API-KEY": key}
    )
    assert answer.status_code == status
    assert answer.json()["message"] == (words or answer.json()["message"])
    done = command(smsp, "open", "mailgun", key=key)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == answer.json()["message"]
    assert smsp.provider("mailgun")["state"] == "closed"


@pytest.mark.parametrize("name", ["operate", "operate-too"])
def test_by_somebody_who_may(smsp, name):
    """The scope ``operate`` is enough, whatever else the key may do."""
    assert command(smsp, "open", "mailgun", key=KEYS[name]).returncode == 0
    assert smsp.provider("mailgun")["state"] == "held_open"


def test_the_end_of_a_hold_is_no_cure(smsp, simulators):
    """A provider that is down when it is let go stays open until a poll passes."""
    simulators.turn("mailgun", "down")
    order(smsp, "mailgun", state="open")
    order(smsp, "mailgun", state="auto")
    eventually(
        lambda: (smsp.provider("mailgun")["last_probe"] or {}).get("outcome") == "not_sent",
        "a poll has failed",
    )
    assert smsp.provider("mailgun")["state"] == "open"
    simulators.turn("mailgun", "up")
    smsp.wait_for_state("mailgun", "closed")
