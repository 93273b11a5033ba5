"""What stands between hypercorn and the application: times, handshakes, headers, its log.

Over real sockets it is in ``functional_tests/test_hypercorn.py``.
"""

from __future__ import annotations

import logging
from math import inf

import pytest
import trio

from smsp.server.hypercorn import _Connection, _ToOurLog
from tests.kit.listening import Held, hello, whole_body
from tests.kit.web import FakeLog

IDLE_S = 75.0


def scope(kind="http", version="1.1"):
    """What hypercorn says of a request, or of a handshake."""
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": version,
        "method": "POST",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"a=b",
        "root_path": "",
        "headers": [(b"host", b"x")],
        "client": ("192.0.2.1", 50000),
        "server": ("192.0.2.2", 8080),
        "state": {},
        "extensions": {},
        "subprotocols": [],
    }


class Exchange:
    """One exchange as hypercorn has it: what comes, and what has been said."""

    def __init__(self, *events):
        self.events = [{"type": kind} for kind in events]
        self.said = []

    async def receive(self):
        """The next event."""
        return self.events.pop(0)

    async def send(self, event):
        """What the application says."""
        self.said.append(event)


async def test_a_connection_that_nobody_uses_has_a_deadline(autojump_clock, nursery):
    """From its beginning, and from the end of its last request; while there is one, none."""
    app = Held()
    connection = _Connection(app, IDLE_S)
    began_at = trio.current_time()
    assert connection.scope.deadline == began_at + IDLE_S
    exchange = Exchange()
    for _ in range(2):
        nursery.start_soon(connection, scope(version="2"), exchange.receive, exchange.send)
    await trio.testing.wait_all_tasks_blocked()
    assert (app.asked, connection.scope.deadline) == (2, inf)
    await trio.sleep(1000)
    app.finish.set()
    await trio.testing.wait_all_tasks_blocked()
    assert connection.scope.deadline == began_at + 1000 + IDLE_S


async def test_a_stop_shortens_it(autojump_clock, nursery):
    """For who is idle at once, for who is not when it becomes so."""
    app = Held()
    idle, busy = _Connection(app, IDLE_S), _Connection(app, IDLE_S)
    exchange = Exchange()
    nursery.start_soon(busy, scope(), exchange.receive, exchange.send)
    await trio.testing.wait_all_tasks_blocked()
    now = trio.current_time()
    for one in (idle, busy):
        one.end_when_idle_for(1.0)
    assert (idle.scope.deadline, busy.scope.deadline) == (now + 1, inf)
    await trio.sleep(5)
    app.finish.set()
    await trio.testing.wait_all_tasks_blocked()
    assert busy.scope.deadline == now + 5 + 1


async def test_a_request_that_fails_is_over(autojump_clock):
    """What the application raises reaches hypercorn, and the connection is idle again."""

    async def fails(*_arguments):
        raise RuntimeError

    connection = _Connection(fails, IDLE_S)
    exchange = Exchange()
    with pytest.raises(RuntimeError):
        await connection(scope(), exchange.receive, exchange.send)
    assert connection.scope.deadline == trio.current_time() + IDLE_S


async def test_a_handshake_is_a_get():
    """Without a body; what is said comes back as an answer to a handshake, then it is over."""
    asked = []

    async def app(given, receive, send):
        asked.append(given)
        assert await whole_body(receive) == b""
        assert (await receive())["type"] == "http.disconnect"
        await hello(given, receive, send)

    exchange = Exchange("websocket.connect", "websocket.disconnect")
    await _Connection(app, IDLE_S)(scope("websocket"), exchange.receive, exchange.send)
    (given,) = asked
    assert (given["type"], given["method"], given["scheme"]) == ("http", "GET", "http")
    assert (given["query_string"], given["headers"]) == (b"a=b", [(b"host", b"x")])
    kinds = [event["type"].removeprefix("websocket.http.response.") for event in exchange.said]
    assert kinds == ["start", "body"]
    assert exchange.said[1] == exchange.said[1] | {"body": b"hello", "more_body": False}


@pytest.mark.parametrize(("version", "kept"), [("2", False), ("1.1", True)])
async def test_what_http2_forbids_is_not_said_there(version, kept):
    """The headers that are a connection's of HTTP/1.1; all others are."""

    async def app(_scope, _receive, send):
        headers = [(b"connection", b"close"), (b"a", b"b"), (b"transfer-encoding", b"chunked")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    exchange = Exchange()
    await _Connection(app, IDLE_S)(scope(version=version), exchange.receive, exchange.send)
    names = [name for name, _ in exchange.said[0]["headers"]]
    assert names == ([b"connection", b"a", b"transfer-encoding"] if kept else [b"a"])


def test_hypercorns_log():
    """Of an error it is a warning of ours that quotes nothing; anything else is nobody's news."""
    log = FakeLog()
    theirs = _ToOurLog(log)
    theirs.info("Running on http://127.0.0.1:8080")
    theirs.warning("nothing raised")
    try:
        raise ValueError("a secret")
    except ValueError:
        theirs.exception("Error in ASGI Framework")
    ((name, fields),) = [(name, fields) for name, fields in log.events]
    assert (name, fields["error"]) == ("server.connection_failed", "ValueError")
    assert "secret" not in str(fields)
    assert logging.getLogger("hypercorn").handlers == []
