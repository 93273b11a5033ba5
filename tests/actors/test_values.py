"""Config, verdicts, messages, notices: the values that travel through an actor are frozen."""

from __future__ import annotations

import ast
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import actors
from actors import Config, FirstFailure, config, messages, notices, verdict
from actors.breaker import Permit
from actors.messages import ProbeEnded

VALUES = sorted(
    {
        value
        for module in (config, messages, notices, verdict)
        for value in vars(module).values()
        if isinstance(value, type) and is_dataclass(value)
    },
    key=lambda value: value.__name__,
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_it_is_frozen(value: type):
    """Whoever gets one can keep it: nobody can change it behind their back."""
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_a_config_has_defaults_for_all_but_its_name():
    """They are those of the documentation, and the naive rule."""
    made = Config("far")
    assert (made.timeout_s, made.base_s, made.cap_s, made.max_in_flight) == (2.0, 5.0, 60.0, 256)
    assert made.trip == FirstFailure()


def test_a_probe_without_answer_and_error_was_cancelled():
    """And one with either was not."""
    assert ProbeEnded(Permit(1), 0.0).cancelled
    assert not ProbeEnded(Permit(1), 0.0, error=ValueError()).cancelled


def test_the_public_names_exist_and_are_sorted():
    """``__all__`` tells the truth: constants, then what begins with a capital, then functions."""
    assert all(hasattr(actors, name) for name in actors.__all__)
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in actors.__all__]
    assert kinds == sorted(kinds)


def test_the_core_imports_the_standard_library_and_trio_only():
    """It knows nothing of mail, HTTP, settings or logging."""
    allowed = {"__future__", "actors", "trio"} | sys.stdlib_module_names
    for path in sorted(Path(actors.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                assert node.module.split(".")[0] in allowed, path
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
