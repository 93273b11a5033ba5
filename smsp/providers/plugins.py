"""Other people's kinds of provider: installed packages bring them as entry points.

Owns the group ``smsp.providers`` and the loading of code that is not ours, which may do anything:
what fails is set aside and told, and takes nothing else with it. Must not know settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from pydantic.dataclasses import is_pydantic_dataclass

from smsp.providers import KINDS
from smsp.providers.kinds import Capabilities, Facts, Kind

GROUP = "smsp.providers"
"""``acme = "acme_mail:Acme"`` in this group makes ``acme`` a kind, and ``Acme`` its adapter."""

_WORD = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ADAPTER = ("encode", "decode", "probe")
_SAID_OF_ITSELF = MappingProxyType(
    {"facts": Facts, "capabilities": Capabilities, "control_headers": tuple}
)
_CONNECTOR = ("exposure", "provider", "call_timeout_s")


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A kind that an installed package brings, and that cannot be used."""

    kind: str
    problem: str
    """Names the package. To follow a variable's name: "cannot be ...", said of ``kind``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is. ``clashing`` have a word that is taken; ``broken`` cannot be loaded."""

    kinds: Mapping[str, type[Kind]]
    broken: tuple[FailedPlugin, ...] = ()
    clashing: tuple[FailedPlugin, ...] = ()


def find_kinds(installed: Iterable[EntryPoint] | None = None) -> Found:
    """Our own kinds, and those of ``installed``, by default whatever is installed here.

    Nothing of theirs is imported before this is called.
    """
    found = entry_points(group=GROUP) if installed is None else installed
    kinds, broken, clashing = dict(KINDS), list[FailedPlugin](), list[FailedPlugin]()
    for each in sorted(found, key=lambda each: (each.name, _package_of(each))):
        if each.name in kinds:
            clashing.append(_failed(each, "but there is such a kind already"))
            continue
        try:
            kinds[each.name] = _load(each)
        except Exception as error:  # noqa: BLE001 - somebody else's code: told, and left out
            broken.append(_failed(each, f"which cannot be loaded ({type(error).__name__})"))
    return Found(MappingProxyType(kinds), tuple(broken), tuple(clashing))


def _load(entry_point: EntryPoint) -> type[Kind]:
    """The class behind an entry point, looked over before anything relies on it."""
    if not _WORD.fullmatch(entry_point.name):
        raise ValueError("the name of a kind is [a-z][a-z0-9-]{0,31}")
    kind: type[Kind] = entry_point.load()
    fits = (
        is_pydantic_dataclass(kind)
        and all(isinstance(getattr(kind, name), what) for name, what in _SAID_OF_ITSELF.items())
        and (_has(kind, _ADAPTER) or _has(kind, _CONNECTOR))
    )
    if not fits:
        raise TypeError("neither an adapter nor a connector: see smsp.providers.protocols")
    return kind


def _has(kind: type, names: Iterable[str]) -> bool:
    return all(hasattr(kind, name) for name in names)


def _failed(entry_point: EntryPoint, why: str) -> FailedPlugin:
    brought = f"{_package_of(entry_point)} brings {entry_point.value} for it"
    return FailedPlugin(entry_point.name, f"{entry_point.name}: {brought}, {why}")


def _package_of(entry_point: EntryPoint) -> str:
    return "a package without a name" if entry_point.dist is None else entry_point.dist.name
