"""The examples of the actors' documents do what is written below them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
import trio.testing

from tests.kit.documents import block

pytest_plugins = ["pytester"]

PLAIN = "async def test_one_probe_at_a_time"


def test_the_circuit_opens_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """Three questions wait for two seconds each, the fourth for none."""
    known: dict[str, Any] = {}
    exec(block("circuit"), known)

    async def timed() -> float:
        began = trio.current_time()
        await known["main"]()
        return trio.current_time() - began

    clock = trio.testing.MockClock(autojump_threshold=0.0)
    assert trio.run(timed, clock=clock) == pytest.approx(6.0, abs=0.2)
    printed = capsys.readouterr().out
    replies = re.findall(r"^(Unanswered|Refused|Answered) (\w+)$", printed, re.MULTILINE)
    assert replies == [
        ("Unanswered", "closed"),
        ("Unanswered", "closed"),
        ("Unanswered", "open"),
        ("Refused", "open"),
    ]


def test_the_race_is_found_by_the_explorer_alone(pytester: pytest.Pytester) -> None:
    """As written it passes in whichever order trio begins its tasks; marked, it fails on the
    schedule that the page names, and so it does when that is replayed."""
    text = block("race")
    known: dict[str, Any] = {}
    exec(text, known)
    for _ in range(50):
        clock = trio.testing.MockClock(autojump_threshold=0.0)
        trio.run(known["test_one_probe_at_a_time"], clock=clock)

    pytester.makepyfile(test_probe=text.replace(PLAIN, f"@pytest.mark.schedules\n{PLAIN}"))
    found = pytester.runpytest_inprocess()
    found.assert_outcomes(failed=1)
    found.stdout.re_match_lines(
        [
            r"E\s+Failed on schedule 3 \(pct:3:4:2\), shrunk from 4 .* to 2 .* in 12 replays\.",
            r"E\s+pytest --schedule-replay 's0:0=2,1=2' -k test_one_probe_at_a_time$",
            r"E\s+\* #2 obey goes before #0 main \(decision 0=2\)",
            r"E\s+\* #2 obey goes before #0 main \(decision 1=2\)",
        ]
    )
    replayed = pytester.runpytest_inprocess("--schedule-replay", "s0:0=2,1=2")
    replayed.assert_outcomes(failed=1)


def test_the_repair_holds_in_every_schedule(pytester: pytest.Pytester) -> None:
    """With the claim before the log line, all 23 schedules of up to three delays pass."""
    marked = block("race").replace(
        PLAIN, f'@pytest.mark.schedules(strategy="dfs", delays=3)\n{PLAIN}'
    )
    log = "        await trio.lowlevel.checkpoint()  # say, a line is written to a log\n"
    claim = "        self.probing = True\n"
    assert log + claim in marked
    pytester.makepyfile(test_probe=marked.replace(log + claim, claim + log))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"schedules: 1 test, 23 schedules, [\d,]+/s, 1 exhausted"])
