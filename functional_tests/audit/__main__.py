"""``python -m functional_tests.audit``: send, break, mend, compare, tell. Exit status 1 if anything
is not as promised."""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
import tempfile
from pathlib import Path

from functional_tests.audit.report import draw, faults, report
from functional_tests.audit.run import Plan, audit


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m functional_tests.audit", description=__doc__)
    parser.add_argument("--messages", type=int, help="how many (as many as time allows)")
    parser.add_argument("--minutes-max", type=float, default=20.0, help="for sending (20)")
    parser.add_argument("--seed", type=int, help="of all faults (a new one)")
    parser.add_argument("--callers", type=int, default=300, help="at a time (300)")
    parser.add_argument("--per-second", type=float, help="messages at most (as fast as it goes)")
    parser.add_argument("--calm", type=float, default=1.0, help="times as long between faults (1)")
    parser.add_argument("--fair", action="store_true", help="no faults; memory must not spread")
    parser.add_argument("--folder", type=Path, help="for logs, journals, results")
    chosen = parser.parse_args()
    plan = Plan(
        messages=chosen.messages,
        seed=secrets.randbelow(10**6) if chosen.seed is None else chosen.seed,
        callers=chosen.callers,
        per_s=chosen.per_second,
        seconds=60 * chosen.minutes_max,
        calm=chosen.calm,
        fair=chosen.fair,
    )
    folder = (chosen.folder or Path(tempfile.mkdtemp(prefix="smsp-audit-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(_run(plan, folder))


def _run(plan: Plan, folder: Path) -> int:
    _say(f"in {folder}")
    result = audit(plan, folder, _say)
    text = report(result)
    (folder / "report.txt").write_text(text + "\n")
    print(text)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = result.told_bytes / max(1, result.messages)
    _say(f"the audit itself: {peak:.0f} MiB at most, {each:.0f} bytes a message for what was told")
    if draw(result, folder / "memory.png"):
        _say(f"drawn: {folder / 'memory.png'}")
    return 1 if faults(result) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


main()
