"""``python -m functional_tests.load``: install, measure, tell. Status 1 if a bound was missed."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from functional_tests.load.costs import Cost, costs
from functional_tests.load.figures import Figure, figures
from functional_tests.load.install import install
from functional_tests.load.report import draw, listed, missed, table


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m functional_tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement (4)")
    parser.add_argument("--rounds", type=int, default=5, help="through all contestants (5)")
    parser.add_argument("--only", nargs="*", default=[], help="words in the contestants' names")
    parser.add_argument("--no-costs", action="store_true", help="leave the table out")
    parser.add_argument("--no-figures", action="store_true", help="leave the figures out")
    parser.add_argument("--folder", type=Path, help="for what is installed, and the results")
    chosen = parser.parse_args()
    if not Path("/proc/self/stat").exists() or (os.cpu_count() or 1) < 2:
        sys.exit("This needs Linux and two cores.")
    folder = (chosen.folder or Path(tempfile.gettempdir()) / "smsp-load").resolve()
    python = install(folder, _say)
    told: list[str] = []
    measured: list[Cost] = []
    found: list[Figure] = []
    if not chosen.no_costs:
        measured = costs(
            folder,
            python,
            seconds=chosen.seconds,
            rounds=chosen.rounds,
            only=chosen.only,
            say=_say,
        )
        told.append(table(measured))
        draw(measured, folder / "costs.png", python)
        _say(f"drawn: {folder / 'costs.png'}")
    if not chosen.no_figures:
        found = figures(folder, seconds=chosen.seconds, say=_say)
        told.append(listed(found))
    text = "\n\n".join(told)
    (folder / "results.txt").write_text(text + "\n")
    print(text)
    if dear := missed(measured, found):
        sys.exit(f"missed: {', '.join(dear)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


main()
