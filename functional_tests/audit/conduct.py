"""PURE. How a caller behaves with one message: what it sends, when it leaves, when it asks again.

Owns every choice of a caller's, drawn from the seed and the message's number, so that a message is
the same in each run. Must not know sockets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import orjson

from functional_tests.audit.books import SUBJECT
from functional_tests.audit.people import DOMAIN, PARTY
from functional_tests.audit.promise import End

KEYED = 0.4
"""The share of messages with an ``Idempotency-Key``; likewise below."""
HANGS_UP = 0.05
CUTS = 0.01
IN_A_HURRY = 0.03
LARGE = 0.01
FAULTY = 0.03
PARTIES = 0.1
"""The share that goes to several, of whom some providers refuse some, or all."""
ASKS_AGAIN = {
    End.SENT: 0.05,
    End.REJECTED: 0.2,
    End.UNKNOWN: 0.5,
    End.FAULT: 1.0,
    End.HUNG_UP: 0.7,
    End.CUT: 0.7,
    End.NOT_SENT: 1.0,
    End.REFUSED: 1.0,
}
"""With a key, how likely each end is to be asked about again; without one, see :data:`FREE`."""
FREE = frozenset({End.NOT_SENT, End.REFUSED})
"""The ends after which anybody may try again."""
TRIES_MAX = 8
PAUSE_S = (0.05, 0.6)
LEAVES_WITHIN_S = 0.08
RECIPIENTS = ("reject", "sender", "accept-then-drop", "drop", "slow-400ms", "accept-then-error")
"""Who make any provider misbehave, for the :data:`FAULTY` share of messages."""
LARGE_CHARACTERS = 40_000


@dataclass
class Conduct:
    """A caller with one message. ``leaves_after_s`` and ``cut_at`` are for the first try only."""

    number: int
    seed: int
    random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.random = random = Random(self.seed * 1_000_003 + self.number)
        self.keyed = random.random() < KEYED
        self.cut_at = random.random() if random.random() < CUTS else None
        leaves = random.random() < HANGS_UP
        self.leaves_after_s = random.uniform(0, LEAVES_WITHIN_S) if leaves else None
        hurried = random.random() < IN_A_HURRY
        self.deadline_s = random.choice((0.05, 0.2, 0.6)) if hurried else None
        self._large = random.random() < LARGE
        self._faulty = random.random() < FAULTY
        is_party = random.random() < PARTIES
        self._guests = random.sample(PARTY, random.randint(1, len(PARTY))) if is_party else ()

    def request(self, key: str, attempt: int) -> bytes:
        """The bytes of a try. The message is the same in each."""
        body = self._body()
        head = [
            "POST /email HTTP/1.1",
            "Host: smsp",
            f"X-API-KEY: {key}",
            f"RequestKey: {self.request_key(attempt)}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        if self.keyed:
            head.append(f"Idempotency-Key: audit-{self.seed}-{self.number}")
        if self.deadline_s is not None:
            head.append(f"SMSP-Deadline: {self.deadline_s}")
        return "\r\n".join([*head, "", ""]).encode() + body

    def request_key(self, attempt: int) -> str:
        """What the answer to a try is known by."""
        return f"audit-{self.number}-{attempt}"

    def asks_again(self, ends: list[End], *, key_is_good: bool) -> bool:
        """Whether to try once more after these; ``key_is_good`` if its node lived throughout."""
        if len(ends) >= TRIES_MAX or not self.may_ask_again(ends, key_is_good=key_is_good):
            return False
        return not self.keyed or self.random.random() < ASKS_AGAIN.get(ends[-1], 0.0)

    def may_ask_again(self, ends: list[End], *, key_is_good: bool) -> bool:
        """Whether that could not send the message twice."""
        if self.keyed:
            return key_is_good or is_free(ends)
        return ends[-1] in FREE

    def pause_s(self) -> float:
        """How long to wait before the next try."""
        return self.random.uniform(*PAUSE_S)

    def _body(self) -> bytes:
        text = "Thank you. " * (LARGE_CHARACTERS // 11) if self._large else "Thank you."
        return orjson.dumps(
            {
                "fromaddress": "Shop <shop@mail.example.com>",
                "toaddress": self._to(),
                "subject": f"{SUBJECT}{self.number}",
                "plaintextbody": text,
            }
        )

    def _to(self) -> list[str]:
        if self._faulty:
            return [f"{RECIPIENTS[self.number % len(RECIPIENTS)]}@{DOMAIN}"]
        return list(self._guests) or [PARTY[0]]


def is_free(ends: list[End]) -> bool:
    """Whether no node can know of these requests, or have one of them under way."""
    return set(ends) <= FREE | {End.CUT}
