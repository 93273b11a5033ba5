"""The documents' "Add a provider in ten minutes", followed literally, in both of its ways."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.readme_steps import blocks, follow

README = (ROOT / "smsp/providers/README.md").read_text("utf-8")
STEPS_WITHIN_S = 300


def block(path: str) -> str:
    """The README's text of this file."""
    (text,) = (text for what, where, text in blocks(README) if (what, where) == ("file", path))
    return text


def test_in_the_registry(tmp_path):
    """In a copy of the repository the new kind passes its cases and every adapter's properties."""
    for name in (".github", "smsp", "actors", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    commands = follow(README, tmp_path)
    assert commands[-1].startswith("python -m pytest")
    for command in commands:
        done = subprocess.run(
            command.replace("python", sys.executable, 1),
            shell=True,
            cwd=tmp_path,
            env=clean_environ(),
            capture_output=True,
            text=True,
            timeout=STEPS_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "| `acme`, Acme |" in (tmp_path / "smsp/providers/README.md").read_text("utf-8")
    settings = (tmp_path / "smsp/settings/README.md").read_text("utf-8")
    assert "| `SMSP_ACME_API_KEY` | required |" in settings


class Acme(BaseHTTPRequestHandler):
    """Acme's API: takes every message, or the key is wrong."""

    def do_POST(self):
        """Remember the message, and answer as documented."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers["Authorization"] == "Bearer acme-key"
        self.server.taken += [message] if known else []
        body = json.dumps({"id": "acme-1"} if known else {"error": "Who are you?"}).encode()
        self.send_response(201 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing is printed."""


@contextmanager
def acme_api() -> Iterator[ThreadingHTTPServer]:
    """It on a free port, with the messages it has ``taken``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Acme) as server:
        server.taken = []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def site(tmp_path) -> Path:
    """A folder into which pip has installed the README's package of one's own."""
    project = tomllib.loads(block("pyproject.toml of acme-mail"))["project"]
    ((group, kinds),) = project["entry-points"].items()
    points = "\n".join([f"[{group}]", *(f"{kind} = {value}" for kind, value in kinds.items()), ""])
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    info = f"acme_mail-{project['version']}.dist-info"
    wheel = tmp_path / f"acme_mail-{project['version']}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("acme_mail.py", block("smsp/providers/adapters/acme.py"))
        archive.writestr(f"{info}/METADATA", head)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", points)
        archive.writestr(f"{info}/RECORD", "")
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *offline,
        "--target",
        tmp_path / "site",
        wheel,
    ]
    subprocess.run(install, check=True, timeout=STEPS_WITHIN_S)
    return tmp_path / "site"


def test_in_a_package_of_ones_own(start_alone, site):
    """Installed beside SMSP it is a kind like the others, and mail goes through it."""
    with acme_api() as api:
        smsp = start_alone(
            {
                "PYTHONPATH": str(site),
                "SMSP_PROVIDERS": "acme",
                "SMSP_ACME_API_KEY": "acme-key",
                "SMSP_ACME_BASE_URL": f"http://127.0.0.1:{api.server_port}",
                "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.com",
            }
        )
        answer = smsp.send("bob@example.org", subject="Through Acme")
        assert (answer.status, answer.body["messageid"]) == (200, "acme-1")
        assert answer.attempts == [("acme", "sent", "accepted")]
        assert smsp.provider("acme")["kind"] == "acme"
    (taken,) = api.taken
    assert (taken["subject"], taken["reference"]) == ("Through Acme", answer.id)
    assert taken["to"] == [{"email": "bob@example.org"}]
