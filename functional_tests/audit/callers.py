"""Many callers at once: each takes the next message, and sees it through to its end.

Owns the load: how many at a time, how fast, until when. What a caller does with one message is
its :class:`Conduct`; what came of it is written into the book.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import orjson
import trio

from functional_tests.audit.books import Told
from functional_tests.audit.conduct import Conduct, is_free
from functional_tests.audit.line import Answer, Line, NoAnswer
from functional_tests.audit.people import refused_in
from functional_tests.audit.promise import End, Request
from functional_tests.kit.audit import STATUS_AND_TIMES

PATIENCE_S = 60.0
"""Longer than any answer may take."""
OUTCOMES = {
    (status, outcome): End[outcome.upper()] for outcome, (status, _) in STATUS_AND_TIMES.items()
}
AT_THE_DOOR = {(503, "draining"), (503, "busy"), (409, "in_progress")}
BALANCERS_OWN = {502, 504}


@dataclass
class Load:
    """So many messages, by so many callers at once; as fast as they come without ``per_s``.

    ``until`` ends it earlier. ``turn`` counts the beginnings and the ends of a node's
    replacement: while it is the same and even, every node has lived throughout.
    """

    socket: Path
    key: str
    seed: int
    told: Told
    turn: Callable[[], int]
    messages: int
    callers: int = 300
    per_s: float | None = None
    until: float = float("inf")
    begun: int = 0
    ended: int = 0
    requests: int = 0
    nonsense: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Send them all."""
        self._began_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(min(self.callers, self.messages)):
                nursery.start_soon(self._call)

    async def _call(self) -> None:
        line = Line(self.socket)
        try:
            while self.begun < self.messages and time.time() < self.until:
                number = self.begun
                self.begun += 1
                if self.per_s is not None:
                    await trio.sleep_until(self._began_at + number / self.per_s)
                await self._see_through(Conduct(number, self.seed), line)
                self.ended += 1
        finally:
            line.hang_up()

    async def _see_through(self, conduct: Conduct, line: Line) -> None:
        turn = self.turn()
        requests: list[Request] = []
        while True:
            requests.append(await self._try(conduct, len(requests), line))
            ends = [request.end for request in requests]
            if not conduct.asks_again(ends, key_is_good=self._has_lived_since(turn)):
                break
            await trio.sleep(conduct.pause_s())
            if not conduct.may_ask_again(ends, key_is_good=self._has_lived_since(turn)):
                break
            if is_free(ends):
                turn = self.turn()
        self.requests += len(requests)
        self.told.add(conduct.number, keyed=conduct.keyed, requests=requests)

    def _has_lived_since(self, turn: int) -> bool:
        return turn == self.turn() and turn % 2 == 0

    async def _try(self, conduct: Conduct, attempt: int, line: Line) -> Request:
        payload = conduct.request(self.key, attempt)
        leaves_after_s = PATIENCE_S if attempt else conduct.leaves_after_s or PATIENCE_S
        began_at = time.time()
        if conduct.cut_at is not None and attempt == 0:
            await line.say(payload[: int(len(payload) * conduct.cut_at)])
            return Request(End.CUT, began_at, time.time())
        answer: Answer | None = None
        with trio.move_on_after(leaves_after_s) as patience, suppress(NoAnswer):
            answer = await line.ask(payload)
        if answer is not None:
            request = replace(self._read(answer, conduct.request_key(attempt)), began_at=began_at)
        elif patience.cancelled_caught and leaves_after_s < PATIENCE_S:
            request = Request(End.HUNG_UP, began_at, 0.0)
        else:
            request = Request(End.SILENT, began_at, 0.0)
        return replace(request, ended_at=time.time())

    def _read(self, answer: Answer, request_key: str) -> Request:
        request = read(answer, request_key)
        if request.end is End.NONSENSE:
            self.nonsense[f"{answer.status} {answer.request_key} {answer.body[:300]!r}"] += 1
        return request


def read(answer: Answer, request_key: str) -> Request:
    """How the request of this key ended, by its answer. Its moments are not known here."""
    if answer.status in BALANCERS_OWN and not answer.body.startswith(b"{"):
        return Request(End.FAULT, 0.0, 0.0, answer.status)
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        told = {}
    end = OUTCOMES.get((answer.status, told.get("outcome")), End.NONSENSE)
    if (answer.status, told.get("code")) in AT_THE_DOOR:
        end = End.REFUSED
    if answer.request_key != request_key:
        end = End.NONSENSE
    smsp_id = UUID(told["id"]).bytes if "id" in told else None
    refused = refused_in(told) if end is End.SENT else None
    return Request(end, 0.0, 0.0, answer.status, smsp_id, told.get("provider"), refused)
