"""PURE. How many bytes of request bodies are held at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ByteBudget:
    """A bound over all requests together. Not waited for: who does not fit is refused."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max

    @contextmanager
    def reserved(self, amount: int) -> Iterator[bool]:
        """Hold ``amount`` bytes for the length of a block; false if they are not to be had."""
        granted = amount <= self._left
        if granted:
            self._left -= amount
        try:
            yield granted
        finally:
            if granted:
                self._left += amount
