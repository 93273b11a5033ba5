"""SMSP_SERVER=hypercorn: what only that server speaks, and what must not end it."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded

from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY
from tests.kit.web import message

SERVERS = ("hypercorn",)
SETTINGS = {"DRAIN_TIMEOUT": "10"}
PATIENCE_S = 10.0

HANDSHAKE = (
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
NO_KEY = HANDSHAKE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@contextmanager
def connected(smsp):
    port = int(smsp.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as caller:
        yield caller


def heard(caller, *, for_s=0.5):
    """What comes until nothing has for a while, or the connection ends."""
    caller.settimeout(for_s)
    said = b""
    with suppress(OSError):
        while piece := caller.recv(1 << 16):
            said += piece
    return said


class OverHttp2:
    """A caller who speaks HTTP/2 without having asked whether it may."""

    def __init__(self, caller):
        self.caller = caller
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.caller.sendall(self.h2.data_to_send())

    def begin(self, path, *headers, method="POST", end=False):
        """The head of a request; its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":authority", "x"), (":scheme", "http")]
        self.h2.send_headers(stream, [*head, *headers], end_stream=end)
        self.flush()
        return stream

    def answers(self, *streams):
        """Status, headers and body of the answer on each of these streams."""
        heads, bodies, left = {}, dict.fromkeys(streams, b""), set(streams)
        self.caller.settimeout(PATIENCE_S)
        while left:
            piece = self.caller.recv(1 << 16)
            assert piece, "the connection has ended"
            for event in self.h2.receive_data(piece):
                match event:
                    case ResponseReceived():
                        heads[event.stream_id] = dict(event.headers)
                    case DataReceived():
                        bodies[event.stream_id] += event.data
                    case StreamEnded():
                        left.discard(event.stream_id)
            self.flush()
        return [(int(heads[one][b":status"]), heads[one], bodies[one]) for one in streams]


JSON = ("x-api-key", KEY), ("content-type", "application/json")


def test_messages_over_http2(smsp):
    """By prior knowledge, several at once on one connection; the answer is the same as ever."""
    with connected(smsp) as caller:
        peer = OverHttp2(caller)
        streams = [peer.begin("/email", *JSON) for _ in range(5)]
        for stream in streams:
            peer.h2.send_data(stream, message(), end_stream=True)
        peer.flush()
        for status, headers, body in peer.answers(*streams):
            assert (status, headers[b"content-type"]) == (200, b"application/json")
            assert b'"outcome":"sent"' in body
            assert b"requestkey" in headers


def test_a_refusal_over_http2(smsp):
    """A wrong key is refused before the body has come, and the connection is still of use."""
    with connected(smsp) as caller:
        peer = OverHttp2(caller)
        refused = peer.begin("/email", ("x-api-key", "wrong"))
        peer.h2.send_data(refused, b"x" * 100, end_stream=True)
        alive = peer.begin("/livez", method="GET", end=True)
        (wrong, _, body), (well, _, _) = peer.answers(refused, alive)
        assert (wrong, well) == (401, 200)
        assert b'"unauthorised"' in body


def test_an_answer_that_ends_the_connection_over_http2(start_smsp):
    """HTTP/2 has no ``Connection: close``: while the node stops, callers are still answered."""
    smsp = start_smsp(DRAIN_DELAY="2")
    with connected(smsp) as caller:
        peer = OverHttp2(caller)
        smsp.process.terminate()
        eventually(lambda: smsp.process.event("server.draining"), "it drains")
        stream = peer.begin("/email", *JSON)
        peer.h2.send_data(stream, message(), end_stream=True)
        peer.flush()
        ((status, headers, body),) = peer.answers(stream)
    assert (status, b"connection" in headers) == (503, False)
    assert b'"draining"' in body
    assert smsp.process.exit_status() == 0


def test_a_websocket_handshake(smsp):
    """The offer is not taken: it is the request that it is without."""
    with connected(smsp) as caller:
        caller.sendall(HANDSHAKE)
        said = heard(caller)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b'{"status":"ok"}')
    with connected(smsp) as caller:
        caller.sendall(HANDSHAKE.replace(b"/livez", b"/providers"))
        assert heard(caller).startswith(b"HTTP/1.1 401 ")


