"""What SMSP is made of: everything locked by hash, under licences that ask for little."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit.licences import PERMISSIVE, licences

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_everything_is_locked_by_hash(name: str) -> None:
    """An exact version and its hashes for each distribution, and no other index or address."""
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 20
    for entry in entries:
        first, *hashes = entry.split("\n")
        assert re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==\S+( ; .+)? \\$", first), first
        assert hashes
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", one) for one in hashes)


@pytest.mark.parametrize(("name", "licence"), licences())
def test_licences_are_permissive(name: str, licence: str) -> None:
    """Whoever ships SMSP has to name others, and nothing more."""
    words = set(re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]*", licence)) - {"AND", "OR"}
    assert words
    assert words <= PERMISSIVE, name
