"""A pytest plugin: only the tests named in a file, in its order; all others are deselected.

Names on the command line would do for a few. ``MUTANTS_CHOSEN`` names the file: a list in JSON.
``MUTANTS_CPU_S`` bounds the seconds of processor that the process may take.
"""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

FILE, CPU_S = "MUTANTS_CHOSEN", "MUTANTS_CPU_S"


def pytest_configure() -> None:
    """A signal ends what takes longer, and no test can catch it."""
    seconds = int(os.environ[CPU_S])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A name that no test has any more is passed over: the witness saw it a moment ago."""
    by_name = {item.nodeid: item for item in items}
    names = json.loads(Path(os.environ[FILE]).read_text("utf-8"))
    items[:] = [by_name[name] for name in names if name in by_name]
