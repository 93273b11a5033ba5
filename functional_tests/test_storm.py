"""A storm: everything goes wrong at once, many callers insist, and the promise holds.

The faults, the switches and their order are the same in every run, given by ``SEED``; how they
meet is the machine's business, and must not matter.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from threading import Event

from functional_tests.kit.audit import audit_all
from functional_tests.kit.simulators import PROVIDERS
from functional_tests.kit.smsp import Answer

SEED = 1982
"""The year of RFC 821."""

MESSAGES = 500
WORKERS = 16
TRIES_MAX = 100
PAUSE_S = 0.05
SWITCH_EVERY_S = 0.35

SETTINGS = {
    "CALL_TIMEOUT": "0.5",
    "POLL_INTERVAL": "0.05",
    "POLL_INTERVAL_MAX": "0.2",
    "SETTLE_TIMEOUT": "2",
}
FAULTY = (
    *("reject", "sender", "unauthorised", "credits", "busy", "error", "accept-then-error"),
    *("slow", "slow-450ms", "slow-20ms", "hang", "accept-then-hang", "drop", "accept-then-drop"),
    *("cut", "garbage", "redirect", "html"),
)
FAULTY_SHARE = 0.3


@dataclass(frozen=True)
class Story:
    """One message of a caller's: every try of it, the last one being the end of it."""

    subject: str
    answers: tuple[Answer, ...]


def test_a_storm(smsp, simulators):
    """Every answer was true, no message is doubled, and afterwards all circuits are closed."""
    print(f"seed {SEED}")
    random = Random(SEED)
    recipients = [_recipient(random) for _ in range(MESSAGES)]
    subjects = [f"message {number}" for number in range(MESSAGES)]
    over = Event()
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        weather = pool.submit(_turn_switches, simulators, random, over)
        stories = list(pool.map(lambda *one: _insist(smsp, *one), subjects, recipients))
        over.set()
        weather.result()
    simulators.mend()
    smsp.wait_until_quiet()
    _check(stories, simulators)
    print(Counter(story.answers[-1].outcome for story in stories))
    assert {smsp.send(provider=name).outcome for name in PROVIDERS} == {"sent"}


def _check(stories, simulators):
    answers = [answer for story in stories for answer in story.answers]
    audit_all(answers, simulators.taken())
    outbox = simulators.outbox()
    assert outbox["duplicated"] == 0
    times = Counter(one["subject"] for one in outbox["messages"])
    ends = {story.subject: story.answers[-1].outcome for story in stories}
    assert {times[subject] for subject, end in ends.items() if end == "sent"} == {1}
    assert {times[subject] for subject, end in ends.items() if end == "rejected"} == {0}
    assert {times[subject] for subject, end in ends.items() if end == "unknown"} <= {0, 1}
    # Faults come and go: who may try again gets through in the end.
    assert "not_sent" not in ends.values()


def _recipient(random: Random) -> str:
    fault = random.choice(FAULTY) if random.random() < FAULTY_SHARE else "bob"
    return f"{fault}@example.org"


def _insist(smsp, subject: str, recipient: str) -> Story:
    """Send one message as a good client does: again only while it was not sent."""
    answers = [smsp.send(recipient, subject=subject)]
    while answers[-1].outcome == "not_sent" and len(answers) < TRIES_MAX:
        time.sleep(PAUSE_S)
        # Whom a fault has kept from being sent writes to somebody else.
        answers.append(smsp.send("bob@example.org", subject=subject))
    return Story(subject, tuple(answers))


def _turn_switches(simulators, random: Random, over: Event) -> None:
    """Break and mend the providers, one turn after another, until the last answer has come."""
    while not over.wait(SWITCH_EVERY_S):
        name = random.choice(PROVIDERS)
        simulators.turn(name, random.choice(("up", "up", "down", "hang", "stall")))
