"""One outage under four trip rules: ``python -m functional_tests.outage``.

Plays it several times with real circuits on a virtual clock, prints the README's table and draws
the first of them. Everything that could be otherwise stands at the head, or in
:mod:`functional_tests.outage_story`. Always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path
from random import Random
from statistics import fmean

import trio
import trio.testing

from actors import (
    Answered,
    Circuit,
    Config,
    Consecutive,
    FailureRate,
    FailureRateOver,
    Fault,
    FirstFailure,
    Intensity,
    Moved,
    Progress,
    Refused,
    Reply,
    Success,
    Supervisor,
    TripRule,
    Unanswered,
    Verdict,
)
from functional_tests.outage_story import BEGINS_S, ENDS_S, OVER_S, Story

RULES: tuple[TripRule, ...] = (
    FirstFailure(),
    Consecutive(5),
    FailureRate(50, 20),
    FailureRateOver(50, 30),
)
MESSAGES_PER_S = 5.0
STRAY_EVERY = 300
"""Of so many calls one fails, while the provider is well."""
ANSWER_S, TIMEOUT_S, POLL_S, POLL_MAX_S = 0.2, 2.0, 5.0, 60.0
SEEDS = range(1, 6)
"""One for each time it is played: the mail comes at other moments, and so do the polls."""
PICTURE = Path(__file__).parent / "pictures" / "outage.png"


class Provider:
    """Answers in time, but for a stray fault now and then; hangs in the outage."""

    def __init__(self) -> None:
        self._calls = 0

    async def call(self, _message: None, progress: Progress) -> Verdict:
        """Take a message."""
        progress.commit()
        if _in_outage():
            await trio.sleep_forever()
        await trio.sleep(ANSWER_S)
        self._calls += 1
        return Success() if self._calls % STRAY_EVERY else Fault("server_error")

    async def probe(self) -> Verdict:
        """Take the dummy message."""
        if _in_outage():
            await trio.sleep(TIMEOUT_S)
            return Fault("timeout", timed_out=True)
        await trio.sleep(ANSWER_S)
        return Success()


class AsItIs:
    """An answer is its own verdict."""

    def verdict(self, answer: Verdict) -> Verdict:
        """What the breaker learns."""
        return answer

    def word(self, reply: Reply[Verdict]) -> str:
        """What is counted."""
        return type(reply).__name__.lower()


def play(rule: TripRule, seed: int) -> Story:
    """One whole story of one rule."""
    story = Story(rule)
    trio.run(_play, story, seed, clock=trio.testing.MockClock(autojump_threshold=0.0))
    return story


async def _play(story: Story, seed: int) -> None:
    def observe(notice: object) -> None:
        if isinstance(notice, Moved):
            story.moves.append((trio.current_time(), notice.transition.target))

    provider = Provider()
    circuit: Circuit[None, Verdict] = Circuit(
        Config("far", timeout_s=TIMEOUT_S, base_s=POLL_S, cap_s=POLL_MAX_S, trip=story.rule),
        call=provider.call,
        probe=provider.probe,
        judge=AsItIs(),
        observe=observe,
        random=Random(seed),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor([circuit], Intensity()).run)
        with trio.move_on_at(OVER_S):
            await _send_all(circuit, story, Random(seed))
        nursery.cancel_scope.cancel()


async def _send_all(circuit: Circuit[None, Verdict], story: Story, random: Random) -> None:
    async with trio.open_nursery() as callers:
        while True:
            await trio.sleep(random.expovariate(MESSAGES_PER_S))
            callers.start_soon(_send, circuit, story)


async def _send(circuit: Circuit[None, Verdict], story: Story) -> None:
    asked_at = trio.current_time()
    match await circuit.ask(None, deadline=inf):
        case Refused():
            story.refused_at.append(asked_at)
        case Unanswered() | Answered(Fault()):
            story.unknown_at.append(asked_at)
        case _:
            pass


def _in_outage() -> bool:
    return BEGINS_S <= trio.current_time() < ENDS_S


def play_all() -> list[list[Story]]:
    """Every rule, as often as there are seeds."""
    return [[play(rule, seed) for seed in SEEDS] for rule in RULES]


def table(plays: Sequence[Sequence[Story]]) -> str:
    """The stories of each rule in numbers, for the README; means over the times it was played."""
    head = ("`SMSP_TRIP`", "`unknown`", "opens after", "closes", "kept from it while it was well")
    rows = [head, ("---", "---:", "---:", "---:", "---:"), *map(_row, plays)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(stories: Sequence[Story]) -> tuple[str, ...]:
    opened_s = fmean(story.opened_after_s for story in stories)
    closed_s = fmean(story.closed_after_s for story in stories)
    return (
        f"`{stories[0].rule}`",
        f"{fmean(len(story.unknown_at) for story in stories):.0f} messages",
        f"{opened_s:.1f} s",
        f"{closed_s:.0f} s after its end",
        f"{fmean(story.refused_while_well for story in stories):.0f} messages",
    )


def main() -> None:
    """Print the table and draw the picture."""
    from functional_tests.outage_picture import draw  # noqa: PLC0415 - needs the extra `bench`

    plays = play_all()
    print(table(plays))
    draw([stories[0] for stories in plays], PICTURE)


if __name__ == "__main__":
    main()
