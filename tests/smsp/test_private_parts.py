"""The inside of libraries that SMSP builds on: is it still what somebody has read?

A digest that is not known means: read what has changed, see that those who rely on it (they stand
beside it in ``tests/kit/private_parts.py``) are still right, and put the new digest there.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.kit.private_parts import PARTS, READ_IN, digest_of

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_as_it_was_read(part):
    """Neither gone nor changed since somebody last looked whether SMSP still fits."""
    assert digest_of(part) in PARTS[part]


@pytest.mark.parametrize("library", READ_IN)
def test_no_release_is_installed_that_nobody_has_read(library):
    """The installed release is one of those, and the next is ruled out where SMSP is installed."""
    read = [Version(release) for release in READ_IN[library]]
    assert Version(version(library)).release[:2] in [one.release for one in read]
    given = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["dependencies"]
    (asked,) = (one for one in map(Requirement, given) if one.name == library)
    major, minor = read[-1].release
    assert all(asked.specifier.contains(f"{one}.0") for one in read)
    assert not asked.specifier.contains(f"{major}.{minor + 1}.0")
    assert not asked.specifier.contains(f"{major + 1}.0.0")


def test_a_part_that_moved_is_told():
    """The check itself can fail: a name that is gone, and a source that is another."""
    with pytest.raises(AttributeError):
        digest_of("quart.app:Quart.no_such_part")
    with pytest.raises(ModuleNotFoundError):
        digest_of("quart.no_such_module:Quart")
    assert digest_of("quart.app:Quart.ensure_async") != digest_of("quart.app:Quart.asgi_app")
