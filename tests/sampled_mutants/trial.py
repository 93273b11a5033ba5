"""One mutant in a copy of the tree, and what became of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.util import cache_from_source
from math import ceil
from pathlib import Path

from tests.sampled_mutants import chosen
from tests.sampled_mutants.mutants import Mutant
from tests.sampled_mutants.scope import COPIED

STARTING_S = 20
"""Of a processor, to start Python and to collect the tests."""
SLOWNESS = 4.0
"""How many times longer than expected tests may run before the mutant counts as endless."""
OTHERS = 10.0
"""How many times longer that may take by the clock, on a machine that has other things to do: who
waits for ever needs no processor."""

_NO_TESTS = 5
"""Pytest's exit status. A test that fails is 1; a module that cannot be imported 2, 3 or 4, by
whoever wanted to import it."""
_OUT_OF_TIME = {-signal.SIGXCPU, -signal.SIGKILL}


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "killed, as it did not come to an end"
    SURVIVED = "survived"
    UNSEEN = "survived, as no test runs it"

    @property
    def killed(self) -> bool:
        """Whether the tests noticed."""
        return self in {Fate.KILLED, Fate.ENDLESS}


def patience_s(expected_s: float) -> int:
    """Seconds of a processor for tests that took so many when nothing was wrong."""
    return STARTING_S + ceil(SLOWNESS * expected_s)


@dataclass(frozen=True)
class Copy:
    """A copy of the tree that one mutant at a time may spoil."""

    folder: Path

    @classmethod
    def of(cls, root: Path, folder: Path) -> Copy:
        """What tests need of `root`, in `folder`, which is made."""
        folder.mkdir(parents=True)
        for name in COPIED:
            source = root / name
            if source.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__", ".hypothesis")
                shutil.copytree(source, folder / name, ignore=unwanted)
            elif source.exists():
                shutil.copy2(source, folder / name)
        return cls(folder)

    def attempt(self, mutant: Mutant, tests: Sequence[str], cpu_s: int) -> Fate:
        """Run `tests` until one fails, for so many seconds of a processor at most."""
        names = self.folder / "chosen.json"
        names.write_text(json.dumps(tests), "utf-8")
        files = sorted({test.split("::")[0] for test in tests})
        with self._spoilt(mutant):
            status = self.pytest(
                ["-p", chosen.__name__, "-x", "-q", "-n", "0", *files],
                {
                    chosen.FILE: str(names),
                    chosen.CPU_S: str(cpu_s),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                OTHERS * cpu_s,
            )
        if status == _NO_TESTS:
            raise RuntimeError(f"none of the tests is there any more: {tests[:3]}")
        if status is None or status in _OUT_OF_TIME:
            return Fate.ENDLESS
        return Fate.KILLED if status else Fate.SURVIVED

    def pytest(
        self, arguments: Sequence[str], variables: Mapping[str, str], seconds: float | None
    ) -> int | None:
        """Its exit status; None if it was not over after so many seconds, and was ended."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        path = {"PYTHONPATH": str(self.folder)}  # before the tree that is installed
        with (self.folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **path, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that whatever it started can be ended with it
            )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    @contextmanager
    def _spoilt(self, mutant: Mutant) -> Iterator[None]:
        """The file is the mutant's until the block ends. What Python compiled of it goes as well:
        it knows a file by its second and its size, which a mutant may share."""
        path = self.folder / mutant.path
        sound = path.read_bytes()
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        path.write_text(mutant.source, "utf-8")
        try:
            yield
        finally:
            path.write_bytes(sound)
