"""What providers may ask of us, in bytes and seconds: the numbers once as numbers.

Elsewhere tests import them, and would follow whatever they became.
"""

from __future__ import annotations

import httpx
import pytest

from smsp.providers import security_layer
from smsp.providers.encoding import body, threads
from smsp.providers.http import exchange, pool
from smsp.providers.http.http1 import ResponseParser
from smsp.providers.smtp import replies as smtp_replies
from smsp.providers.smtp import transaction
from smsp.providers.smtp.phases import NotSmtp

KIB = 1024


def test_bounds():
    """A change of one of these is a decision."""
    assert {
        "bytes of an answer's body": exchange.BODY_BYTES_MAX,
        "bytes that are progress": exchange.WRITE_BYTES,
        "pieces before others have their turn": exchange.PIECES_IN_A_ROW,
        "bytes of a piece": body.PIECE_BYTES,
        "bytes that are encoded later": body.LATER_BYTES,
        "bytes of a handshake": security_layer.HANDSHAKE_BYTES_MAX,
        "bytes of TLS that say nothing": security_layer.SILENCE_BYTES_MAX,
        "bytes of our replies in TLS": security_layer.REPLIES_BYTES_MAX,
        "seconds idle": pool.IDLE_S,
        "bytes of an SMTP line": smtp_replies.LINE_BYTES_MAX,
        "lines of an SMTP reply": smtp_replies.LINES_MAX,
        "bytes of an SMTP reply": smtp_replies.REPLY_BYTES_MAX,
        "time-outs of an envelope": transaction.ENVELOPE_TIMEOUTS,
        "recipients for another": transaction.RECIPIENTS_PER_TIMEOUT,
        "threads that encode": threads.ENCODERS_MAX,
        "share of an answer's time for its body": exchange.BODY_SHARE,
        "seconds that move no deadline": exchange.GRAIN_S,
    } == {
        "bytes of an answer's body": 256 * KIB,
        "bytes that are progress": 64 * KIB,
        "pieces before others have their turn": 4,
        "bytes of a piece": 64 * KIB,
        "bytes that are encoded later": 32 * KIB,
        "bytes of a handshake": 256 * KIB,
        "bytes of TLS that say nothing": 64 * KIB,
        "bytes of our replies in TLS": 16 * KIB,
        "seconds idle": 10.0,
        "bytes of an SMTP line": 8192,
        "lines of an SMTP reply": 100,
        "bytes of an SMTP reply": 64 * KIB,
        "time-outs of an envelope": 10,
        "recipients for another": 10,
        "threads that encode": 2,
        "share of an answer's time for its body": 0.9,
        "seconds that move no deadline": 0.001,
    }


@pytest.mark.parametrize("interim", [False, True])
def test_a_head_of_64_kib(interim):
    """So much may be said around a body, with all interim answers, and is heard; not a byte more
    before its end."""
    answers = ResponseParser()
    start = b"HTTP/1.1 103 Hints\r\n\r\n" if interim else b""
    head = start + b"HTTP/1.1 200 OK\r\nX: "
    answers.feed(head + b"a" * (64 * KIB - len(head)))
    answers.feed(b"\r\nContent-Length: 0\r\n\r\n")
    assert (answers.status, answers.complete, answers.reusable) == (200, True, True)
    answers.begin()
    answers.feed(head + b"a" * (64 * KIB - len(head) + 1))
    with pytest.raises(httpx.RemoteProtocolError, match="without an end"):
        answers.feed(b"\r\n")


def test_each_piece_of_a_body_begins_anew():
    """What is said around it is bounded between two of its pieces."""
    answers = ResponseParser()
    answers.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        answers.feed(b"1;" + b"a" * 60 * KIB)
        answers.feed(b"\r\n!\r\n")
    answers.feed(b"0\r\n\r\n")
    assert (answers.take(), answers.complete) == (b"!!!", True)


def test_not_smtp_is_an_error_of_its_own():
    """It is no failure of the network, which would be another's fault."""
    assert not issubclass(NotSmtp, OSError | ValueError)
