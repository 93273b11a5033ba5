"""Whatever becomes of stdout, mail goes on, SIGTERM ends the node, and what the log could not tell
is counted.

Needs the inside: the key of the demonstration stands there.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.ports import free_port
from functional_tests.kit.processes import ROOT, clean_environ
from functional_tests.kit.smsp import KEY, PATIENCE_S
from smsp.cli.demo import DEMO_KEY

START_WITHIN_S = 60.0
END_WITHIN_S = 5.0
"""Of a node that has nothing to wait for, on a busy machine; it needs less than one."""
FILE_BYTES = 6_000
CROWD = [f"{'x' * 60}{number}@{'y' * 60}.{'z' * 60}.example.org" for number in range(10)]
"""Ten addresses that make a line of the log more than 2 KB long."""
FILLING = 500
"""Sends to the crowd whose lines no pipe and no buffer has room for."""


class Node:
    """A node whose stdout is this file."""

    def __init__(self, stdout: int, folder: Path, *, program=("smsp", "serve"), key=KEY, shell=""):
        self.port = free_port()
        self.stderr = folder / "stderr"
        environ = {
            "SMSP_MOCK_EMAIL_SERVICE": "true",
            "SMSP_API_KEY": key,
            "SMSP_PORT": str(self.port),
            "SMSP_LOG_OUTPUT_FORMAT": "JSON_ONELINE",
            "SMSP_LOG_ADDRESSES": "true",
        }
        command = [sys.executable, "-m", *program, "--port", str(self.port)]
        if shell:
            command = ["sh", "-c", shell, "sh", *command]
        with self.stderr.open("wb") as stderr:
            self.child = subprocess.Popen(
                command,
                env=clean_environ() | environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        headers = {"X-API-KEY": key}
        url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S, trust_env=False)
        eventually(self._is_there, "it listens", within_s=START_WITHIN_S)

    def send(self, times: int = 1) -> None:
        """Send so many messages to the crowd; each must be answered as ever."""
        message = {
            "fromaddress": "alice@mail.example.com",
            "toaddress": CROWD,
            "subject": "hello",
            "plaintextbody": "Hello.",
        }
        for _ in range(times):
            answer = self.http.post("/email", json=message)
            assert (answer.status_code, answer.json()["outcome"]) == (200, "sent")

    @property
    def dropped(self) -> int:
        """Lines that the metrics say were dropped."""
        told = self.http.get("/metrics").raise_for_status().text
        (count,) = re.findall(r"^smsp_log_lines_dropped_total (\S+)$", told, re.MULTILINE)
        return int(float(count))

    def stop(self) -> None:
        """SIGTERM ends it, with status 0 and in its time; it has said nothing to stderr."""
        self.http.close()
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(END_WITHIN_S) == 0
        assert self.stderr.read_text() == ""

    def _is_there(self) -> bool:
        assert self.child.poll() is None, self.stderr.read_text()
        try:
            return self.http.get("/livez").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def node(stdout: int, folder: Path, **options) -> Iterator[Node]:
    """A node, which is gone afterwards."""
    running = Node(stdout, folder, **options)
    try:
        yield running
    finally:
        running.http.close()
        running.child.kill()
        running.child.wait()


@pytest.fixture
def pipe():
    """Both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def full(end: int) -> None:
    """Fill a pipe by lines that are not the log's."""
    filler = b"#" * 1023 + b"\n"
    os.set_blocking(end, False)
    try:
        while os.write(end, filler):
            pass
    except BlockingIOError:
        os.set_blocking(end, True)


class Reader:
    """Reads what is in a pipe, when it is told to."""

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end = end
        self.text = b""

    def read(self) -> None:
        """All there is now."""
        try:
            while piece := os.read(self._end, 65536):
                self.text += piece
        except BlockingIOError:
            pass

    @property
    def events(self) -> list[dict]:
        """The log's lines; each must be a whole one."""
        assert self.text.endswith(b"\n")
        lines = self.text.splitlines()
        return [json.loads(line) for line in lines if not line.startswith(b"#")]

    def times(self, event: str) -> int:
        """How many such events there are, with those that can be read now."""
        self.read()
        return self.text.count(f'"event":"{event}"'.encode())


