"""Cases said to a real server over real sockets, many at once, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import trio
import trio.lowlevel

from functional_tests.fuzz.answers import Answers, NoAnswer
from functional_tests.fuzz.cases import Case
from functional_tests.fuzz.grammar import Ending, Reading, read
from functional_tests.fuzz.verdicts import Heard

AT_ONCE = 16
PATIENCE_S = 20.0
"""Seconds in which a conversation must be over. Each needs hardly one: a machine may be busy."""

Conversation = tuple[Case, Reading, Heard]


def say_all(url: str, cases: Sequence[Case]) -> list[Conversation]:
    """Have a conversation about each case."""
    return trio.run(_say_all, url, cases)


async def _say_all(url: str, cases: Sequence[Case]) -> list[Conversation]:
    said: list[Conversation] = []
    left = iter(cases)

    async def caller() -> None:
        for case in left:
            reading = read(case.stream)
            said.append((case, reading, await _say(url, case, reading)))

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(caller)
    return said


async def _say(url: str, case: Case, reading: Reading) -> Heard:
    heard = Heard()
    at = urlsplit(url)
    stream = await trio.open_tcp_stream(at.hostname, at.port)
    async with stream:
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
        with trio.move_on_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                over = trio.Event()
                nursery.start_soon(_write, stream, case, reading, over)
                if not case.leaves:
                    await _listen(stream, reading, heard, over)
                    nursery.cancel_scope.cancel()
    return heard


async def _write(stream: trio.SocketStream, case: Case, reading: Reading, over: trio.Event) -> None:
    """Say it, and close our half once there is nothing more to hear. A server that has reason to
    end the connection must do so by itself."""
    try:
        for piece in case.pieces:
            await stream.send_all(piece)
            await trio.lowlevel.checkpoint()
        if reading.ending is Ending.CLEAN and not case.leaves:
            await over.wait()
        if reading.ending in (Ending.CLEAN, Ending.CUT):
            await stream.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # The server has closed; what it had to say is what counts.


async def _listen(
    stream: trio.SocketStream, reading: Reading, heard: Heard, over: trio.Event
) -> None:
    answers = Answers(reading.methods)
    heard.answers = answers.whole
    try:
        while True:
            if len(answers.whole) >= len(reading.requests):
                over.set()
            data = await stream.receive_some()
            answers.feed(data)
            if not data:
                heard.ended = "closed"
                return
    except trio.BrokenResourceError:
        heard.ended = "reset"
    except NoAnswer as error:
        heard.complaint = f"not well formed: {error}"
        heard.ended = "closed"
