"""``python -m tests.sampled_mutants``: how many small faults the tests would notice.

Status 1 if they kill less than ``--at-least`` percent of the sample, if hardly any could be tried
in the time there was, or if they fail while nothing is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.sampled_mutants import witness
from tests.sampled_mutants.equivalents import equivalents, reason
from tests.sampled_mutants.mutants import Mutant, mutants
from tests.sampled_mutants.nearest import Chooser
from tests.sampled_mutants.report import Tried, score, survivors, table
from tests.sampled_mutants.sample import sample
from tests.sampled_mutants.scope import TESTS_LEFT_OUT, files
from tests.sampled_mutants.trial import Copy, Fate, patience_s

ROOT = Path(__file__).resolve().parents[2]
TRIED_MIN = 100
"""Of fewer a share in percent says nothing; a smaller ``--count`` is somebody trying this out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    asked = _parser().parse_args(arguments)
    ends_at = time.monotonic() + asked.minutes_max * 60.0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy.of(ROOT, Path(folder) / str(number)) for number in range(asked.jobs)]
        seen = asked.witnesses or Path(folder) / "witnesses"
        if not seen.exists() and not _witness(copies[0], seen, asked.jobs):
            return 1
        chooser = Chooser(witness.seen(seen), asked.test_seconds)
        drawn = sample(_all(asked.only), asked.count, asked.seed)
        known = {mutant: why for mutant in drawn if (why := reason(mutant, equivalents()))}
        to_try = [mutant for mutant in drawn if mutant not in known]
        tried = list(_tried(to_try, chooser, copies, ends_at))
    said = "\n".join(
        (
            *survivors(tried),
            *(f"equivalent: {why}\n{mutant.diff}\n" for mutant, why in known.items()),
            *table(tried),
            f"seed {asked.seed}: {len(tried)} of {len(to_try)} tried, {len(known)} equivalent,"
            f" {score(tried):.1f} % killed",
        )
    )
    _say(said)
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
        (asked.folder / "mutants.txt").write_text(said + "\n", "utf-8")
    enough = len(tried) >= min(TRIED_MIN, len(to_try))
    return 0 if enough and score(tried) >= asked.at_least else 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (a command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sampled_mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="mutants to draw (400)")
    parser.add_argument("--seed", default="1", help="draws the same ones again (1)")
    parser.add_argument("--minutes-max", type=float, default=70.0, help="start none later (70)")
    parser.add_argument("--at-least", type=float, default=95.0, help="percent killed (95)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (2)")
    parser.add_argument(
        "--test-seconds", type=float, default=60.0, help="of tests for each mutant (60)"
    )
    parser.add_argument("--only", default="", help="part of the paths of the files")
    parser.add_argument("--folder", type=Path, help="keeps the report")
    parser.add_argument(
        "--witnesses", type=Path, help="keeps what the tests ran, or takes it from there"
    )
    return parser


def _all(only: str) -> Iterator[Mutant]:
    for path in files(ROOT):
        if only in path.as_posix():
            yield from mutants(path, ROOT)


def _witness(copy: Copy, folder: Path, jobs: int) -> bool:
    """Whether the tests pass while nothing is wrong; what they ran is in `folder` then."""
    folder.mkdir(parents=True)
    left_out = [f"--ignore={name}" for name in TESTS_LEFT_OUT]
    began = time.monotonic()
    status = copy.pytest(
        ["-p", witness.__name__, "-q", "-n", str(jobs), "tests", *left_out],
        {witness.FOLDER: str(folder)},
        None,
    )
    _say(f"the tests while nothing is wrong: {time.monotonic() - began:.0f} s")
    if status != 0:
        _say((copy.folder / "output.txt").read_text("utf-8", "replace"))
    return status == 0


def _tried(
    to_try: Sequence[Mutant], chooser: Chooser, copies: Sequence[Copy], ends_at: float
) -> Iterator[Tried]:
    """As many as there is time for, as many at a time as there are copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    @contextmanager
    def borrowed() -> Iterator[Copy]:
        copy = free.get()
        try:
            yield copy
        finally:
            free.put(copy)

    def attempt(mutant: Mutant) -> Tried | None:
        if time.monotonic() >= ends_at:
            return None
        turns = chooser.turns(mutant)
        fate = Fate.UNSEEN
        with borrowed() as copy:
            for tests in turns:
                fate = copy.attempt(mutant, tests, patience_s(chooser.expected_s(tests)))
                if fate.killed:
                    break
        told = f"{fate.value}: {mutant.path}:{mutant.lines.start} {mutant.function}"
        _say(told if fate.killed else f"{told}\n{mutant.diff}")
        return Tried(mutant, fate, sum(map(len, turns)))

    with ThreadPoolExecutor(len(copies)) as threads:
        yield from (one for one in threads.map(attempt, to_try) if one is not None)


if __name__ == "__main__":
    sys.exit(main())
