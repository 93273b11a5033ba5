"""The run over a sample of mutants: what it finds in a file, what it draws, what it makes of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.sampled_mutants.__main__ import ROOT
from tests.sampled_mutants.equivalents import Equivalent, equivalents, reason
from tests.sampled_mutants.mutants import Mutant, mutants
from tests.sampled_mutants.nearest import Chooser
from tests.sampled_mutants.report import Tried, score, survivors, table
from tests.sampled_mutants.sample import sample
from tests.sampled_mutants.scope import files
from tests.sampled_mutants.trial import Copy, Fate
from tests.sampled_mutants.witness import Witnesses

SOURCE = '''"""What is mutated here."""

from dataclasses import dataclass

LIMIT = 10_000
Size = int | None
__all__ = ["LIMIT", "Box"]


@dataclass(frozen=True, slots=True)
class Box:
    """Holds some."""

    size: int = 3

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return self.size >= LIMIT

    async def emptied(self) -> int:
        """What was in it."""
        match self.size:
            case 0:
                return 0
            case size:
                return size - 1
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with one module and one test."""
    (tmp_path / "smsp").mkdir()
    (tmp_path / "smsp" / "__init__.py").touch()
    (tmp_path / "smsp" / "box.py").write_text(SOURCE, "utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_box.py").write_text(
        "from smsp.box import LIMIT, Box\n\n\n"
        "def test_full():\n    assert Box(LIMIT).full\n    assert not Box().full\n",
        "utf-8",
    )
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", "utf-8")
    return tmp_path


@pytest.fixture
def found(root: Path) -> list[Mutant]:
    """All mutants of the module."""
    return mutants(root / "smsp" / "box.py", root)


def by_change(found: list[Mutant], change: str) -> Mutant:
    """The one of which the lines more and less are these."""
    (one,) = [mutant for mutant in found if mutant.change == change]
    return one


@pytest.mark.parametrize(
    ("function", "change"),
    [
        ("", "- LIMIT = 10_000\n+ LIMIT = 10001"),
        ("Box", "- size: int = 3\n+ size: int = 4"),
        ("Box.full", "- return self.size >= LIMIT\n+ return self.size > LIMIT"),
        ("Box.emptied", "- return size - 1\n+ return size + 1"),
        ("Box.emptied", "- case 0:\n- return 0"),
    ],
)
def test_mutants_of_all_kinds_of_code(found: list[Mutant], function: str, change: str) -> None:
    """Constants, fields, properties, coroutines and cases are mutated, each by one change that is
    Python as well."""
    mutant = by_change(found, change)
    assert mutant.function == function
    compile(mutant.source, mutant.path, "exec")


@pytest.mark.parametrize("untold", ["Size =", "__all__", "@dataclass", "import", '"""'])
def test_what_nobody_runs_is_left_alone(found: list[Mutant], untold: str) -> None:
    """Names of types, what is exported, decorators' arguments, imports and docstrings."""
    assert [mutant.change for mutant in found if untold in mutant.change] == []


def test_letter_case_is_no_fault_where_it_is_left_aside(tmp_path: Path) -> None:
    """The pattern of an answer has one mutant as a text, another text has two more."""
    (tmp_path / "rows.py").write_text('A = Answer(r"no", f("no"))\nB = Other(r"NO")\n', "utf-8")
    found = [mutant.change for mutant in mutants(tmp_path / "rows.py", tmp_path)]
    assert not any('r"NO"' in change.partition("+")[2] for change in found if "Answer" in change)
    assert any('r"no"' in change.partition("+")[2] for change in found if "Other" in change)
    assert any('r"XXnoXX"' in change for change in found)


def test_what_a_program_cannot_show_is_no_mutant(tmp_path: Path) -> None:
    """How words for people are put, and one false value for another."""
    text = 'def f(a=False):\n    b = False\n    raise Odd("all of it is lost", told=False)\n'
    codec = 'def g():\n    return encode("utf-8")\n'
    (tmp_path / "codec.py").write_text(codec, "utf-8")
    changed = [mutant.change for mutant in mutants(tmp_path / "codec.py", tmp_path)]
    assert not any("UTF-8" in change for change in changed)
    assert any("XXutf-8XX" in change for change in changed)
    (tmp_path / "odd.py").write_text(text, "utf-8")
    added = [mutant.change.partition("+ ")[2] for mutant in mutants(tmp_path / "odd.py", tmp_path)]
    assert set(added) == {
        "def f(a=True):",
        "b = True",
        'raise Odd("all of it is lost", told=True)',
        "raise Odd(None, told=False)",
        "raise Odd(told=False)",
        'raise Odd("all of it is lost", )',
    }


