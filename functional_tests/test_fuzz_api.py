"""Every route is asked what the OpenAPI document allows, and what it does not, by schemathesis: a
bug is an answer that the document does not know, or one that takes what it should refuse.

``FUZZ_API_CASES`` says how many cases for each operation and phase, ``FUZZ_API_SEED`` which. When a
test fails schemathesis's own report is shown, with a ``curl`` line for each failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from functional_tests.kit.smsp import KEY, Smsp, bugs_in

CASES = int(os.environ.get("FUZZ_API_CASES", "12"))
SEED = os.environ.get("FUZZ_API_SEED", "1982")
ENDED_WITHIN_S = 120.0 + CASES
SETTINGS = {"TRIP": "consecutive:1000"}

WATCH = "/providers/events"
"""Never ends, which schemathesis cannot know; tests of its own watch it."""
ORDER = "/providers/{name}/circuit"
"""Holds circuits open, and then no other operation would get far: asked last, by itself."""
CONFIG = """
[generation]
# Headers and parameters that nobody knows are passed over (RFC 9110, section 5.1), not refused.
allow-extra-parameters = false

[checks]
# A message that was not sent, or may not have been, is told by 503 and 504, as documented.
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
# What JSON Schema cannot say of a message (that an address is one, that there is a recipient and a
# provider of that name, that headers are free) is 422; likewise of an order.
positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422, 503, 504]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    """What schemathesis is to take for an error."""
    path = tmp_path_factory.mktemp("schemathesis") / "schemathesis.toml"
    path.write_text(CONFIG)
    return path


def test_every_route(smsp: Smsp, config: Path):
    """Every check that schemathesis has, in every phase; those that write after those that read."""
    _asked(smsp, config, "--exclude-path", WATCH, "--exclude-path", ORDER)
    _asked(smsp, config, "--include-path", ORDER)
    assert smsp.process is not None
    smsp.process.check_alive()
    assert bugs_in(smsp.process) == []


def _asked(smsp: Smsp, config: Path, *which: str) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{smsp.url}/openapi.json", "--header", f"X-API-KEY: {KEY}", *which),
        *("--max-examples", str(CASES), "--seed", SEED, "--generation-database", "none"),
        *("--request-timeout", "30", "--no-color"),
    ]
    done = subprocess.run(
        command,
        cwd=config.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=ENDED_WITHIN_S,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    print("\n".join(line for line in said.splitlines() if "generated" in line or "Seed" in line))
