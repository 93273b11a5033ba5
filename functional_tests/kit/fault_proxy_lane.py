"""One lane: a provider of its own behind a fault proxy of its own, and a caller.

Owns who meets which script: in a lane there is one message at a time, so what its proxy saw is what
became of it on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self, TypeVar

import orjson
import trio

from functional_tests.kit.fault_proxy import FaultProxy, Met, Script
from functional_tests.kit.smsp import KEY, Answer
from tests.kit.peer import Peer

T = TypeVar("T")

_MESSAGE: Mapping[str, object] = MappingProxyType(
    {"toaddress": "bob@example.org", "subject": "hello", "plaintextbody": "Hello."}
)


@dataclass(frozen=True)
class Case:
    """One message: what became of it, and what its connection to the provider met."""

    answer: Answer
    met: Met

    @property
    def told(self) -> tuple[str, ...]:
        """Outcome and reason of each attempt, in order. Other lanes are for other senders."""
        attempts = [(outcome, reason) for _, outcome, reason in self.answer.attempts]
        return tuple(" ".join(one) for one in attempts if one != ("refused", "sender_not_routed"))

    @property
    def asked(self) -> bool:
        """Whether the provider had the whole request."""
        return is_whole(self.met.there)

    @property
    def answered(self) -> bool:
        """Whether SMSP had the whole answer."""
        return is_whole(self.met.back)

    @property
    def status_came(self) -> bool:
        """Whether SMSP had the whole head of the answer."""
        return b"\r\n\r\n" in self.met.back


def is_whole(message: bytes | bytearray) -> bool:
    """Whether a request or an answer has come to its end, as its head announces it."""
    head, end, body = bytes(message).partition(b"\r\n\r\n")
    (length,) = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head) if end else (b"-1",)
    return len(body) == int(length)


@dataclass(frozen=True)
class Lane:
    """A provider, the proxy in front of it, and one caller's connection to SMSP."""

    name: str
    proxy: FaultProxy
    caller: Peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.caller.stream.aclose()

    async def send(self, script: Script, **fields: object) -> Case:
        """One message, to the provider by a connection that meets this script."""
        met = self.proxy.expect(script)
        answer = await self.post(**fields)
        await met.finish()
        return Case(answer, met)

    async def send_twice(self, script: Script) -> tuple[Case, Case]:
        """Two messages, by a connection that meets this script, if both take it."""
        met = self.proxy.expect(script)
        answers = [await self.post(), await self.post()]
        await met.finish()
        first, second = (Case(answer, met) for answer in answers)
        return first, second

    async def post(self, **fields: object) -> Answer:
        """One message, that may go by this lane and by the spare provider."""
        sender = {"fromaddress": f"alice@{self.name}.example"}
        reply = await self.caller.ask(email(_MESSAGE | sender | fields))
        assert reply is not None, "SMSP has closed the connection"
        return Answer(reply.status, orjson.loads(reply.body), reply.headers)


async def each(lanes: Sequence[Lane], scripts: Iterable[Script]) -> list[Case]:
    """One message for each script, as many at a time as there are lanes."""
    return await _in_lanes(lanes, scripts, Lane.send)


async def each_twice(lanes: Sequence[Lane], scripts: Iterable[Script]) -> list[tuple[Case, Case]]:
    """Two messages for each script, one after the other, on one connection if it lasts."""
    return await _in_lanes(lanes, scripts, Lane.send_twice)


async def _in_lanes(
    lanes: Sequence[Lane],
    scripts: Iterable[Script],
    send: Callable[[Lane, Script], Awaitable[T]],
) -> list[T]:
    left, cases = iter(scripts), []

    async def work(lane: Lane) -> None:
        for script in left:
            cases.append(await send(lane, script))  # noqa: PERF401 - other lanes', too

    async with trio.open_nursery() as nursery:
        for lane in lanes:
            nursery.start_soon(work, lane)
    return cases


def email(fields: Mapping[str, object]) -> bytes:
    """A request to send a message of these fields."""
    body = orjson.dumps(fields)
    head = (
        f"POST /email HTTP/1.1\r\nHost: x\r\nX-API-KEY: {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
