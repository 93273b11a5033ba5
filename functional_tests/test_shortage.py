"""A node that may open no more files: it says so, and blames no provider."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.simulators import PROVIDERS
from functional_tests.kit.smsp import Smsp

PROBES = 12
"""With a wait that doubles so many would take several minutes."""
NAMED = {
    "MAILGUN_BASE_URL": "http://localhost:{mailgun}",
    "SENDGRID_BASE_URL": "http://localhost:{sendgrid}",
}


@contextmanager
def no_more_files(smsp: Smsp) -> Iterator[None]:
    """Nothing can be opened. The connection that we have stays."""
    pid = smsp.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = sorted(int(one) for one in os.listdir(f"/proc/{pid}/fd"))
    first_free = next(n for n, fd in enumerate([*used, None]) if n != fd)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def starved_probes(smsp: Smsp) -> int:
    """How many probes could not be made so far."""
    failed = [event for event in smsp.process.events if event["event"] == "probe.failed"]
    return sum(event["reason"] == "no_resources" for event in failed)


@pytest.mark.parametrize("named", [False, True], ids=["by address", "by name"])
def test_without_a_descriptor(start_smsp, simulators, named):
    """No provider had it, each was tried, and none is blamed; soon after all is well again. A
    name that cannot be looked up without one is as much our own fault."""
    ports = {name: simulators.urls[name].rpartition(":")[2] for name in PROVIDERS}
    changes = {key: value.format(**ports) for key, value in NAMED.items()} if named else {}
    smsp = start_smsp(**changes)
    assert set(smsp.states().values()) == {"closed"}
    with no_more_files(smsp):
        answers = [smsp.send() for _ in range(3)]
    for answer in answers:
        assert (answer.status, answer.outcome) == (503, "not_sent")
        assert answer.attempts == [(name, "not_sent", "no_resources") for name in PROVIDERS]
        assert answer.headers["Retry-After"] == "1"
    assert set(smsp.states().values()) == {"closed"}
    assert all(smsp.openings(name) == [] for name in PROVIDERS)
    answers.append(smsp.send())
    assert answers[-1].outcome == "sent"
    audit_all(answers, simulators.taken())


def test_a_probe_without_a_descriptor(start_smsp, simulators):
    """It does not close the circuit, and is made again as soon as the first one would have been."""
    smsp = start_smsp(POLL_INTERVAL="0.1", POLL_INTERVAL_MAX="60")
    simulators.turn("mailgun", "down")
    assert smsp.send(provider="mailgun").outcome == "not_sent"
    with no_more_files(smsp):
        simulators.turn("mailgun", "up")
        eventually(lambda: starved_probes(smsp) >= PROBES, f"{PROBES} probes could not be made")
    smsp.wait_for_state("mailgun", "closed")
