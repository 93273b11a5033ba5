"""All mutants of a file: where each is, and what the file looks like with it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests.sampled_mutants.scope import CASELESS, CODECS, TEXTS

_LEFT_ALONE = m.Annotation() | m.Decorator() | m.Import() | m.ImportFrom()
_UNTELLING = m.Call(func=m.Name("len") | m.Name("isinstance") | m.Name("TypeVar"))
"""An argument less, and all that is left is a TypeError."""
_TYPE = m.BinaryOperation(operator=m.BitOr()) | m.Subscript()
"""What stands at the top of a module and has one of these for its value is the name of a type."""
_PROSE = re.compile(r"""f?(["'])[\w',.:;()%/-]+( [\w',.:;()%/-]+){2,}\1""")
"""Words for people, three or more. How they are put is not pinned; that they are there is."""


@dataclass(frozen=True)
class Mutant:
    """One fault."""

    path: str
    """Of the file, from the root."""
    function: str
    """Its qualified name; empty at the top of a module."""
    function_lines: range
    """Of the outermost function or method around it; empty where there is none."""
    lines: range
    """Those of the smallest statement or expression that is changed."""
    before: cst.CSTNode = field(repr=False)
    after: cst.CSTNode = field(repr=False)
    module: cst.Module = field(repr=False)

    @cached_property
    def source(self) -> str:
        """The file with the fault in it."""
        changed = self.module.deep_replace(self.before, self.after)
        assert isinstance(changed, cst.Module)
        return changed.code

    @cached_property
    def diff(self) -> str:
        """For people: the lines changed, with a line around them."""
        return "\n".join(
            difflib.unified_diff(
                self.module.code.splitlines(),
                self.source.splitlines(),
                self.path,
                f"{self.path}, {self.function or 'top of the module'}",
                n=1,
                lineterm="",
            )
        )

    @property
    def change(self) -> str:
        """What makes it this one, wherever it stands: the lines less, the lines more."""
        changed = (line for line in self.diff.splitlines()[2:] if line.startswith(("-", "+")))
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in changed)


def mutants(path: Path, root: Path) -> list[Mutant]:
    """Every mutant of one file, in the order of its text."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text("utf-8")))
    visitor = _Mutants(path.relative_to(root).as_posix(), wrapper.module)
    wrapper.visit(visitor)
    return visitor.found


class _Mutants(cst.CSTVisitor):
    """Walks a module and asks every mutator at every node."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, path: str, module: cst.Module) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._path = path
        self._module = module
        self._names: list[str] = []
        self._functions: list[range] = []
        self._caseless = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Below what is left alone nothing is changed either."""
        if m.matches(node, _LEFT_ALONE | _UNTELLING) or self._names_a_type(node):
            return False
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            self._names.append(node.name.value)
        if isinstance(node, cst.FunctionDef):
            self._functions.append(self._lines(node))
        self._caseless += _is_caseless(node)
        for kind, mutated in mutation_operators:
            if isinstance(node, kind):
                self.found += (
                    self._mutant(node, after)
                    for after in mutated(node)
                    if self._differ(node, after)
                )
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Out of a function or class again."""
        if isinstance(original_node, cst.ClassDef | cst.FunctionDef):
            self._names.pop()
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()
        self._caseless -= _is_caseless(original_node)

    def _differ(self, before: cst.CSTNode, after: cst.CSTNode) -> bool:
        """Whether the change is one that a program can show."""
        match before, after:
            case cst.SimpleString(), cst.SimpleString() if _PROSE.fullmatch(before.value):
                return False
            case cst.SimpleString(), cst.SimpleString() if (
                self._caseless or before.raw_value in CODECS
            ):
                return before.value.lower() != after.value.lower()
            case _:
                return not _only_of_false(before, after)

    def _mutant(self, before: cst.CSTNode, after: cst.CSTNode) -> Mutant:
        function = self._functions[0] if self._functions else range(0)
        name = ".".join(self._names)
        return Mutant(self._path, name, function, self._lines(before), before, after, self._module)

    def _names_a_type(self, node: cst.CSTNode) -> bool:
        if self._names or not isinstance(node, cst.Assign):
            return False
        target = node.targets[0].target
        named = isinstance(target, cst.Name) and target.value in TEXTS
        return named or m.matches(node.value, _TYPE)

    def _lines(self, node: cst.CSTNode) -> range:
        position = self.get_metadata(PositionProvider, node, None)
        if position is None:  # an operator has none; its expression has a mutant of its own
            return range(0)
        return range(position.start.line, position.end.line + 1)


def _only_of_false(before: cst.CSTNode, after: cst.CSTNode) -> bool:
    """Whether ``False`` has become ``None`` and that is all: both are false, and nothing in the
    product asks which."""
    match before, after:
        case ((cst.Assign() | cst.AnnAssign()), (cst.Assign() | cst.AnnAssign())):
            pairs = [(before.value, after.value)]
        case cst.Call(), cst.Call() if len(before.args) == len(after.args):
            pairs = [
                (one.value, other.value)
                for one, other in zip(before.args, after.args, strict=True)
                if one is not other
            ]
        case _:
            return False
    false, none = m.Name("False"), m.Name("None")
    return all(
        old is not None and new is not None and m.matches(old, false) and m.matches(new, none)
        for old, new in pairs
    )


def _is_caseless(node: cst.CSTNode) -> bool:
    called = isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value
    return called in CASELESS
