"""What the README tells people to copy."""

from __future__ import annotations

import re

from functional_tests.kit.processes import ROOT


def block(name: str) -> str:
    """The fenced block behind the marker of this name."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(
        rf"<!-- {re.escape(name)} -->\n```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, name
    return found[1]
