"""``python -m smsp`` as an operator meets it: what does not start, and how it says so."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.smsp import KEY

PATIENCE_S = 30.0
MOCK = {"SMSP_API_KEY": KEY, "SMSP_MOCK_EMAIL_SERVICE": "true"}


def smsp(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "smsp", *arguments],
        env=clean_environ() | environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def taken_port():
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_the_package_is_the_command():
    """``python -m smsp`` is ``smsp``."""
    assert smsp("--version").stdout == f"smsp, version {version('smsp')}\n"


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use(taken_port, command):
    """Exit status 1, and one line that says where, why, and which variables say so."""
    done = smsp(command, "--port", taken_port, **(MOCK if command == "serve" else {}))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    where = f"127.0.0.1 port {taken_port} (SMSP_HOST, SMSP_PORT)"
    assert line == f"cannot listen on {where}: Address already in use"


def test_no_key_no_start():
    """Exit status 2; every mistake is named at once, by variable, and nothing is started."""
    done = smsp("serve", SMSP_PORT="http", SMSP_CALL_TIMEOUT="soon", SMSP_PROVIDES="mailgun")
    assert done.returncode == 2
    assert done.stdout == ""
    named = {line.split()[0].rstrip(":") for line in done.stderr.splitlines()}
    assert named >= {"SMSP_API_KEY", "SMSP_CALL_TIMEOUT", "SMSP_PORT", "SMSP_PROVIDES"}
    assert "Traceback" not in done.stderr


def test_nobody_to_send_to():
    """``smsp send`` to where nobody listens: exit status 1 and one line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    done = smsp("send", "--url", url, "--from", "a@b.c", "--to", "d@e.f", SMSP_API_KEY=KEY)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
