"""A line over a socket: what the kernel takes is counted, and what ends it is told apart.

The sockets are a pair within this process; of a network they know nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.tcp_stream import RECEIVE_BYTES, TcpStream

PIECE = b"a" * 65536


@pytest.fixture
def ends() -> Iterator[tuple[TcpStream, TcpStream]]:
    """Ours and the other."""
    pair = socket.socketpair()
    ours, other = map(TcpStream, pair)
    yield ours, other
    for end in pair:
        end.close()


def fill(line: TcpStream) -> int:
    """Hand over until the kernel takes no more; how many bytes it took."""
    before = line.taken
    while line.send_now(PIECE):
        pass
    return line.taken - before


async def test_what_is_taken_is_counted_and_arrives(ends):
    """The other side sees that something has come before it takes it."""
    ours, other = ends
    assert not other.readable
    assert (ours.send_now(b"hello"), ours.send_now(b"!")) == (5, 1)
    assert (ours.taken, ours.lost) == (6, False)
    assert other.readable
    assert await other.receive_some(4) == b"hell"
    assert await other.receive_some() == b"o!"
    assert not other.readable


async def test_no_more_is_received_at_once_than_is_asked_for(ends):
    """Without a number, as much as one look may bring."""
    ours, other = ends
    fill(ours)
    assert len(await other.receive_some(7)) == 7
    assert 7 < len(await other.receive_some()) <= RECEIVE_BYTES


async def test_a_full_line_takes_nothing_and_is_not_lost(ends):
    """It says so before it waits, and waits until the other side has made room."""
    ours, other = ends
    told = []
    ours.when_full = lambda: told.append("full")
    assert fill(ours) > 0
    assert (ours.send_now(b"x"), ours.lost) == (0, False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.wait_send_all_might_not_block)
        await wait_all_tasks_blocked()
        assert told == ["full"]
        while other.readable:
            await other.receive_some()
    assert ours.send_now(b"x") == 1


async def test_all_of_it_arrives_in_its_order(ends):
    """More than the kernel takes at once, with waits in between."""
    ours, other = ends
    sent = bytes(range(256)) * 16384
    come = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, sent)
        while len(come) < len(sent):
            come += await other.receive_some()
    assert come == sent
    assert (ours.taken, ours.lost) == (len(sent), False)


async def test_a_line_whose_other_end_is_gone_is_lost(ends):
    """Nothing is taken any more, nobody waits for that, and reading comes to its end."""
    ours, other = ends
    other.close()
    assert await ours.receive_some() == b""
    assert (ours.send_now(b"x"), ours.lost, ours.taken) == (0, True, 0)
    await ours.send_all(b"y")
    await ours.send_eof()


async def test_an_end_of_ours_leaves_the_other_way_open(ends):
    """Nothing more comes from us; what the other says is still heard."""
    ours, other = ends
    await ours.send_eof()
    assert await other.receive_some() == b""
    assert other.send_now(b"bye") == 3
    assert await ours.receive_some() == b"bye"


async def test_who_waits_at_a_line_that_closes_is_told(ends):
    """And whoever comes later; to close it again does no harm."""
    ours, _ = ends

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await ours.aclose()
    await wait()
    ours.close()
