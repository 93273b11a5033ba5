"""Code that is wrong in one known way, for as long as one test wants it to be.

Everywhere else tests use fakes and leave the code alone. A test of the tests has to change the
code itself: it asks whether anybody would notice. So one attribute of a class or a module is
replaced for the length of a block, by a function that gets the sound one as its first argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

from actors.testing import Report
from actors.testing.run import AsyncFn


@dataclass(frozen=True)
class Mutation:
    """One safeguard switched off, and the situation that is to tell."""

    name: str
    owner: type | ModuleType
    attribute: str
    broken: Callable[..., Any]
    killed_by: AsyncFn

    @contextmanager
    def switched_on(self) -> Iterator[None]:
        """The code is wrong until the block ends."""
        sound = inspect.getattr_static(self.owner, self.attribute)
        setattr(self.owner, self.attribute, self._instead_of(sound))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, sound)

    def _instead_of(self, sound: Any) -> object:
        if isinstance(sound, property):
            getter = sound.fget
            return property(lambda self_: self.broken(getter, self_))
        if isinstance(sound, ModuleType):
            return self.broken(sound)

        @wraps(sound)
        def method(*args: object, **kwargs: object) -> object:
            return self.broken(sound, *args, **kwargs)

        return method


def mutation(
    owner: type | ModuleType, attribute: str, *, killed_by: AsyncFn
) -> Callable[[Callable[..., Any]], Mutation]:
    """Make a mutation of a function: what is to stand in for a method or a property."""

    def made(broken: Callable[..., Any]) -> Mutation:
        return Mutation(broken.__name__, owner, attribute, broken, killed_by)

    return made


def mutations(*modules: ModuleType) -> dict[str, Mutation]:
    """All mutations of some modules, by name."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Mutation)
    }


def fate(report: Report) -> tuple[str, str]:
    """What became of a mutant, as a property of the test that explored it."""
    if report.failure is None:
        return _FATE, "alive"
    return _FATE, "killed" if report.schedules == 1 else "killed out of the plain order"


def score(properties: Iterable[Iterable[tuple[str, object]]]) -> str | None:
    """The line that sums the fates up; None if there were no mutants. Properties of tests also
    come in from other processes."""
    fates = [str(value) for one in properties for name, value in one if name == _FATE]
    killed = [fate for fate in fates if fate != "alive"]
    hidden = [fate for fate in killed if fate != "killed"]
    return (
        f"mutations: {len(killed)} of {len(fates)} killed, "
        f"{len(hidden)} of them hidden by the plain order of tasks"
        if fates
        else None
    )


_FATE = "fate"
