"""Providers behind httpx whose weather changes, without sockets, in the run's own time.

They speak the simulators' wires, so that real adapters can be put in front of them. Own what they
have really taken, and every law that somebody broke in front of their eyes: real mail by an open
circuit, two probes at once, more calls than may be.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from urllib.parse import unquote

import httpx
import trio

from smsp.providers.http.phases import ON_PHASE, Phase
from smsp.simulator import (
    FAULTS,
    Delivery,
    ProviderApi,
    Request,
    SimulatedAnswer,
    SimulatedFault,
    Submission,
    Verdict,
)
from smsp.simulator.faults import NO_FAULT, fault_for

ANSWER_S = (0.005, 0.2)
"""The least and the most that a healthy provider takes."""


class Line(Enum):
    """What the network does to whoever calls."""

    UP = auto()
    REFUSES = auto()
    UNREACHABLE = auto()
    """A connection is never made."""
    TORN = auto()
    """The connection breaks in the middle of the request."""
    STUCK = auto()
    """Nothing of the request is read."""


@dataclass(frozen=True)
class Weather:
    """How it is at one provider."""

    line: Line = Line.UP
    fault: SimulatedFault = NO_FAULT


FAIR = Weather()
FOUL = tuple(Weather(line=line) for line in Line if line is not Line.UP) + tuple(
    Weather(fault=fault) for fault in FAULTS.values()
)


@dataclass
class Provider:
    """One provider. ``takes_mail`` tells whether its circuit may send any at this moment."""

    wire: ProviderApi
    calls_max: int
    takes_mail: Callable[[], bool] = lambda: True
    weather: Weather = FAIR
    taken: Counter[str] = field(default_factory=Counter)
    """How often it took each message, by SMSP's id."""
    broken: list[str] = field(default_factory=list)
    """The laws that were broken."""
    probed: int = 0
    _calls: Counter[bool] = field(default_factory=Counter)

    @contextmanager
    def called(self, *, probing: bool) -> Iterator[None]:
        """A call is under way."""
        if not probing and not self.takes_mail():
            self.broken.append("real mail down an open circuit")
        self._calls[probing] += 1
        self.probed += probing
        if self._calls[probing] > (1 if probing else self.calls_max):
            self.broken.append("two probes at once" if probing else "too many calls")
        try:
            yield
        finally:
            self._calls[probing] -= 1

    def judge(self, request: Request, *, probing: bool) -> Submission | SimulatedAnswer:
        """Read what has come whole."""
        read = self.wire.read(request)
        if isinstance(read, Submission) and read.test is not probing:
            self.broken.append("a probe that is real mail, or mail that is none")
        return read

    def take(self, message: Submission) -> int:
        """Take the message, unless it is only a test."""
        if message.smsp_id is not None and not message.test:
            self.taken[message.smsp_id] += 1
        return self.taken.total()


class Far:
    """Every provider, by the host that it is called by."""

    def __init__(self, providers: Mapping[str, Provider], random: Random) -> None:
        self.providers = dict(providers)
        self.random = random

    def transport_for(self, connections_max: int, _tls: ssl.SSLContext) -> httpx.AsyncBaseTransport:
        """A transport to all of them; one with room for a single connection is for probes."""
        return _Transport(self, probing=connections_max == 1)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, far: Far, *, probing: bool) -> None:
        self._far = far
        self._probing = probing

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        provider = self._far.providers[request.url.host]
        with provider.called(probing=self._probing):
            weather = provider.weather
            body = await _hear(request, weather.line)
            read = provider.judge(_read(request, body), probing=self._probing)
            answer = await self._answer(provider, weather, read)
            request.extensions[ON_PHASE](Phase.ANSWERED)
            return answer

    async def _answer(
        self, provider: Provider, weather: Weather, read: Submission | SimulatedAnswer
    ) -> httpx.Response:
        await trio.sleep(self._far.random.uniform(*ANSWER_S))
        fault = weather.fault
        if isinstance(read, SimulatedAnswer):
            return await _deliver(read, fault.delivery)
        if fault is NO_FAULT:
            fault = fault_for(read.recipients)
        number = provider.take(read) if fault.accepts else 0
        await trio.sleep(fault.delay_s)
        said = fault.says
        if isinstance(said, Verdict):
            said = provider.wire.answer(said, read, number=number, now=trio.current_time())
        return await _deliver(said, fault.delivery)


async def _hear(request: httpx.Request, line: Line) -> bytes:
    on_phase = request.extensions[ON_PHASE]
    on_phase(Phase.CONNECTING)
    await trio.lowlevel.checkpoint()
    if line is Line.REFUSES:
        raise httpx.ConnectError("refused")
    if line is Line.UNREACHABLE:
        await trio.sleep_forever()
    on_phase(Phase.WRITING)
    body = b"".join([piece async for piece in request.stream])
    if line is Line.TORN:
        raise httpx.WriteError("broken")
    if line is Line.STUCK:
        await trio.sleep_forever()
    on_phase(Phase.WRITTEN)
    return body


async def _deliver(answer: SimulatedAnswer, delivery: Delivery) -> httpx.Response:
    match delivery:
        case Delivery.GARBAGE:
            raise httpx.RemoteProtocolError("no HTTP")
        case Delivery.DROPPED:
            raise httpx.ReadError("broken")
        case Delivery.NEVER:
            await trio.sleep_forever()
    cut = delivery is Delivery.CUT
    body = answer.body[: len(answer.body) // 2] if cut else answer.body
    headers = list(answer.headers)
    return httpx.Response(answer.status, headers=headers, stream=_Body(body, cut=cut))


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, *, cut: bool) -> None:
        self._body = body
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        if self._cut:
            raise httpx.ReadError("broken")


def _read(request: httpx.Request, body: bytes) -> Request:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, unquote(request.url.path), headers, body)
