"""A port of this machine, as the listener has it. Nothing here waits for anything."""

from __future__ import annotations

import errno
import gc
import socket

import pytest

from smsp.server.listener import SocketListening, hypercorn_config
from smsp.tcp_stream import TcpStream

UNREAD_MS = 10_000


@pytest.fixture
def config():
    """Any port that is free."""
    return hypercorn_config("127.0.0.1", 0, idle_s=75.0, graceful_s=12.0)


@pytest.fixture
async def port(config):
    port = SocketListening(config)
    yield port
    port.close()


def connected(port):
    """Somebody who has connected to it."""
    host, _, number = port.address.rpartition(":")
    return socket.create_connection((host, int(number)), 10)


@pytest.fixture
async def both(port):
    """A connection that has been taken, and its caller."""
    with connected(port) as caller:
        await port.wait()
        line = port.accept()
        yield line, caller
        line.close()


async def test_its_address(port):
    """Is told as in a URL, with the number that the system has chosen."""
    host, _, number = port.address.rpartition(":")
    assert (host, int(number) > 0) == ("127.0.0.1", True)


async def test_nobody_there(port):
    """Nobody is waited for."""
    with pytest.raises(BlockingIOError):
        port.accept()


async def test_a_connection(both):
    """Is a line that does not block, between the two."""
    line, caller = both
    assert isinstance(line, TcpStream)
    assert (line.peer, line.name) == (caller.getsockname(), caller.getpeername())
    assert line.receive_now(1) is None
    caller.sendall(b"hello")
    assert await line.receive_some(100) == b"hello"


async def test_how_long_an_answer_may_be_left_unread(both):
    """Ten seconds, which the system is told in milliseconds; then it ends the connection."""
    line, _ = both
    socket_ = line._socket
    assert socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_MS


async def test_what_a_connection_is_told_of_writing(both):
    """At once, and not ahead of the network."""
    line, _ = both
    socket_ = line._socket
    assert socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16 * 1024


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_port_that_somebody_has(port, config):
    """Cannot be had. hypercorn leaves its own socket to the garbage collector then."""
    config.bind = [port.address]
    with pytest.raises(OSError, match="in use") as caught:
        SocketListening(config)
    assert caught.value.errno == errno.EADDRINUSE
    del caught
    gc.collect()


async def test_a_port_that_is_closed(port):
    """Nobody is taken any more, and closing it again does no harm."""
    port.close()
    with pytest.raises(OSError, match="refused"):
        connected(port)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the system's words differ
        port.accept()
    assert caught.value.errno == errno.EBADF
    port.close()
