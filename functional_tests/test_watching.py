"""Watchers on real sockets: what they are told, and that they never cost anybody else anything.

Needs the inside: a bound that no variable sets is read there.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import httpx
import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.smsp import KEY
from smsp.server.listener import UNREAD_MS_MAX

SERVERS = ("smsp", "hypercorn")

SETTINGS = {"POLL_INTERVAL": "1", "POLL_INTERVAL_MAX": "1"}
AT_ONCE_S = 1.0
BUFFER_BYTES = 4096
LARGEST = "/docs/assets/swagger-ui-bundle.js"
"""More than the sockets' buffers hold."""


@contextmanager
def watching(smsp):
    """The events of a stream, as they come: their names and data."""
    with smsp.http.stream("GET", "/providers/events") as response:
        assert response.status_code == 200
        yield _events(response)


def _events(response):
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def _state(event):
    return event[1]["providers"][0]["state"]


def test_a_watcher_sees_a_circuit_open_and_close(smsp, simulators):
    """The state at first, then every change, in order and within a second."""
    with watching(smsp) as events:
        assert _state(next(events)) == "closed"
        simulators.turn("mailgun", "down")
        smsp.send()
        sent_at = time.monotonic()
        opened = next(event for event in events if _state(event) == "open")
        assert time.monotonic() - sent_at < AT_ONCE_S
        simulators.turn("mailgun", "up")
        closed = next(event for event in events if _state(event) == "closed")
    moves = [move["to"] for move in closed[1]["providers"][0]["transitions"][-2:]]
    assert moves == ["open", "closed"]
    assert closed[1]["seq"] > opened[1]["seq"]


def test_a_watcher_does_not_hold_up_the_end(start_smsp):
    """On SIGTERM every stream ends with an event that says so, and the process at once."""
    smsp = start_smsp()
    with watching(smsp) as events:
        next(events)
        told_at = time.monotonic()
        smsp.process.terminate()
        assert list(events)[-1] == ("end", {})
        assert smsp.process.exit_status() == 0
    assert time.monotonic() - told_at < AT_ONCE_S


def test_who_leaves_is_forgotten(smsp):
    """Watchers who hang up make room, though each of them was one of two hundred."""
    for _ in range(210):
        with watching(smsp) as events:
            next(events)
    eventually(lambda: _watches(smsp), "there is room for one more")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel has no such bound")
def test_who_stops_reading_is_dropped(smsp):
    """A caller who leaves unread what was written loses the connection, not we our patience."""
    address = smsp.http.base_url
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        reader.connect((address.host, address.port))
        reader.sendall(f"GET {LARGEST} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 3)
        bound_s = UNREAD_MS_MAX / 1000
        time.sleep(bound_s + 2)
        assert smsp.send().outcome == "sent"
        with pytest.raises(ConnectionError):
            _read_on(reader)


def status(*arguments, url, key=KEY):
    """Run ``smsp status`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "smsp", "status", "--url", url, *arguments],
        env=clean_environ() | {"SMSP_API_KEY": key, "COLUMNS": "160"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.ours_alone
def test_status_in_the_terminal(smsp):
    """A table for people, JSON for programs, and exit status 0 while mail is taken."""
    table = status(url=smsp.url)
    assert table.returncode == 0
    assert [line.split()[0] for line in table.stdout.splitlines()[2:]] == ["mailgun", "sendgrid"]
    whole = json.loads(status("--json", url=smsp.url).stdout)
    assert whole["status"] == "ok"
    assert [one["name"] for one in whole["providers"]] == ["mailgun", "sendgrid"]


@pytest.mark.ours_alone
def test_status_when_down(smsp, simulators):
    """Exit status 1 when no circuit takes mail, so that it serves in scripts."""
    for name in ("mailgun", "sendgrid"):
        smsp.http.put(f"/providers/{name}/circuit", json={"state": "open"}).raise_for_status()
    assert status(url=smsp.url).returncode == 1
    for name in ("mailgun", "sendgrid"):
        smsp.http.put(f"/providers/{name}/circuit", json={"state": "auto"}).raise_for_status()


@pytest.mark.ours_alone
def test_status_of_nobody(smsp):
    """A wrong key and a dead address are one line on standard error, and exit status 1."""
    for done in (status(url=smsp.url, key="no-such-key-at-all"), status(url="http://127.0.0.1:9")):
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.ours_alone
def test_status_live(smsp, simulators):
    """``--watch`` follows the circuits on the screen until interrupted; then exit status 0."""
    screen, terminal = pty.openpty()
    watcher = subprocess.Popen(
        [sys.executable, "-m", "smsp", "status", "--watch", "--url", smsp.url],
        env=clean_environ() | {"SMSP_API_KEY": KEY, "TERM": "xterm"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    with closing(os.fdopen(screen, "rb", buffering=0)) as painted:
        try:
            _read_until(painted, b"mailgun")
            simulators.turn("mailgun", "down")
            smsp.send()
            _read_until(painted, b"degraded")
            watcher.send_signal(signal.SIGINT)
            assert watcher.wait(10) == 0
        finally:
            watcher.kill()
            watcher.wait()


def _read_until(painted, text):
    seen = b""
    while text not in seen:
        seen += painted.read(4096)


def _read_on(reader):
    while reader.recv(1 << 20):
        pass


def _watches(smsp):
    with httpx.stream("GET", f"{smsp.url}/providers/events", headers={"X-API-KEY": KEY}) as one:
        return one.status_code == 200
