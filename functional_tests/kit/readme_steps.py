"""The README's instructions, followed to the letter.

A comment before a fenced block says what becomes of it: ``file: PATH`` is a file, ``lines: PATH``
are lines of one, each with a comment that says where it goes, ``run`` are commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_MARK = r"<!-- (?P<what>file|lines|run)(?:: (?P<path>[^\n]*?))? -->"
_BLOCK = re.compile(rf"{_MARK}\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)


def blocks(readme: str) -> Iterator[tuple[str, str, str]]:
    """What, where and the text of each marked block, in order."""
    for found in _BLOCK.finditer(readme):
        yield found["what"], found["path"] or "", found["text"]


def follow(readme: str, folder: Path) -> list[str]:
    """Write what is to be written below ``folder``; the commands that are to be run then."""
    commands: list[str] = []
    for what, path, text in blocks(readme):
        match what:
            case "file" if " " not in path:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, "utf-8")
            case "lines":
                _put_in(folder / path, text.splitlines())
            case "run":
                commands += text.splitlines()
    return commands


def _put_in(file: Path, lines: list[str]) -> None:
    text = file.read_text("utf-8").splitlines()
    for line in lines:
        code, _, place = line.partition("  # ")
        text.insert(_place(text, place), code)
    file.write_text("\n".join(text) + "\n", "utf-8")


def _place(text: list[str], place: str) -> int:
    """``with the imports``: before the first of ours. ``in NAME``: at its opening bracket."""
    if place == "with the imports":
        return next(at for at, line in enumerate(text) if line.startswith("from smsp."))
    name = re.escape(place.removeprefix("in "))
    begin = next(at for at, line in enumerate(text) if re.match(rf"{name}\b.*=", line))
    return 1 + next(at for at in range(begin, len(text)) if text[at].endswith("{"))