def _path_that_is_no_ascii(caller):
    peer = OverHttp2(caller)
    peer.begin("/caf\u00e9", method="GET", end=True)


def _connect(caller):
    peer = OverHttp2(caller)
    peer.h2.send_headers(1, [(":method", "CONNECT"), (":authority", "x")])
    peer.flush()


def _a_body_after_the_answer(caller):
    peer = OverHttp2(caller)
    stream = peer.begin("/livez", method="GET")
    time.sleep(0.3)
    peer.h2.send_data(stream, b"x" * 1000)
    peer.flush()


def _says(data):
    return lambda caller: caller.sendall(data)


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param(_says(NO_KEY), id="handshake without a key"),
        pytest.param(_says(HANDSHAKE + b"\xff" * 100), id="handshake and more"),
        pytest.param(
            _says(HANDSHAKE.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nx")), id="body"
        ),
        pytest.param(_says(PREFACE + b"\xff" * 200), id="HTTP/2 that is none"),
        pytest.param(_says(PREFACE), id="HTTP/2 and nothing"),
        pytest.param(_says(b"GET / HTTP/1.1\r\nHost: \xff\r\n \x00\r\n\r\n"), id="malformed"),
        pytest.param(_says(b"\x16\x03\x01\x02\x00\x01\x00"), id="TLS"),
        pytest.param(
            _says(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: !\r\n\r\n"), id="h2c"
        ),
        pytest.param(
            _says(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n"),
            id="h2c of wrong settings",
        ),
        pytest.param(_path_that_is_no_ascii, id="path that is no ASCII"),
        pytest.param(_connect, id="CONNECT"),
        pytest.param(_a_body_after_the_answer, id="body after the answer"),
    ],
)
def test_a_connection_ends_alone(smsp, misbehave):
    """Whatever comes on one, those of others go on, and the process with them."""
    with connected(smsp) as other:
        other.sendall(b"POST /email HTTP/1.1\r\nHost: x\r\n")
        with connected(smsp) as caller:
            misbehave(caller)
            heard(caller)
        body = message()
        head = f"X-API-KEY: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        other.sendall(head.encode() + b"\r\n\r\n" + body)
        assert heard(other).startswith(b"HTTP/1.1 200 ")
    assert smsp.send().outcome == "sent"
    smsp.process.check_alive()


def test_what_hypercorn_raises(start_smsp):
    """It is a warning that quotes nothing, and costs the connection that it came from."""
    smsp = start_smsp()
    with connected(smsp) as caller:
        _path_that_is_no_ascii(caller)
        heard(caller)
    told = eventually(lambda: smsp.process.event("server.connection_failed"), "it is told")
    assert (told["level"], told["error"]) == ("warning", "UnicodeDecodeError")
    assert "caf" not in smsp.process.log
    assert smsp.http.get("/livez").status_code == 200


def test_connections_that_nobody_uses_hold_up_no_stop(start_smsp):
    """Also those whose idle time hypercorn has forgotten; the exit status is 0, in good time. All
    that was ever printed are lines of our log."""
    smsp = start_smsp(DRAIN_TIMEOUT="10")
    with connected(smsp) as no_key, connected(smsp) as half, connected(smsp), connected(smsp) as h2:
        no_key.sendall(NO_KEY)
        half.sendall(HANDSHAKE[:40])
        OverHttp2(h2).begin("/livez", method="GET", end=True)
        assert heard(no_key).startswith(b"HTTP/1.1 400 ")
        assert heard(h2)
        began_at = time.monotonic()
        smsp.process.terminate()
        assert smsp.process.exit_status() == 0
        assert time.monotonic() - began_at < 6.0
    assert all(line.startswith("{") for line in smsp.process.log.splitlines())


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SMSP_ADMIN_PORT", "8081"), ("SMSP_DOOR_SMTP_PORT", "2525"), ("SMSP_REUSE_PORT", "true")],
)
def test_what_it_cannot_serve(start_alone, variable, text):
    """A port of its own, or a shared one, is a mistake that says so, and nothing is started."""
    with pytest.raises(AssertionError, match=f"{variable} needs SMSP_SERVER=smsp"):
        start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true", variable: text})