def test_a_sample_is_drawn_again_by_its_seed(found: list[Mutant]) -> None:
    """The same seed draws the same mutants, another one others, and a line is drawn once."""
    drawn = [sample(found, 5, seed) for seed in ("a", "a", "b")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({mutant.lines.start for mutant in drawn[0]}) == 5


def test_each_module_has_its_share() -> None:
    """A sample holds of each module in scope about as many as the module has of the lines."""
    found = [mutant for path in files(ROOT)[4:9] for mutant in mutants(path, ROOT)]
    lines = Counter(path for path, _ in {(mutant.path, mutant.lines.start) for mutant in found})
    drawn = Counter(mutant.path for mutant in sample(found, 100, "a"))
    for path, number in lines.items():
        assert abs(drawn[path] - 100 * number / lines.total()) < 1
    assert drawn.total() == 100


def test_all_that_there_is_can_be_asked_for(found: list[Mutant]) -> None:
    """More than there are lines is one of every line."""
    assert len(sample(found, 1000, "a")) == len({mutant.lines.start for mutant in found})


def test_the_nearest_tests_come_first(found: list[Mutant]) -> None:
    """Tests of the line, the ones named after the module first, as many as there is time for."""
    changed = by_change(found, "- return self.size >= LIMIT\n+ return self.size > LIMIT")
    everything, near, far = "t/test_all.py::a", "t/test_box.py::b", "t/test_x.py::c"
    by_line = {
        changed.path: {
            changed.lines.start: frozenset({everything, near, far}),
            changed.lines.start + 9: frozenset({everything}),
        }
    }
    watched = Witnesses(by_line, {everything: 9.0, near: 1.0, far: 1.0})
    assert Chooser(watched, 5.0).turns(changed) == [[near, far]]
    assert Chooser(watched, 50.0).turns(changed) == [[near, far], [everything]]
    assert Chooser(watched, 50.0).expected_s([near, everything]) == 10.0
    assert Chooser(Witnesses({}, {}), 5.0).turns(changed) == []


def test_a_constant_is_read_by_anybody(found: list[Mutant]) -> None:
    """Of what is made at import, the tests of the module are asked, then the quickest of all."""
    constant = by_change(found, "- LIMIT = 10_000\n+ LIMIT = 10001")
    mine, other, slow = "t/test_box.py::a", "t/test_x.py::b", "t/test_y.py::c"
    watched = Witnesses(
        {constant.path: {20: frozenset({mine})}}, {mine: 1.0, other: 2.0, slow: 4.0}
    )
    assert Chooser(watched, 5.0).turns(constant) == [[mine], [other]]


@pytest.mark.parametrize(
    ("change", "cpu_s", "fate"),
    [
        ("- return self.size >= LIMIT\n+ return self.size > LIMIT", 60, Fate.KILLED),
        ("- LIMIT = 10_000\n+ LIMIT = 10001", 60, Fate.SURVIVED),
        ("- LIMIT = 10_000\n+ LIMIT = 10001", 0, Fate.ENDLESS),
    ],
    ids=["noticed", "not noticed", "not over"],
)
def test_what_becomes_of_a_mutant(
    root: Path, found: list[Mutant], tmp_path: Path, change: str, cpu_s: int, fate: Fate
) -> None:
    """A test that fails kills it, and so does time; the copy is sound again afterwards."""
    copy = Copy.of(root, tmp_path / "copy")
    tests = ["tests/test_box.py::test_full"]
    assert copy.attempt(by_change(found, change), tests, cpu_s) is fate
    assert (copy.folder / "smsp" / "box.py").read_text("utf-8") == SOURCE


def test_the_score_is_of_those_tried(found: list[Mutant]) -> None:
    """Endless is killed; a survivor is shown with its change."""
    fates = [Fate.KILLED, Fate.ENDLESS, Fate.SURVIVED, Fate.UNSEEN]
    tried = [Tried(mutant, fate, 7) for mutant, fate in zip(found, fates, strict=False)]
    assert score(tried) == 50.0
    assert score([]) == 0.0
    assert [line.split()[0] for line in table(tried)] == ["smsp/box.py", "all"]
    assert [mutant.diff in text for mutant, text in zip(found[2:], survivors(tried), strict=False)]
    assert len(list(survivors(tried))) == 2


def test_an_equivalent_is_known_by_its_change(found: list[Mutant]) -> None:
    """Wherever in its function it stands, and whatever else the function holds."""
    mutant = by_change(found, "- return size - 1\n+ return size + 1")
    listed = Equivalent("smsp/box.py", "Box.emptied", mutant.change + "\n", "Nobody asks.")
    assert reason(mutant, [listed]) == "Nobody asks."
    other = by_change(found, "- return size - 1\n+ return size - 2")
    assert reason(other, [listed]) is None


def test_equivalents_are_of_code_that_is_there() -> None:
    """Each entry has a reason, and the lines that it changes stand in the file."""
    for entry in equivalents():
        lines = {line.strip() for line in (ROOT / entry.path).read_text("utf-8").splitlines()}
        removed = [line[2:] for line in entry.change.splitlines() if line.startswith("- ")]
        assert entry.reason
        assert removed
        assert set(removed) <= lines, f"{entry.path}, {entry.function}: {removed}"
