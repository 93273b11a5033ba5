"""What is mutated, and which tests have a say. The one place to change when modules move."""

from __future__ import annotations

from pathlib import Path

FILES = (
    "actors/*.py",
    "smsp/sending/**/*.py",
    "smsp/server/*.py",
    "smsp/tcp_stream.py",
    "smsp/serve.py",
    "smsp/wiring.py",
    "smsp/providers/**/*.py",
)
"""Globs from the root: the actors, what carries a mail, callers' connections, providers."""

TESTS_LEFT_OUT = (
    "tests/actors/testing",  # of the explorer of schedules, which is not in scope
    "tests/mutations",  # mutants of their own
    "tests/test_house.py",  # reads the product, and does not run it
    "tests/test_supply.py",  # reads lock files
    "tests/sampled_mutants",
)
COPIED = (
    "actors",
    "smsp",
    "tests",
    "functional_tests",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Dockerfile",
    "requirements.lock",
    "requirements-dev.lock",
    ".ci",
    ".github",
)
"""What tests may look at, in each copy of the tree."""

TEXTS = ("__all__",)
"""Names at the top of a module whose value nothing but tools reads."""


CASELESS = ("Answer",)
"""Who takes texts that are compared letter case aside: other letters are the same text there."""

CODECS = ("utf-8", "ascii", "latin-1", "idna")
"""Texts that Python reads letter case aside, wherever they stand."""


def files(root: Path) -> list[Path]:
    """The files in scope, in a fixed order. A glob that finds none is an error: a module moved."""
    found = []
    for pattern in FILES:
        matched = sorted(root.glob(pattern))
        if not matched:
            raise FileNotFoundError(f"scope.FILES: nothing is called {pattern}")
        found += matched
    return sorted(set(found))
