"""Classic races, each with its fixed twin: what the explorer has to find, and to leave alone.

Every broken program passes in the plain order. ``broken`` says what differs, so that a reader
sees the bug and its repair side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from actors.testing import Deadlock, cancellable

checkpoint = trio.lowlevel.checkpoint


@dataclass(frozen=True)
class Exhibit:
    """A race: a program, with and without the bug."""

    program: Callable[[bool], Awaitable[None]]
    error: type[BaseException] = AssertionError
    timer_races: int = 0

    async def broken(self) -> None:
        await self.program(True)

    async def fixed(self) -> None:
        await self.program(False)


async def lost_wake_up(broken: bool) -> None:
    """A consumer that hangs up its bell after it has looked, and so misses the ring."""
    items: list[str] = []
    bell = trio.Event()

    async def consume() -> None:
        nonlocal bell
        while not items:
            if broken:
                await checkpoint()  # an item that comes now rings the old bell
            bell = trio.Event()
            await bell.wait()

    async def produce() -> None:
        await pause(2)
        items.append("mail")
        bell.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        nursery.start_soon(produce)


async def double_probe(broken: bool) -> None:
    """Two askers who both find that nobody probes."""
    probing = False
    probes = 0

    async def ask(after: int) -> None:
        nonlocal probing, probes
        await pause(after)
        if probing:
            return
        if broken:
            await checkpoint()  # between the look and the claim
        probing = True
        probes += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, 0)
        nursery.start_soon(ask, 3)
    assert probes == 1


async def check_then_act(broken: bool) -> None:
    """A mailbox whose bound is checked, and exceeded a moment later."""
    room = 2
    box: list[str] = []

    async def put(letter: str, after: int) -> None:
        await pause(after)
        if len(box) < room:
            if broken:
                await checkpoint()
            box.append(letter)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put, "a", 0)
        nursery.start_soon(put, "b", 1)
        nursery.start_soon(put, "c", 4)
    assert len(box) <= room


async def late_result(broken: bool) -> None:
    """A call of an earlier epoch fails late, and shuts what a probe has just opened."""
    epoch = 1
    state = "open"

    async def call(permit: int) -> None:
        nonlocal state
        await checkpoint()
        if broken or permit == epoch:
            state = "open"

    async def probe() -> None:
        nonlocal epoch, state
        await pause(3)
        epoch += 1
        state = "closed"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, epoch)
        nursery.start_soon(probe)
    assert state == "closed"


async def reply_in_hand(broken: bool) -> None:
    """An asker that holds its reply, and yet says that time is up."""
    send, receive = trio.open_memory_channel[str](1)

    async def work() -> None:
        await trio.sleep(1)
        send.send_nowait("sent")

    async def ask() -> None:
        reply = None
        with trio.move_on_after(2) as scope:
            reply = await receive.receive()
        timed_out = scope.cancel_called if broken else scope.cancelled_caught
        assert timed_out == (reply is None)

    with send, receive:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(work)


async def gone_asker(broken: bool) -> None:
    """An actor that cannot bear that its asker has left."""
    send, receive = trio.open_memory_channel[trio.MemorySendChannel[str]](1)
    tolerated = () if broken else (trio.BrokenResourceError,)

    async def actor() -> None:
        async for reply in receive:
            await checkpoint()
            with contextlib.suppress(*tolerated), reply:
                reply.send_nowait("done")

    async def ask() -> None:
        reply, answer = trio.open_memory_channel[str](1)
        with cancellable(), answer:
            send.send_nowait(reply)
            await answer.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        with send:
            await ask()
    receive.close()


async def lock_order(broken: bool) -> None:
    """Two tasks that take the same two locks, one of them in the wrong order."""
    first, second = trio.Lock(), trio.Lock()

    async def both(one: trio.Lock, other: trio.Lock, after: int) -> None:
        await pause(after)
        async with one, other:
            await checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(both, first, second, 0)
        one, other = (second, first) if broken else (first, second)
        nursery.start_soon(both, one, other, 3)


async def pause(rounds: int) -> None:
    """Let the others go first, for as many rounds as in the plain order hide the bug."""
    for _ in range(rounds):
        await checkpoint()


GALLERY = {
    "lost wake-up": Exhibit(lost_wake_up, Deadlock),
    "double probe": Exhibit(double_probe),
    "check, then act": Exhibit(check_then_act),
    "late result": Exhibit(late_result),
    "reply in hand": Exhibit(reply_in_hand, timer_races=1),
    "gone asker": Exhibit(gone_asker, trio.BrokenResourceError),
    "lock order": Exhibit(lock_order, Deadlock),
}
