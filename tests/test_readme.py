"""The documents tell the truth about the code, and lead from one to another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit.documents import README, ROOT, block_in, documents
from tests.kit.links import anchors, links, target
from tests.kit.readme import PARTS, rendered

DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in documents()}
FIRST_PAGE_LINES_MAX = 200
GLOSSARY_LINES_MAX = 30
THE_READERS_OWN = {
    "smsp/providers/adapters/acme.py",
    "tests/smsp/providers/adapters/cases/acme/",
}

each_document = pytest.mark.parametrize("name", DOCUMENTS)


def broken(document: Path, text: str) -> list[str]:
    """The links of a document that lead nowhere, or out of the repository."""
    return [link for link in links(text) if not _leads_somewhere(target(document, link))]


def _leads_somewhere(led: tuple[Path, str] | None) -> bool:
    if led is None:
        return True
    path, anchor = led
    if not path.is_relative_to(ROOT) or not path.exists():
        return False
    return not anchor or anchor in anchors(path.read_text("utf-8"))


def reached(start: Path) -> set[Path]:
    """Every document that links lead to from this one, over any number of others."""
    found, ahead = {start}, [start]
    while ahead:
        document = ahead.pop()
        for link in links(document.read_text("utf-8")):
            led = target(document, link)
            if led is not None and led[0].suffix == ".md" and led[0] not in found:
                found.add(led[0])
                ahead.append(led[0])
    return found


@pytest.mark.parametrize("name", sorted({place for place, _ in PARTS.values()}))
def test_the_generated_parts_are_as_the_code_has_them(name: str) -> None:
    """The tables of settings, providers and licences and the state diagram are made from the code;
    to make them anew, run ``python -m tests.kit.readme``."""
    assert rendered(name, DOCUMENTS[name]) == DOCUMENTS[name]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_every_file_that_is_named_exists(name: str) -> None:
    """A path in a document leads somewhere. Only the changelog speaks of what was, too."""
    paths = re.findall(r"`((?:smsp|actors|tests|functional_tests)/[\w./-]+)`", DOCUMENTS[name])
    wanted = set(paths) - THE_READERS_OWN
    assert {path for path in wanted if not (ROOT / path).exists()} == set()


@each_document
def test_every_relative_link_leads_somewhere(name: str) -> None:
    """The file is there and is the repository's, and so is the heading."""
    assert broken(ROOT / name, DOCUMENTS[name]) == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](nowhere.md)",
        "[a](#no-such-heading)",
        "[a](LICENSE/../..)",
        "![a](no.png)",
        "[a]: no.md",
        '<img src="no.png">',
        "[a](CHANGELOG.md#no-such-heading)",
    ],
)
def test_a_broken_link_is_found(link: str) -> None:
    """By file, heading and picture; what is code or leads to another host is none of ours."""
    assert len(broken(README, f"{link}\n")) == 1
    assert (
        broken(README, f"```\n{link}\n```\n`[a](no.md)` [b](https://example.com/no.md#x)\n") == []
    )


def test_an_anchor_is_written_as_github_does() -> None:
    """Lower case, without punctuation or code marks, and numbered when it comes again."""
    text = "# Never twice: `Idempotency-Key`\n## Limits\n```sh\n# a comment\n```\n## Limits\n"
    assert anchors(text) == {"never-twice-idempotency-key", "limits", "limits-1"}


def test_every_document_is_reachable_from_the_first_page() -> None:
    """A reader who has only that finds all the others."""
    assert {path.resolve() for path in documents()} <= reached(README)


def test_the_first_page_is_one() -> None:
    """It is for somebody who decides in half a minute; what is longer has a folder of its own."""
    assert len(DOCUMENTS["README.md"].splitlines()) <= FIRST_PAGE_LINES_MAX


def test_the_glossary_is_short() -> None:
    """Few words are ours, and those are explained in a screen."""
    _, _, glossary = DOCUMENTS["smsp/README.md"].partition("\n## Glossary\n")
    lines = glossary.partition("\n## ")[0].splitlines()
    assert 0 < len(lines) <= GLOSSARY_LINES_MAX
    for word in ("circuit", "permit", "epoch", "settle", "hold", "outcome", "blame"):
        assert any(f"**{word}**" in line for line in lines), word


@each_document
def test_it_stands_alone(name: str) -> None:
    """No path of somebody's machine is referred to."""
    assert not re.search(r"/home/|/root/|file://", DOCUMENTS[name])


def test_a_marker_that_stands_nowhere_or_twice_is_an_error() -> None:
    """Else a test would run an old copy of an example, or none."""
    once = "<!-- run -->\n```sh\nls\n```\n"
    assert block_in(["", once], "run") == "ls\n"
    for texts in ([""], [once, once], [once + once]):
        with pytest.raises(ValueError, match="blocks called run"):
            block_in(texts, "run")
