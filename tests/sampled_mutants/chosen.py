"""A pytest plugin: only the tests named in a file, in its order; all others are deselected.

Names on the command line would do for a few. ``MUTANTS_CHOSEN`` names the file: a list in JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FILE = "MUTANTS_CHOSEN"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A name that no test has any more is passed over: the witness saw it a moment ago."""
    by_name = {item.nodeid: item for item in items}
    names = json.loads(Path(os.environ[FILE]).read_text("utf-8"))
    items[:] = [by_name[name] for name in names if name in by_name]
