"""The exchange on httpcore itself, the client beneath httpx, over a network of the test's own."""

from __future__ import annotations

from math import inf

import httpcore
import httpx
import pytest
import trio

from smsp.providers.exchange import Exchange, Interrupted
from smsp.providers.phases import Failure, Phase
from smsp.providers.protocols import HttpCall

TIMEOUT_S = 2.0
CALL = HttpCall("POST", "https://api.example.com/v3/send", body=b"hello")


class Network(httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """A network in one connection, one of whose operations hangs; it answers 202."""

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
        return await self._operate("read", b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

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


@pytest.mark.parametrize(
    ("hangs", "phase"),
    [
        ("connect_tcp", Phase.CONNECTING),
        ("start_tls", Phase.SECURING),
        ("write", Phase.WRITING),
        ("read", Phase.WRITTEN),
    ],
)
async def test_phases_of_httpcore(autojump_clock, hangs, phase):
    """The client beneath httpx tells its phases by the names that the exchange knows, and has
    closed its connection, if there is one, when the exchange is over."""
    network = Network(hangs)
    async with httpx.AsyncClient(transport=Httpcore(network), timeout=None) as client:
        result = await Exchange(TIMEOUT_S).run(client, CALL)
    assert result == Interrupted(phase, Failure.TIMED_OUT)
    assert network.closed == (phase is not Phase.CONNECTING)


async def test_reply_of_httpcore(autojump_clock):
    """Where nothing hangs, the request is written and the answer is heard."""
    network = Network(hangs=None)
    async with httpx.AsyncClient(transport=Httpcore(network), timeout=None) as client:
        reply = await Exchange(TIMEOUT_S).run(client, CALL)
    assert (reply.status, reply.request_written) == (202, True)
