"""The laws of the house, as far as a machine can check them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted([*(ROOT / "smsp").rglob("*.py"), *(ROOT / "actors").rglob("*.py")])
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "functional_tests").rglob("*.py")])
BLACK_BOX = [path for path in TESTS if path.is_relative_to(ROOT / "functional_tests")]

FILE_LINES_MAX = 320
FUNCTION_LINES_MAX = 45
TOP_LEVEL = {
    "smsp",
    "actors",
    "tests",
    "functional_tests",
    "pyproject.toml",
    "Dockerfile",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "requirements.lock",
    "requirements-dev.lock",
}
BROAD_EXCEPTS = {
    "actors/tasks.py": 2,  # the code that makes a call or a probe
    "actors/supervisor.py": 1,  # an actor's loop
    "smsp/providers/plugins.py": 1,  # the import of somebody else's package
    "smsp/server/connection.py": 1,  # a caller's connection
    "smsp/server/hypercorn.py": 1,  # the same, where hypercorn has it
    "smsp/web/app.py": 2,  # a handler; what is counted and logged of its answer
}
"""Where a bug may be caught."""
CLOCKS = {
    "smsp/client/__init__.py",  # a caller's patience in a thread, where no run has a clock
    "smsp/providers/http/exchange.py",  # when an answer came: providers name the time of day
    "smsp/providers/http/provider.py",  # for providers that want the time of day signed
    "smsp/providers/smtp/__init__.py",  # writes the Date of a message
    "smsp/server/request_cycle.py",  # writes the Date of an answer
    "smsp/web/services.py",  # shows moments of the run's clock as the time of day
}
"""Who may read the wall clock, which never decides anything."""


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _attributes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_top_level_holds_what_the_owner_fixed() -> None:
    """Nothing stands beside the fixed entries but a licence, a changelog, locks and dot-files."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = tracked.stdout.split() or [path.name for path in ROOT.iterdir()]
    entries = {name.split("/")[0] for name in names}
    assert {entry for entry in entries if not entry.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_every_module_says_what_it_owns(path: Path) -> None:
    """A module opens with a docstring."""
    assert ast.get_docstring(_tree(path))


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_files_and_functions_stay_small(path: Path) -> None:
    """A file or function that outgrows the bounds has a second thing inside."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES_MAX
    tall = {
        function.name: (function.end_lineno or 0) - function.lineno + 1
        for function in _functions(_tree(path))
    }
    assert {name: lines for name, lines in tall.items() if lines > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_what_calls_itself_pure_is_pure(path: Path) -> None:
    """A PURE module imports no clock, no chance, no network, no task."""
    tree = _tree(path)
    if not (ast.get_docstring(tree) or "").startswith("PURE"):
        return
    effects = {"trio", "quart", "hypercorn", "os", "socket", "time", "subprocess", "threading"}
    assert {name for name in _imported(tree) if name.split(".")[0] in effects} == set()


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_no_mutable_value_at_module_level(path: Path) -> None:
    """State has one owner, and a module is nobody."""
    mutable = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    found = []
    for node in _tree(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, mutable):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found.append(ast.unparse(target))
    assert [name for name in found if name != "__all__"] == []


def test_the_environment_is_read_in_one_place() -> None:
    """Only the settings know that there is an environment."""
    readers = {
        _name(path)
        for path in PRODUCT
        if {"os.environ", "os.getenv"} & set(_attributes(_tree(path)))
    }
    assert readers == {"smsp/settings/__init__.py"}


def test_the_wall_clock_decides_nothing() -> None:
    """Time is an argument; the time of day is only ever shown."""
    forbidden = {"time.time", "time.monotonic", "datetime.now", "datetime.utcnow"}
    readers = set()
    for path in PRODUCT:
        tree = _tree(path)
        if forbidden & {*_attributes(tree), *_imported(tree)}:
            readers.add(_name(path))
    assert {
        name for name in readers if not name.startswith(("actors/testing/", "smsp/simulator/"))
    } <= CLOCKS


def test_bugs_are_caught_in_few_places() -> None:
    """Expected failures are values; a broad except stands only where a bug is reported."""
    broad: dict[str, int] = {}
    for path in PRODUCT:
        if "testing" in path.parts:
            continue  # an explorer of failures catches failures
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            everything = node.type is None or ast.unparse(node.type) in {
                "Exception",
                "BaseException",
            }
            passed_on = ast.unparse(node.body[-1]) == "raise"  # cleans up, and catches nothing
            if everything and not passed_on:
                broad[_name(path)] = broad.get(_name(path), 0) + 1
    assert broad == BROAD_EXCEPTS


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_nothing_is_left_undone(path: Path) -> None:
    """No note to a later self stands in the product."""
    text = path.read_text(encoding="utf-8")
    marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "Not" + "ImplementedError")
    assert [mark for mark in marks if mark in text] == []


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """A test has a docstring, and together they read as the specification."""
    silent = [
        function.name
        for function in _functions(_tree(path))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


@pytest.mark.parametrize("path", [p for p in TESTS if "functional_tests" not in p.parts], ids=_name)
def test_tests_neither_sleep_nor_patch(path: Path) -> None:
    """Virtual time instead of sleeping, fakes instead of patches."""
    forbidden = {"time.sleep", "mock.patch", "monkeypatch.setattr"}
    assert forbidden & set(_attributes(_tree(path))) == set()


def _is_inside(module: str) -> bool:
    """Whether it is neither a program of its own, nor what a caller or a plug-in may import."""
    outside = ("smsp.simulator", "smsp.client", "smsp.providers.protocols")
    return module.startswith("smsp.") and not module.startswith(outside)


@pytest.mark.parametrize("path", BLACK_BOX, ids=_name)
def test_who_looks_inside_says_why(path: Path) -> None:
    """The functional tests see SMSP from outside; one that does not has a reason at its head, and
    only such a one has."""
    tree = _tree(path)
    told = "\nNeeds the inside: " in (ast.get_docstring(tree) or "")
    assert told == any(map(_is_inside, _imported(tree)))


def test_the_functional_tests_import_in_no_circle() -> None:
    """Whatever one of them imports can be understood without it."""
    modules = {_name(path).removesuffix(".py").replace("/", "."): path for path in BLACK_BOX}
    imports = {
        module: {part for name in _imported(_tree(path)) for part in _modules_in(name, modules)}
        for module, path in modules.items()
    }
    assert list(TopologicalSorter(imports).static_order())


def _modules_in(name: str, modules: Collection[str]) -> Iterator[str]:
    """The module that an imported name is, or is in, or that makes up its package."""
    yield from {name, name.rpartition(".")[0], f"{name}.__init__"} & set(modules)


def test_imports_go_down() -> None:
    """The layers of the house hold; the contracts stand in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.name == "__init__.py"], ids=_name)
def test_a_package_imports_its_modules_by_their_whole_names(path: Path) -> None:
    """``from package import name`` in the package itself may find what else it gives that name."""
    package = path.parent.relative_to(ROOT).as_posix().replace("/", ".")
    taken = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in taken if node.module == package]
