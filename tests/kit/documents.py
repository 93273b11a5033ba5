"""The documents: the first page, the READMEs of folders, and the others in Markdown.

An example that a test runs stands behind a marker, ``<!-- name -->``, in whichever document a
reader looks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
FOLDERS = (".github", "actors", "functional_tests", "smsp", "tests")
"""Where there are documents, beside those at the top."""


def documents() -> list[Path]:
    """Every document of the repository, the first page first."""
    top = sorted({*ROOT.glob("*.md")} - {README})
    folders = [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.md"))]
    return [README, *top, *folders]


def block(marker: str) -> str:
    """The fenced block behind this marker, which stands in one document, and there once."""
    return block_in((path.read_text("utf-8") for path in documents()), marker)


def block_in(texts: Iterable[str], marker: str) -> str:
    """The one fenced block behind this marker in all these texts together."""
    pattern = re.compile(
        rf"<!-- {re.escape(marker)} -->\n+```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE
    )
    found = [str(block) for text in texts for block in pattern.findall(text)]
    if len(found) != 1:
        raise ValueError(f"the documents have {len(found)} blocks called {marker}")
    return found[0]
