"""The exchange on each of the two transports, over networks of the test's own."""

from __future__ import annotations

import ssl
from math import inf

import httpcore
import httpx
import pytest
import trio

from smsp.providers.http.exchange import Exchange, Interrupted
from smsp.providers.http.phases import HttpFailure, Phase
from smsp.providers.http.transport import Transport
from smsp.providers.protocols import HttpCall
from smsp.tcp_stream import ByteCountingStream
from tests.kit.stock_transport import StockTransport

TIMEOUT_S = 2.0
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def call(scheme="http"):
    """A message's call."""
    return HttpCall("POST", f"{scheme}://api.example.com/v3/send", body=b"hello")


class Network(httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """A network for httpcore in one connection, one of whose operations hangs; it answers 202."""

    def __init__(self, hangs):
        self.hangs = hangs
        self.closed = False

    async def connect_tcp(self, *args, **kwargs):
        return await self._operate("connect_tcp", self)

    async def start_tls(self, *args, **kwargs):
        return await self._operate("start_tls", self)

    async def write(self, *args, **kwargs):
        return await self._operate("write", None)

    async def read(self, *args, **kwargs):
        return await self._operate("read", ANSWER)

    async def aclose(self):
        self.closed = True

    def get_extra_info(self, info):
        return None

    async def _operate(self, name, result):
        await trio.sleep(inf if name == self.hangs else 0)
        return result


class Httpcore(httpx.AsyncBaseTransport):
    """What httpx's own transport does, over a network of the test's."""

    def __init__(self, network):
        self.pool = httpcore.AsyncConnectionPool(network_backend=network)

    async def handle_async_request(self, request):
        answer = await self.pool.handle_async_request(
            httpcore.Request(
                request.method,
                str(request.url),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        content = b"".join([piece async for piece in answer.stream])
        return httpx.Response(
            answer.status, headers=answer.headers, stream=httpx.ByteStream(content)
        )


class HangingLine(ByteCountingStream):
    """The same for our own transport. A handshake hangs where it first waits for the peer."""

    def __init__(self, hangs):
        self.hangs = hangs
        self.closed = False

    async def dial(self, _host, _port):
        await trio.sleep(inf if self.hangs == "connect_tcp" else 0)
        return self

    def send_now(self, data):
        if self.hangs == "write":
            return 0
        self.taken += len(data)
        return len(data)

    async def wait_send_all_might_not_block(self):
        await trio.sleep_forever()

    async def receive_some(self, max_bytes=None):
        await trio.sleep(inf if self.hangs in ("read", "start_tls") else 0)
        return ANSWER

    def receive_now(self, max_bytes):
        return None

    readable = False

    def close(self):
        self.closed = True


def stock(hangs):
    """httpx's transport, and its network."""
    network = Network(hangs)
    return StockTransport(Httpcore(network)), network


def own(hangs):
    """Ours, and its line."""
    line = HangingLine(hangs)
    return Transport(1, ssl.create_default_context(), dial=line.dial), line


both = pytest.mark.parametrize("transport_that", [own, stock])


@both
@pytest.mark.parametrize(
    ("hangs", "phase"),
    [
        ("connect_tcp", Phase.CONNECTING),
        ("start_tls", Phase.SECURING),
        ("write", Phase.WRITING),
        ("read", Phase.WRITTEN),
    ],
)
async def test_phases(autojump_clock, transport_that, hangs, phase):
    """A transport tells its phases, and has closed its
    connection, if there is one, when the exchange is over."""
    transport, network = transport_that(hangs)
    scheme = "https" if phase is Phase.SECURING else "http"
    result = await Exchange(TIMEOUT_S).run(transport, call(scheme))
    assert result == Interrupted(phase, HttpFailure.TIMED_OUT)
    assert trio.current_time() == TIMEOUT_S
    assert network.closed == (phase is not Phase.CONNECTING)


@both
async def test_a_reply(autojump_clock, transport_that):
    """Where nothing hangs, the request is written and the answer is heard."""
    transport, _ = transport_that(hangs=None)
    reply = await Exchange(TIMEOUT_S).run(transport, call())
    assert (reply.status, reply.request_written) == (202, True)
