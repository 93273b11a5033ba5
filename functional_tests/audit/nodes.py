"""Two nodes behind the balancer: one stays, the other is replaced again and again.

Owns their processes, their logs, and the count of replacements by which callers know how long a
key is good. What a node's end shows to be wrong is kept for the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trio

from functional_tests.kit.polling import eventually
from functional_tests.kit.ports import free_port
from functional_tests.kit.processes import Process
from functional_tests.kit.smsp import BUGS, KEY, Smsp

START_WITHIN_S = 60.0
SETTINGS = {
    "SMSP_API_KEY": KEY,
    "SMSP_LOG_OUTPUT_FORMAT": "JSON_ONELINE",
    "SMSP_POLL_MESSAGE_ADDRESS": "poll@mail.example.com",
    "SMSP_CALL_TIMEOUT": "1",
    "SMSP_POLL_INTERVAL": "0.1",
    "SMSP_POLL_INTERVAL_MAX": "0.5",
    "SMSP_SETTLE_TIMEOUT": "2",
    "SMSP_FAILOVER": "safe",
    "SMSP_ROUTING": "weighted",
    "SMSP_MAILGUN_TRIP": "first-failure",
    "SMSP_SENDGRID_TRIP": "consecutive:5",
    "SMSP_POSTMARK_EU_TRIP": "rate:50%/20",
    "SMSP_DRAIN_DELAY": "0.5",
    # Of which one API key may have half; full within the first minute, so that memory can be flat.
    "SMSP_IDEMPOTENCY_KEYS": "10000",
}
_BUGS = tuple(f'"event":"{name}"'.encode() for name in BUGS)


class Node:
    """One node: its address is the same in every life."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.name = name
        self.port = free_port()
        self._folder = folder
        self._settings = {**SETTINGS, **settings, "SMSP_PORT": str(self.port)}
        self._lives = 0
        self.wrongs: list[str] = []
        self.logs: list[Path] = []

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin a life; returns when it takes requests."""
        self._lives += 1
        self._log = self._folder / f"{self.name}.{self._lives}.log"
        self.logs.append(self._log)
        self.process = Process(self.name, ["smsp", "serve"], self._settings, self._log)
        eventually(self._is_up, f"{self.name} has started", within_s=START_WITHIN_S)
        self.smsp = Smsp(f"http://{self.address}", KEY, self.process)

    def stop(self) -> None:
        """Send SIGTERM and see how it ends: in time, with status 0, and without a bug."""
        self.smsp.close()
        self.process.terminate()
        status = self.process.exit_status()
        if status != 0:
            self.wrongs.append(f"{self.name}, life {self._lives}: exit status {status}")
        with self._log.open("rb") as lines:
            found = [line for line in lines if any(bug in line for bug in _BUGS)]
        self.wrongs += [f"{self.name}, life {self._lives}: {line.decode()}" for line in found[:10]]

    def _is_up(self) -> bool:
        self.process.check_alive()
        return b'"server.started"' in self._log.read_bytes()


class Nodes:
    """Both. ``turn`` grows when a replacement begins and again when it is over."""

    def __init__(self, staying: Node, replaced: Node) -> None:
        self.staying, self.replaced = staying, replaced
        self.turn = 0

    @property
    def both(self) -> tuple[Node, Node]:
        """The one that stays first."""
        return self.staying, self.replaced

    async def replace(self) -> None:
        """Send SIGTERM to the one, wait for its end, and start another at its address."""
        self.turn += 1
        await trio.to_thread.run_sync(self.replaced.stop)
        await trio.to_thread.run_sync(self.replaced.start)
        self.turn += 1

    @property
    def wrongs(self) -> list[str]:
        """What was wrong with their ends."""
        return self.staying.wrongs + self.replaced.wrongs


@contextmanager
def nodes(folder: Path, settings: Mapping[str, str]) -> Iterator[Nodes]:
    """Two nodes while the block runs."""
    found = Nodes(*(Node(name, folder, settings) for name in ("staying", "replaced")))
    started = []
    try:
        for node in found.both:
            node.start()
            started.append(node)
        yield found
    finally:
        for node in started:
            node.process.end()
