"""The README tells the truth about the code."""

from __future__ import annotations

import re

from tests.kit.readme import README, rendered

TEXT = README.read_text("utf-8")


def test_the_generated_parts_are_as_the_code_has_them() -> None:
    """The table of settings and the state diagram are made from the code; to make them anew,
    run ``python -m tests.kit.readme``."""
    assert rendered(TEXT) == TEXT


def test_every_file_that_is_named_exists() -> None:
    """A path in the README leads somewhere."""
    paths = set(re.findall(r"`((?:smsp|actors|tests|functional_tests)/[\w./-]+)`", TEXT))
    paths -= {
        "smsp/providers/acme.py",
        "tests/smsp/providers/adapters/cases/acme/",
    }  # the reader's own
    assert {path for path in paths if not (README.parent / path).exists()} == set()


def test_it_stands_alone() -> None:
    """No path of somebody's machine, and no file outside the repository, is referred to."""
    assert not re.search(r"\.\./|/home/|/root/|file://", TEXT)
