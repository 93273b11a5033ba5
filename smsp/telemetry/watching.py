"""What is kept of the circuits' notices for whoever watches: how long calls take, and that there
is something new to see."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from actors import Crashed, Moved, Notice, Refused, Replied
from smsp.mail import Submission
from smsp.mail.outcome import Outcome
from smsp.telemetry.feed import Feed
from smsp.telemetry.latency import Latency


@dataclass(frozen=True)
class Watching:
    """An observer of all circuits. Synchronous and quick: actors call it from their loops."""

    latency: Latency = field(default_factory=Latency)
    feed: Feed = field(default_factory=Feed)

    def observe(self, notice: Notice[Submission, Outcome]) -> None:
        """Take note. What is published already is told at the next moment that allows it."""
        if isinstance(notice, Moved | Crashed):
            self.feed.stir()
        elif isinstance(notice, Replied) and not isinstance(notice.reply, Refused):
            self.latency.record(notice.circuit, notice.seconds, trio.current_time())