@pytest.mark.parametrize("program", [("smsp", "serve"), ("smsp", "demo")], ids=" ".join)
def test_a_pipe_that_nobody_reads(pipe, tmp_path, program):
    """Full before the first line: sends are answered, lines counted, and SIGTERM ends it."""
    _, end = pipe
    full(end)
    key = DEMO_KEY if program[1] == "demo" else KEY
    with node(end, tmp_path, program=program, key=key) as running:
        running.send(FILLING if program[1] == "serve" else 2 * FILLING)  # the demo masks addresses
        assert running.dropped > 0
        running.stop()


def test_a_pipe_that_is_read_again(pipe, tmp_path):
    """The log goes on with whole lines, and says in their place how many are missing."""
    source, end = pipe
    full(end)
    with node(end, tmp_path) as running:
        running.send(FILLING)
        dropped = running.dropped
        reader = Reader(source)
        eventually(lambda: reader.times("log.dropped"), "it goes on")
        running.send(3)
        running.stop()
        assert reader.times("server.stopped")
    events = reader.events
    words = [event["event"] for event in events]
    assert words[0] == "server.started"
    assert words[-1] == "server.stopped"
    (gap,) = [event for event in events if event["event"] == "log.dropped"]
    assert dropped <= gap["count"] <= dropped + 4  # the look at the metrics is told as well
    sent = words.count("email.sent")
    assert sent + words.count("request.handled") + gap["count"] >= 2 * FILLING + 6
    assert words[words.index("log.dropped") :].count("email.sent") == 3


def test_a_reader_that_has_gone(pipe, tmp_path):
    """Before the first line, or in the middle."""
    source, end = pipe
    with node(end, tmp_path) as running:
        running.send()
        os.close(source)
        running.send(20)
        eventually(lambda: running.dropped > 0, "lines are counted")
        running.send(20)
        running.stop()


@pytest.mark.parametrize("how", [">/dev/full", ">&-", "</dev/null >&0"])
def test_a_file_that_takes_nothing(tmp_path, how):
    """A full disk, no stdout at all, a file that is open for reading only."""
    with node(subprocess.DEVNULL, tmp_path, shell=f'exec "$@" {how}') as running:
        running.send(20)
        eventually(lambda: running.dropped > 0, "lines are counted")
        running.stop()


def test_a_file_that_may_not_grow(tmp_path):
    """Until it may: then it goes on where it was cut, and tells first how many are missing."""
    log = tmp_path / "log"
    with log.open("wb") as file, node(file.fileno(), tmp_path) as running:
        hard = resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, hard))
        running.send(20)
        eventually(lambda: running.dropped > 0, "lines are counted")
        assert log.stat().st_size == FILE_BYTES
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (hard, hard))
        eventually(lambda: b"log.dropped" in log.read_bytes(), "it goes on")
        running.send()
        running.stop()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    words = [event["event"] for event in events]
    assert words[-1] == "server.stopped"
    assert words.count("log.dropped") == 1
    assert words[words.index("log.dropped") :].count("email.sent") == 1


def test_a_pipe_that_somebody_made_non_blocking(pipe, tmp_path):
    """Its lines come whole and in order as it is read."""
    source, end = pipe
    full(end)
    os.set_blocking(end, False)
    with node(end, tmp_path) as running:
        running.send(100)
        reader = Reader(source)
        assert fcntl.fcntl(end, fcntl.F_GETFL) & os.O_NONBLOCK != 0
        eventually(lambda: reader.times("email.sent") == 100, "it goes on")
        running.stop()
        assert reader.times("server.stopped")
    words = [event["event"] for event in reader.events]
    assert words.count("email.sent") == 100
    assert (words[0], words[-1]) == ("server.started", "server.stopped")
    assert "log.dropped" not in words


def test_stdout_stays_as_it_was(pipe, tmp_path):
    """Its flags are everybody's who has it open."""
    source, end = pipe
    with node(end, tmp_path) as running:
        running.send()
        assert fcntl.fcntl(end, fcntl.F_GETFL) & os.O_NONBLOCK == 0
        running.stop()
    reader = Reader(source)
    assert reader.times("server.stopped")


def test_what_was_logged_before_a_failure(tmp_path):
    """A node that cannot start has written why, before it ends with its own status."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {
            "SMSP_MOCK_EMAIL_SERVICE": "true",
            "SMSP_API_KEY": "short",
            "SMSP_LOG_OUTPUT_FORMAT": "JSON_ONELINE",
        }
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "smsp", "serve", "--port", str(taken.getsockname()[1])],
            env=clean_environ() | environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=START_WITHIN_S,
            check=False,
        )
    assert time.monotonic() - began < START_WITHIN_S
    assert done.returncode == 1
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["settings.doubtful"]
