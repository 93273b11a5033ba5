"""What the explorer stands on, and what stands on it: read off the imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTING = ROOT / "actors" / "testing"
FOUNDATIONS = {"actors", "trio", "pytest", "pytest_trio"} | sys.stdlib_module_names
PRODUCT = sorted(
    path
    for package in ("actors", "smsp")
    for path in (ROOT / package).rglob("*.py")
    if TESTING not in path.parents
)


@pytest.mark.parametrize("path", sorted(TESTING.glob("*.py")), ids=lambda path: path.stem)
def test_the_explorer_needs_only_trio_and_pytest(path: Path) -> None:
    """Other projects can install it: nothing of SMSP's own is behind it."""
    for name in imports(path):
        assert name.split(".")[0] in FOUNDATIONS
        assert not name.startswith("actors") or name.startswith("actors.testing")


@pytest.mark.parametrize("path", sorted(TESTING.glob("*.py")), ids=lambda path: path.stem)
def test_only_the_plugin_and_its_parts_need_pytest(path: Path) -> None:
    """``explore`` works where no pytest is installed."""
    needs_pytest = {"plugin", "summary", "fixtures"}
    packages = {name.split(".")[0] for name in imports(path)}
    assert path.stem in needs_pytest or not {"pytest", "pytest_trio"} & packages


@pytest.mark.parametrize("path", sorted(TESTING.glob("*.py")), ids=lambda path: path.stem)
def test_the_private_parts_of_trio_are_in_one_file(path: Path) -> None:
    """A release of trio can break one file only."""
    private = [name for name in imports(path) if "._" in name]
    assert path.stem == "trio_internals" or not private


def test_the_product_does_not_import_the_explorer() -> None:
    """It leans on private parts of trio, which no product should."""
    importers = [path for path in PRODUCT if any("actors.testing" in i for i in imports(path))]
    assert importers == []
    assert len(PRODUCT) > 5


def imports(path: Path) -> Iterator[str]:
    """The absolute names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
