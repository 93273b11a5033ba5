"""Says in words who a task is, where it stands and what happened in a run.

Reads tasks through trio's public inspection only, and decides nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType

import trio
from trio.lowlevel import Task


class Trace:
    """The steps of one run, one line each, with what the explorer did in between."""

    def __init__(self) -> None:
        self.lines: list[str] = ["step    time  task"]

    def step(self, number: int, task: Task, task_number: int) -> None:
        """A task is about to run from where it stands."""
        time = f"{trio.current_time():g}"
        place = where(task)
        start = f"  from {place}" if place else ""
        self.lines.append(f"{number:4}  {time:>6}  {label(task, task_number)}{start}")

    def note(self, text: str) -> None:
        """Something that is not a step: a deviation, a jump, a cancellation, a failure."""
        self.lines.append(f"              * {text}")


def label(task: Task, number: int) -> str:
    """``#3 worker``: the number in order of spawning, and the task's own name or its function's."""
    function: str = getattr(task.coro, "__qualname__", "")
    named_by_trio = "<locals>" in task.name or task.name.endswith(function)
    short = function.rpartition(".")[2] if named_by_trio else ""
    return f"#{number} {short or task.name}"


def where(task: Task) -> str:
    """The innermost line of the program that the task stands on; else of a library; else nothing.

    Neither trio nor this package counts.
    """
    program = library = ""
    for frame, line in task.iter_await_frames():
        if is_plumbing(frame.f_code):
            continue
        path = Path(frame.f_code.co_filename)
        place = f"{path.name}:{line} in {frame.f_code.co_name}"
        if "site-packages" in path.parts:
            library = place
        else:
            program = place
    return program or library


def whereabouts(tasks: Mapping[Task, int], verb: str) -> str:
    """Who stands where, a line each, those without a line of the program left out."""
    places = ((label(task, number), where(task)) for task, number in tasks.items())
    return _indented(f"{who} {verb} at {place}" for who, place in places if place)


def is_plumbing(code: CodeType) -> bool:
    """Whether this is code of trio, of pytest-trio or of this package."""
    return code.co_filename.startswith(_PLUMBING)


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)


def _folders(*packages: str) -> Iterator[str]:
    for package in packages:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield str(Path(folder)) + os.sep


_PLUMBING = (contextlib.__file__, *_folders(__package__, "trio", "outcome", "pytest_trio"))
