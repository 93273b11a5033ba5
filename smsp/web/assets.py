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
        self._reading: dict[str, trio.Event] = {}

    async def take(self, name: str) -> Asset:
        """An asset, read at first from its file, in a thread; once, however many ask for it."""
        while name not in self._read:
            if name in self._reading:
                await self._reading[name].wait()
            else:
                await self._fetch(name)
        return self._read[name]

    async def _fetch(self, name: str) -> None:
        read = self._reading[name] = trio.Event()
        try:
            self._read[name] = await trio.to_thread.run_sync(self._from_its_file, name)
        finally:
            del self._reading[name]
            read.set()

    def _from_its_file(self, name: str) -> Asset:
        content = self._where(name).read_bytes()
        return Asset(content, version_of(content))


def version_of(content: bytes) -> str:
    """A name for this content, and no other."""
    return sha256(content).hexdigest()[:16]


def file_reply(content: bytes, content_type: str, *, caching: str) -> Response:
    """An answer whose content type is to be believed."""
    response = Response(content, content_type=content_type)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
