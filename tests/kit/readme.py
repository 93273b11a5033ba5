"""The parts of the README made from the code; ``python -m tests.kit.readme`` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from smsp.providers import KINDS
from tests.kit.configuration_table import configuration_table
from tests.kit.diagram import mermaid
from tests.kit.licences import licence_table
from tests.kit.overview import providers_table

README = Path(__file__).resolve().parents[2] / "README.md"

PARTS: Mapping[str, Callable[[], str]] = {
    "configuration": configuration_table,
    "licences": licence_table,
    "providers": lambda: providers_table(KINDS),
    "states": mermaid,
}


def rendered(text: str) -> str:
    """The README with every generated part as the code has it now."""
    for name, generate in PARTS.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        part = f"{begin}\n{generate().strip()}\n{end}"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text, found = pattern.subn(lambda _match, part=part: part, text)
        if found != 1:
            raise ValueError(f"the README has {found} places for {name}")
    return text


if __name__ == "__main__":
    README.write_text(rendered(README.read_text("utf-8")), "utf-8")
