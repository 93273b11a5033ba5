"""Load, by trio, from a process of its own: so many connections one after another, or so many
sends a second whatever becomes of them. Prints one line of JSON.

``python -m functional_tests.load.offer URL --connections 32 --seconds 3``
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import trio

from functional_tests.load.peers import KEY

BODY = json.dumps(
    {
        "fromaddress": "Shop <shop@example.com>",
        "toaddress": "alice@example.org",
        "subject": "Your order",
        "plaintextbody": "It is on its way.",
    }
).encode()
ANSWER_WITHIN_S = 60.0


@dataclass
class Told:
    """What came of the load. Times are in seconds."""

    answered: int = 0
    failed: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """The latency that this share of the sends did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Caller:
    """One connection that sends one message after another."""

    def __init__(self, host: str, port: int, told: Told) -> None:
        self._address = (host, port)
        self._told = told
        self._stream: trio.SocketStream | None = None
        self._request = (
            f"POST /email HTTP/1.1\r\nHost: {host}\r\nX-API-KEY: {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    async def send(self) -> None:
        """Send one, and wait for its answer."""
        began_at = trio.current_time()
        status = 0
        with trio.move_on_after(ANSWER_WITHIN_S):
            try:
                if self._stream is None:
                    self._stream = await trio.open_tcp_stream(*self._address)
                await self._stream.send_all(self._request)
                status = await self._status(self._stream)
            except (OSError, trio.BrokenResourceError, ValueError):
                self._stream = None
        self._told.latencies.append(trio.current_time() - began_at)
        taken = 200 <= status < 300
        self._told.answered += taken
        self._told.failed += not taken

    async def _status(self, stream: trio.SocketStream) -> int:
        answer = b""
        while True:
            piece = await stream.receive_some()
            if not piece:
                raise ValueError("the connection ended")
            answer += piece
            head, separator, body = answer.partition(b"\r\n\r\n")
            if separator and len(body) >= _length(head):
                return int(head.split(b" ", 2)[1])


def _length(head: bytes) -> int:
    (line,) = [one for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")]
    return int(line.partition(b":")[2])


async def in_a_row(callers: Sequence[Caller], seconds: float) -> None:
    """Every caller sends again as soon as it has its answer."""

    async def go_on(caller: Caller) -> None:
        while trio.current_time() < until:
            await caller.send()

    until = trio.current_time() + seconds
    async with trio.open_nursery() as nursery:
        for caller in callers:
            nursery.start_soon(go_on, caller)


async def at_a_rate(callers: Sequence[Caller], seconds: float, per_s: float) -> None:
    """So many sends a second, as long as there is a caller who waits for no answer."""

    async def one(caller: Caller) -> None:
        await caller.send()
        back.send_nowait(caller)

    back, free = trio.open_memory_channel[Caller](len(callers))
    for caller in callers:
        back.send_nowait(caller)
    began_at = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(int(seconds * per_s)):
            await trio.sleep_until(began_at + number / per_s)
            nursery.start_soon(one, await free.receive())


async def offer(url: str, connections: int, seconds: float, per_s: float | None) -> Told:
    """Put this load on a server."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    told = Told()
    callers = [Caller(parts.hostname, parts.port or 80, told) for _ in range(connections)]
    began_at = trio.current_time()
    if per_s is None:
        await in_a_row(callers, seconds)
    else:
        await at_a_rate(callers, seconds, per_s)
    told.seconds = trio.current_time() - began_at
    return told


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float)
    chosen = parser.parse_args()
    told = trio.run(offer, chosen.url, chosen.connections, chosen.seconds, chosen.rate)
    quantiles = {f"p{round(100 * share)}": told.quantile(share) for share in (0.5, 0.99, 1.0)}
    print(json.dumps({**asdict(told), "latencies": None, **quantiles}))


if __name__ == "__main__":
    main()
