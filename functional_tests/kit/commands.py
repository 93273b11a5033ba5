"""One ``smsp`` command, run to its end as an operator would, and what it printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from functional_tests.kit.processes import ROOT, clean_environ


def smsp_command(
    *arguments: str, environ: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "smsp", *arguments],
        env=clean_environ() | {"COLUMNS": "200"} | environ,
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(text: str) -> dict[str, list[str]]:
    """The words of each line, by the first of them."""
    lines = (line.split() for line in text.splitlines())
    return {words[0]: words[1:] for words in lines if words}
