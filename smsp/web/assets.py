"""Files that pages are made of: read when first asked for, kept, and named by their content.

Knows nothing of the pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import trio
from quart import Response

FOR_A_YEAR = "public, max-age=31536000, immutable"
"""For an address that names the content it leads to."""
ASK_AGAIN = "no-cache"

STATIC = Path(__file__).with_name("static")
"""Where our own files are."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served. ``version`` names its content."""

    content: bytes
    version: str


class Shelf:
    """The assets that have been read; as many as there are names to ask for."""

    def __init__(self, where: Callable[[str], Path]) -> None:
        self._where = where
        self._read: dict[str, Asset] = {}

    async def take(self, name: str) -> Asset:
        """An asset, read at first from its file, in a thread."""
        if name not in self._read:
            content = await trio.to_thread.run_sync(lambda: self._where(name).read_bytes())
            self._read[name] = Asset(content, version_of(content))
        return self._read[name]


def version_of(content: bytes) -> str:
    """A name for this content, and no other."""
    return sha256(content).hexdigest()[:16]


def file_reply(content: bytes, content_type: str, *, caching: str) -> Response:
    """An answer whose content type is to be believed."""
    response = Response(content, content_type=content_type)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
