"""The parts of the documents made from the code; ``python -m tests.kit.readme`` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from smsp.providers import KINDS
from tests.kit.configuration_table import configuration_table
from tests.kit.diagram import mermaid
from tests.kit.documents import ROOT
from tests.kit.licences import licence_table
from tests.kit.overview import providers_table

PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "configuration": ("smsp/settings/README.md", configuration_table),
    "licences": (".github/CONTRIBUTING.md", licence_table),
    "providers": ("smsp/providers/README.md", lambda: providers_table(KINDS)),
    "states": ("actors/README.md", lambda: f"```mermaid\n{mermaid()}\n```"),
}
"""In which document each made part stands, and what makes it."""


def rendered(document: str, text: str) -> str:
    """A document (by its path from the root), with every made part as the code has it now."""
    for name, (place, generate) in PARTS.items():
        if place != document:
            continue
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        part = f"{begin}\n{generate().strip()}\n{end}"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text, found = pattern.subn(lambda _match, part=part: part, text)
        if found != 1:
            raise ValueError(f"{document} has {found} places for {name}")
    return text


if __name__ == "__main__":
    for name in sorted({place for place, _ in PARTS.values()}):
        (ROOT / name).write_text(rendered(name, (ROOT / name).read_text("utf-8")), "utf-8")
