"""What a send costs each contestant: CPU, and how many a second one core makes of it.

One core for the program that is measured, another for load and stub. The contestants take turns,
several times round, so that what else the machine does falls on all of them; medians are told.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from functional_tests.kit.ports import free_port
from functional_tests.load.offer import BODY
from functional_tests.load.peers import KEY, ROOT, Contestant, contestants, stub
from functional_tests.load.program import Program

CONNECTIONS = 32
WARM_UP_S = 1.0
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Sample:
    """One run of one contestant: microseconds of CPU a send, and sends a second."""

    cpu_us: float
    per_s: float


@dataclass(frozen=True)
class Cost:
    """The medians of a contestant's runs."""

    name: str
    cpu_us: float
    per_s: float


def costs(
    folder: Path,
    python: Path,
    *,
    seconds: float,
    rounds: int,
    only: Iterable[str],
    say: Callable[[str], None],
) -> list[Cost]:
    """Measure everybody; whoever does not start, or fails a send, is named and left out."""
    wanted = [word.lower() for word in only]
    samples: dict[str, list[Sample]] = {}
    stub_port = free_port()
    provider = stub(stub_port, folder)
    with _started(provider, stub_port, LOAD_CORE):
        for number in range(1, rounds + 1):
            for one in contestants(folder, python, stub_port, port := free_port()):
                if wanted and not any(word in one.name.lower() for word in wanted):
                    continue
                try:
                    sample = _measured(one, port, folder, seconds)
                except RuntimeError as error:
                    say(f"round {number}: {one.name} left out: {error}")
                    continue
                say(f"round {number}: {one.name}: {sample.cpu_us:.0f} µs, {sample.per_s:.0f}/s")
                samples.setdefault(one.name, []).append(sample)
    return [
        Cost(name, median(one.cpu_us for one in taken), median(one.per_s for one in taken))
        for name, taken in samples.items()
    ]


def _started(one: Contestant, port: int, core: int) -> Program:
    return Program(one.name, one.command, one.environ, port, core, one.folder)


def _measured(one: Contestant, port: int, folder: Path, seconds: float) -> Sample:
    with _started(one, port, SERVER_CORE) as program:
        load = _wrk if shutil.which("wrk") is not None else _own
        load(port, folder, WARM_UP_S)
        before = program.cpu_s
        answered, failed, took_s = load(port, folder, seconds)
        used_s = program.cpu_s - before
    if failed or not answered:
        raise RuntimeError(f"{failed} sends failed, {answered} did not")
    return Sample(1e6 * used_s / answered, answered / took_s)


def _wrk(port: int, folder: Path, seconds: float) -> tuple[int, int, float]:
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["X-API-KEY"] = "{KEY}"\n'
        f'wrk.headers["Content-Type"] = "application/json"\nwrk.body = [[{BODY.decode()}]]\n'
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    said = _on_the_load_core([*command, f"http://127.0.0.1:{port}/email"])
    requests = re.search(r"(\d+) requests in ([0-9.]+)s", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    assert requests is not None, said
    return int(requests[1]), int(failed[1]) if failed else 0, float(requests[2])


def _own(port: int, _folder: Path, seconds: float) -> tuple[int, int, float]:
    told = offered(f"http://127.0.0.1:{port}/email", connections=CONNECTIONS, seconds=seconds)
    return int(told["answered"]), int(told["failed"]), told["seconds"]


def offered(url: str, **options: float) -> dict[str, float]:
    """What came of load of our own, from a process on the load's core."""
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    said = _on_the_load_core([sys.executable, "-m", "functional_tests.load.offer", url, *flags])
    told: dict[str, float] = json.loads(said)
    return told


def _on_the_load_core(command: list[str]) -> str:
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *command],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stdout
