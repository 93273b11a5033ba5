"""A pytest plugin: which lines of the product each test runs, and how long it takes.

Loaded by ``-p`` and so before the product is imported, in each worker of pytest-xdist too. What was
seen is left in the folder that ``MUTANTS_WITNESS`` names, a file for each worker, and read again
with :func:`seen`.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

FOLDER = "MUTANTS_WITNESS"


@dataclass(frozen=True)
class Witnesses:
    """What the tests did while nothing was wrong."""

    tests_by_line: Mapping[str, Mapping[int, frozenset[str]]]
    """By the path of a file from the root, and the number of a line."""
    seconds: Mapping[str, float]
    """By the name of a test: how long it kept a processor busy, watched."""


class Witness:
    """Watches one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._coverage = Coverage(
            data_file=folder / "lines",
            data_suffix=True,
            source=["actors", "smsp"],
            config_file=False,
        )
        self._seconds: dict[str, float] = {}
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Lines that run now are this test's."""
        self._coverage.switch_context(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = time.process_time() - began
            self._coverage.switch_context("")

    def pytest_unconfigure(self) -> None:
        """Write down what was seen."""
        self._coverage.stop()
        self._coverage.save()
        path = self._folder / f"seconds-{os.getpid()}.json"
        told = {"root": str(Path.cwd()), "seconds": self._seconds}
        path.write_text(json.dumps(told), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """The process that only hands out tests to workers has nothing to watch, which does no harm."""
    config.pluginmanager.register(_WITNESS)


def seen(folder: Path) -> Witnesses:
    """What all workers saw."""
    root, seconds = Path(), dict[str, float]()
    for path in folder.glob("seconds-*.json"):
        told = json.loads(path.read_text("utf-8"))
        root = Path(told["root"])
        seconds.update(told["seconds"])
    by_line: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in folder.glob("lines.*"):
        data = CoverageData(str(path))
        data.read()
        for name in data.measured_files():
            lines = by_line[Path(name).relative_to(root).as_posix()]
            for number, tests in data.contexts_by_lineno(name).items():
                lines[number].update(test for test in tests if test)
    frozen = {
        name: {number: frozenset(tests) for number, tests in lines.items()}
        for name, lines in by_line.items()
    }
    return Witnesses(frozen, seconds)


if FOLDER in os.environ:
    _WITNESS = Witness(Path(os.environ[FOLDER]))
