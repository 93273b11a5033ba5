"""A program under measurement: pinned to a core, ready, asked what it has used, and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

READY_WITHIN_S = 20.0
END_WITHIN_S = 20.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Program:
    """A child process on one core, which listens on ``port``. A context: it ends with the block."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        port: int,
        core: int,
        folder: Path,
    ) -> None:
        self._name = name
        self._port = port
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        self._child = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**_clean_environ(), **environ},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        until = time.monotonic() + READY_WITHIN_S
        while not self._listens():
            if self._child.poll() is not None or time.monotonic() > until:
                self.__exit__()
                self.log.seek(0)
                raise RuntimeError(
                    f"{self._name} did not start:\n{self.log.read().decode()[-4000:]}"
                )
            time.sleep(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU so far, user and system."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    @property
    def peak_mb(self) -> float:
        """The most memory it has had at once, in MB."""
        for line in Path(f"/proc/{self._child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1.0):
                return True
        except OSError:
            return False


def _clean_environ() -> dict[str, str]:
    """Nothing that configures SMSP; and compiled once, as what is installed is."""
    left_out = ("SMSP_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {"PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/smsp-load-compiled", **kept}
