"""Under which licences the things come that are installed with SMSP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
    }
)
"""What asks for no more than to be named, or (MPL) for changes of its own files to be shown."""

# Classifiers from before there were licence expressions (PEP 639), and what authors wrote instead.
_SPELLINGS = (
    (r"mpl|mozilla public license 2", "MPL-2.0"),
    (r"apache", "Apache-2.0"),
    (r"\bisc\b", "ISC"),
    (r"\bbsd\b", "BSD"),
    (r"\bmit\b", "MIT"),
    (r"unlicense", "Unlicense"),
    (r"\bcc0\b", "CC0-1.0"),
)


def licence_table() -> str:
    """A row for each distribution that Linux needs, without versions, which change."""
    rows = (f"| {name} | {licence} |" for name, licence in licences())
    return "\n".join(("| distribution | licence |", "|---|---|", *rows)) + "\n"


def licences() -> list[tuple[str, str]]:
    """Each locked distribution and its licence, as its own metadata has it."""
    return [(name, _licence(name)) for name in sorted(set(_locked()))]


def _locked() -> Iterator[str]:
    for line in LOCK.read_text("utf-8").splitlines():
        if "==" in line:
            requirement = Requirement(line.removesuffix("\\"))
            # Of a name with two versions, for two Pythons, either row will do.
            marker = requirement.marker
            if marker is None or "os_name" not in str(marker) or marker.evaluate():
                yield requirement.name


def _licence(name: str) -> str:
    told = distribution(name).metadata
    expression = told.get("License-Expression")
    if expression is not None:
        return str(expression)
    classifiers = [one for one in told.get_all("Classifier", ()) if one.startswith("License ::")]
    return _spelled(" ".join((*classifiers, told.get("License", "")[:100])))


def _spelled(words: str) -> str:
    found = [licence for pattern, licence in _SPELLINGS if re.search(pattern, words.lower())]
    return " OR ".join(found) or "unknown"
