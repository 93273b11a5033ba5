"""Any bytes from a provider: an answer or an error, whichever way the network cuts them."""

from __future__ import annotations

import httpx
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.http.http1 import ResponseParser
from tests.kit.examples import many
from tests.kit.pieces import byte_for_byte, pieces_of, streams
from tests.smsp.providers.http.test_http1 import WHOLE

STARTS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 100 Continue\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
]
GOOD = [wire for wire, *_ in WHOLE.values()]


def understood(pieces):
    """What is made of these pieces and the end of the connection; ``None`` if it is no answer."""
    answers = ResponseParser()
    try:
        for piece in pieces:
            answers.feed(piece)
        if not answers.complete:
            answers.feed(b"")
    except httpx.RemoteProtocolError:
        return None
    assert answers.complete
    return answers.status, answers.headers, answers.take(), answers.reusable


@many
@given(data=st.data(), stream=streams(STARTS, GOOD))
def test_any_bytes_in_any_pieces(data, stream):
    """The same is understood as if they had come at once, and no other error is raised."""
    once = understood([stream] if stream else [])
    assert understood(data.draw(pieces_of(stream)) if stream else []) == once
    assert understood(byte_for_byte(stream)) == once


@many
@given(stream=streams(STARTS, GOOD))
def test_an_answer_has_a_status_of_its_own(stream):
    """What is understood is a final answer; interim ones are none."""
    said = understood([stream] if stream else [])
    assert said is None or 200 <= said[0] <= 999


@many
@given(answer=st.sampled_from(GOOD), stream=streams(STARTS, GOOD))
def test_what_follows_an_answer_does_not_change_it(answer, stream):
    """Nobody has asked for it; all that it can do is to end the connection. Blank lines do not."""
    alone, followed = understood([answer]), understood([answer + stream])
    assert followed[:3] == alone[:3]
    assert followed[3] == (alone[3] and not stream.strip(b"\r\n"))
