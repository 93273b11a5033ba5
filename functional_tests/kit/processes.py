"""A process of ours under test: started, followed through what it prints, ended and waited for.

Owns one child and the file that its output goes to. Must not know what the child does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
END_WITHIN_S = 20.0


class Process:
    """``python -m …`` with an environment of its own: of ours, nothing that configures SMSP."""

    def __init__(
        self, name: str, arguments: Sequence[str], environ: Mapping[str, str], log_path: Path
    ) -> None:
        self.name = name
        self._log_path = log_path
        with log_path.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=clean_environ() | environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """All that it has printed so far."""
        return self._log_path.read_text("utf-8", "replace")

    @property
    def events(self) -> list[dict]:
        """The whole lines of its log that are JSON."""
        lines = self.log.split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def event(self, name: str) -> dict | None:
        """The first event of this name, if there is one yet."""
        self.check_alive()
        return next((event for event in self.events if event.get("event") == name), None)

    def check_alive(self) -> None:
        """Fail if it has ended: what it was to do will never come."""
        status = self._child.poll()
        assert status is None, f"{self.name} has ended with status {status}:\n{self.log}"

    @property
    def pid(self) -> int:
        """Its process id, for as long as it has not been waited for."""
        return self._child.pid

    @property
    def open_files(self) -> int:
        """How many it has now, sockets included."""
        return len(os.listdir(f"/proc/{self._child.pid}/fd"))

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        self._child.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it in the middle of what it does; it is not told."""
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._child.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Send SIGHUP, and do not wait."""
        self._child.send_signal(signal.SIGHUP)

    @property
    def command_line(self) -> str:
        """What every user of this machine can read of it."""
        return Path(f"/proc/{self._child.pid}/cmdline").read_text()

    def kill(self) -> None:
        """End it without giving it a moment; returns when it is gone."""
        self._child.kill()
        self._child.wait(END_WITHIN_S)

    def exit_status(self) -> int:
        """Wait for its end, for a bounded time."""
        return self._child.wait(END_WITHIN_S)

    def end(self) -> None:
        """See to it that it is gone, whatever state it is in."""
        if self._child.poll() is None:
            self.terminate()
            try:
                self._child.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()


@contextmanager
def running(process: Process, register: list[Process]) -> Iterator[Process]:
    """The process while the block runs; in ``register``, so that a failure can show its log."""
    register.append(process)
    try:
        yield process
    finally:
        process.end()
        register.remove(process)


def clean_environ() -> dict[str, str]:
    """Our environment without what would configure a server or a client."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SMSP_")}
