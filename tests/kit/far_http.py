"""The network and the provider behind httpx, played from a script, as a transport tells of them.

A ``Far`` plays one ``Script`` for each request that comes, and remembers it as ``Seen``. A script
says for each phase how long it takes (``HANGS``: for ever) or which error ends it, and what is
answered. Time is the run's clock; a connection that is given up takes ``closing_s`` to close.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from math import inf

import httpx
import trio

from smsp.providers.http.phases import ON_PHASE, Phase

HANGS = inf


@dataclass(frozen=True)
class Answer:
    """A status line, headers, and a body in pieces: ``pauses_s`` goes before each of them.

    After them the body ``ends``: ``whole``, ``cut`` by a broken connection, or it ``hangs``.
    """

    status: int = 202
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    ends: str = "whole"
    pauses_s: float = 0.0


@dataclass(frozen=True)
class Script:
    """What happens to one request.

    ``takes`` is in seconds; in ``WRITING`` for each piece of the body, after ``head_s`` for the
    head. An error in ``raises``
    comes after that; in ``WRITING`` after ``takes_pieces`` of them, and if it is a write error
    ``early`` is what the peer had said before. ``reused`` connections are open already.
    """

    takes: Mapping[Phase, float] = field(default_factory=dict)
    raises: Mapping[Phase, Exception] = field(default_factory=dict)
    takes_pieces: int = 0
    head_s: float = 0.0
    tls: bool = True
    reused: bool = False
    answer: Answer = Answer()
    early: Answer | None = None
    closing_s: float = 0.0


@dataclass
class Seen:
    """One request as the far side saw it; times are the run's clock."""

    request: httpx.Request
    body: bytearray = field(default_factory=bytearray)
    written_at: float | None = None
    closed_at: float | None = None
    """When the connection was closed because the exchange had broken or was given up."""


class Far(httpx.AsyncBaseTransport):
    """Plays its scripts in order; when they have run out, everything goes well."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.seen: list[Seen] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        script = self.scripts.pop(0) if self.scripts else Script()
        seen = Seen(request)
        self.seen.append(seen)
        try:
            return await _Play(script, seen).run()
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.sleep(script.closing_s)
            seen.closed_at = trio.current_time()
            raise

    @property
    def writes(self) -> int:
        """How many bytes of bodies have been written so far."""
        return sum(len(seen.body) for seen in self.seen)


class _Play:
    def __init__(self, script: Script, seen: Seen) -> None:
        self._script = script
        self._seen = seen
        self._request = seen.request

    async def run(self) -> httpx.Response:
        await self._go_through(Phase.WAITING)
        if not self._script.reused:
            await self._step(Phase.CONNECTING)
            if self._script.tls:
                await self._step(Phase.SECURING)
        answer = await self._write()
        if answer is None:
            await self._go_through(Phase.WRITTEN)
            answer = self._script.answer
        self._tell(Phase.ANSWERED)
        self._raise_if_scripted(Phase.ANSWERED)
        stream = _Body(answer, self._seen)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)

    async def _write(self) -> Answer | None:
        """Read the request. Look for an answer after a failed write."""
        try:
            self._tell(Phase.WRITING)
            await trio.sleep(self._script.head_s)
            await self._read_the_body()
        except httpx.WriteError:
            if self._script.early is None:
                raise
            return self._script.early
        self._seen.written_at = trio.current_time()
        self._tell(Phase.WRITTEN)
        return None

    async def _read_the_body(self) -> None:
        read = 0
        async for piece in self._request.stream:
            if Phase.WRITING in self._script.raises and read == self._script.takes_pieces:
                raise self._script.raises[Phase.WRITING]
            await trio.sleep(self._script.takes.get(Phase.WRITING, 0.0))
            self._seen.body += piece
            read += 1
        self._raise_if_scripted(Phase.WRITING)

    async def _step(self, phase: Phase) -> None:
        self._tell(phase)
        await self._go_through(phase)

    async def _go_through(self, phase: Phase) -> None:
        await trio.sleep(self._script.takes.get(phase, 0.0))
        self._raise_if_scripted(phase)

    def _raise_if_scripted(self, phase: Phase) -> None:
        if phase in self._script.raises:
            raise self._script.raises[phase]

    def _tell(self, phase: Phase) -> None:
        self._request.extensions[ON_PHASE](phase)


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: Answer, seen: Seen) -> None:
        self._answer = answer
        self._seen = seen
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._answer.pieces:
            await trio.sleep(self._answer.pauses_s)
            yield piece
        if self._answer.ends == "hangs":
            await trio.sleep_forever()
        if self._answer.ends == "cut":
            raise httpx.ReadError("the connection broke")
        self._ended = True

    async def aclose(self) -> None:
        if not self._ended:
            self._seen.closed_at = trio.current_time()
