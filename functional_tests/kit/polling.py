"""Waiting for what another process does: looked for again and again, never longer than allowed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.02


def eventually(look: Callable[[], T], what: str, *, within_s: float = 15.0) -> T:
    """The first thing that ``look`` returns and that is true; ``what`` names it if none comes."""
    give_up_at = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < give_up_at, f"not within {within_s:g} s: {what}"
        time.sleep(LOOK_EVERY_S)
    return seen
