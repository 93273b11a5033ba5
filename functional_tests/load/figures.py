"""How SMSP stands a crowd, and how much it adds: the figures beside the table of costs."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from functional_tests.kit.ports import free_port
from functional_tests.load.costs import LOAD_CORE, SERVER_CORE, offered
from functional_tests.load.peers import ROOT, smsp_environ, stub
from functional_tests.load.program import Program

SLOW_MS, VERY_SLOW_MS = 50, 5_000
CROWD = 3_000


@dataclass(frozen=True)
class Figure:
    """One figure, as measured, and what it must not exceed."""

    meaning: str
    value: float
    unit: str
    must: float


def figures(folder: Path, *, seconds: float, say: Callable[[str], None]) -> list[Figure]:
    """Measure them all."""
    found: list[Figure] = []
    for measure in (_start, _flat, _crowd, _added):
        for one in measure(folder, seconds):
            say(f"{one.meaning}: {one.value:.3g}{one.unit}, must be at most {one.must:g}{one.unit}")
            found.append(one)
    return found


class _Pair:
    """SMSP in front of a provider that takes ``delay_ms``. A context."""

    def __init__(self, folder: Path, delay_ms: int, **settings: str) -> None:
        self.stub_port, self.port = free_port(), free_port()
        provider = stub(self.stub_port, folder, delay_ms)
        self._stub = Program(
            "stub", provider.command, provider.environ, self.stub_port, LOAD_CORE, folder
        )
        self._environ = smsp_environ(f"http://127.0.0.1:{self.stub_port}", self.port, **settings)

    def __enter__(self) -> Program:
        self._stub.__enter__()
        self.smsp = smsp(self._environ, self.port)
        return self.smsp.__enter__()

    def __exit__(self, *error: object) -> None:
        self.smsp.__exit__(*error)
        self._stub.__exit__(*error)

    @property
    def url(self) -> str:
        """Where mail goes in."""
        return f"http://127.0.0.1:{self.port}/email"


def smsp(environ: dict[str, str], port: int) -> Program:
    """SMSP on the core of what is measured."""
    command = [sys.executable, "-m", "smsp", "serve"]
    return Program("SMSP", command, environ, port, SERVER_CORE, ROOT)


def _start(_folder: Path, _seconds: float) -> list[Figure]:
    took_s = []
    for _ in range(3):
        port = free_port()
        began_at = time.monotonic()
        with smsp(smsp_environ("http://127.0.0.1:9", port), port):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez") as answer:
                assert answer.status == 200
            took_s.append(time.monotonic() - began_at)
    return [Figure("from start to the first answer", min(took_s), " s", 1.2)]


def _flat(folder: Path, seconds: float) -> list[Figure]:
    """CPU a send with 1,000 in flight, against 10."""
    cpu_us = {}
    pair = _Pair(folder, SLOW_MS, SMSP_MAX_IN_FLIGHT="5000")
    with pair as program:
        for connections in (10, 1_000):
            offered(pair.url, connections=connections, seconds=1.0)
            before = program.cpu_s
            told = offered(pair.url, connections=connections, seconds=3 * seconds)
            assert told["failed"] == 0, told
            cpu_us[connections] = 1e6 * (program.cpu_s - before) / told["answered"]
    ratio = cpu_us[1_000] / cpu_us[10]
    return [Figure("CPU a send with 1,000 in flight ÷ with 10", ratio, "", 1.3)]


def _crowd(folder: Path, _seconds: float) -> list[Figure]:
    """3,000 at once: sends come evenly for as long as the provider takes for one."""
    slow_s = VERY_SLOW_MS / 1000
    settings = {"SMSP_MAX_IN_FLIGHT": "5000", "SMSP_CALL_TIMEOUT": "30"}
    pair = _Pair(folder, VERY_SLOW_MS, **settings)
    with pair as program:
        told = offered(pair.url, connections=CROWD, seconds=slow_s, rate=CROWD / slow_s)
        peak_mb = program.peak_mb
    return [
        Figure(f"{CROWD:,} in flight: sends that failed", told["failed"], "", 0),
        Figure(f"{CROWD:,} in flight: p99 beyond the provider's", told["p99"] - slow_s, " s", 1.5),
        Figure(f"{CROWD:,} in flight: memory at its peak", peak_mb, " MB", 200),
    ]


def _added(folder: Path, seconds: float) -> list[Figure]:
    """What SMSP adds to the provider's own time, at 50 sends a second."""
    pair = _Pair(folder, SLOW_MS)
    with pair:
        load = {"connections": 32, "seconds": 5 * seconds, "rate": 50}
        offered(pair.url, connections=4, seconds=1.0)
        direct = offered(f"http://127.0.0.1:{pair.stub_port}/email", **load)
        through = offered(pair.url, **load)
    return [
        Figure(
            f"added at 50 sends a second, {name}",
            1000 * (through[name] - direct[name]),
            " ms",
            must,
        )
        for name, must in (("p50", 4), ("p99", 20))
    ]
