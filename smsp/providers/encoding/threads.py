"""Work on a message, in a thread if it is a large one, so that nobody else waits for it.

Owns where work is done, and how many threads of a provider encode at once. Must not know what the
work is, nor what is large: :func:`smsp.mail.is_large` tells that of a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

ENCODERS_MAX = 2
"""Threads for each provider; more would only take turns at the interpreter."""

T = TypeVar("T")


def encoders() -> trio.CapacityLimiter:
    """The threads of one provider."""
    return trio.CapacityLimiter(ENCODERS_MAX)


async def done_by(work: Callable[[], T], threads: trio.CapacityLimiter, *, large: bool) -> T:
    """What ``work`` returns: done here and now, without a checkpoint, or by one of ``threads``."""
    return await trio.to_thread.run_sync(work, limiter=threads) if large else work()
