"""Bytes of every kind from callers: answered right, or refused; never a bug, never a mail too many.

``FUZZ_CASES`` says how many cases, ``FUZZ_SEED`` which. The seed is shown when a test fails, with
the bytes of each case that has failed and how to say that one again (``FUZZ_FIRST``).
"""

from __future__ import annotations

import os
import time
from collections import Counter

import httpx

from functional_tests.fuzz.cases import case
from functional_tests.fuzz.said import BODY_BYTES_MAX
from functional_tests.fuzz.server import Conversation, say_all
from functional_tests.fuzz.verdicts import complaints, messages_in, smuggled
from functional_tests.kit.simulators import Simulators
from functional_tests.kit.smsp import Smsp, bugs_in

SETTINGS = {
    "MAX_BODY_BYTES": str(BODY_BYTES_MAX),
    "CALL_TIMEOUT": "30",
    "TRIP": "consecutive:1000",
}
CASES = int(os.environ.get("FUZZ_CASES", "1500"))
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
SEED = os.environ.get("FUZZ_SEED", "smsp")
BATCH = 200
"""Cases after which it is seen what was sent, of which the simulators remember the last 1,000."""


def test_bytes_of_every_kind(smsp: Smsp, simulators: Simulators):
    """Each case has the right answers, and what was sent is what was whole and asked for."""
    print(f"FUZZ_SEED={SEED} FUZZ_FIRST={FIRST} FUZZ_CASES={CASES}")
    since, kinds = time.monotonic(), Counter[str]()
    for first in range(FIRST, FIRST + CASES, BATCH):
        numbers = range(first, min(first + BATCH, FIRST + CASES))
        said = say_all(smsp.url, [case(SEED, number) for number in numbers])
        kinds.update(each.kind for each, _, _ in said)
        smsp.wait_until_quiet()
        _check_answers(said)
        _check_mail(said, simulators)
        _check_health(smsp, simulators)
    print(f"{kinds.total()} cases in {time.monotonic() - since:.0f} s: {dict(kinds)}")


def _check_answers(said: list[Conversation]) -> None:
    wrong = [
        f"{complaint}\n  heard {heard}\n  from {each}"
        for each, reading, heard in said
        for complaint in complaints(each, reading, heard)
    ]
    assert not wrong, "\n".join([f"{len(wrong)} complaints", *wrong[:5]])


def _check_mail(said: list[Conversation], simulators: Simulators) -> None:
    """What was told to be sent was sent once, and nothing else but for who has left."""
    outbox, taken = simulators.outbox(), simulators.taken()
    allowed = sum((messages_in(reading) for _, reading, _ in said), Counter[str]())
    assert smuggled((one["subject"] for one in outbox["messages"]), allowed) == []
    told = Counter(
        answer.sent for _, _, heard in said for answer in heard.answers if answer.sent is not None
    )
    unseen = sum(
        len(reading.requests)
        for each, reading, heard in said
        if each.leaves or heard.ended == "reset"
    )
    assert not told - Counter(taken)
    assert (Counter(taken) - told).total() <= unseen
    simulators.forget()


def _check_health(smsp: Smsp, simulators: Simulators) -> None:
    """Another caller is served as ever."""
    assert smsp.process is not None
    smsp.process.check_alive()
    assert bugs_in(smsp.process) == []
    assert smsp.send().outcome == "sent"
    assert httpx.get(f"{smsp.url}/livez", trust_env=False).status_code == 200
    simulators.forget()
