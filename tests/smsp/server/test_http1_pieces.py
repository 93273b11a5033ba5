"""Any bytes from a caller: no failure, and the same requests however the network cuts them."""

from __future__ import annotations

from http import HTTPStatus
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smsp.server.http1 import BadRequest, End
from smsp.server.request_head import Head
from tests.kit.examples import many
from tests.kit.pieces import byte_for_byte, pieces_of, streams
from tests.smsp.server.test_http1 import BAD, CHUNKED, GET, POST, UPGRADES, heard

UPGRADE = [
    wire.replace(b"Host: x\r\n", b"Host: x\r\n" + lines)
    for wire in (GET, POST, CHUNKED)
    for lines in UPGRADES
]
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

STARTS = [
    b"GET / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\n",
    b"POST / HTTP/1.0\r\n",
    b"BREW / HTTP/1.1\r\n",
]
GOOD = [GET, POST, CHUNKED, *UPGRADE, LAST, *BAD.values()]


def plain(events):
    """Events, but for what a refusal says of the method: it is only known when it comes whole."""
    status = HTTPStatus.NOT_IMPLEMENTED
    bad = BadRequest(HTTPStatus.BAD_REQUEST)
    return [bad if event == BadRequest(status) else event for event in events]


@many
@given(data=st.data(), stream=streams(STARTS, GOOD))
def test_any_bytes_in_any_pieces(data, stream):
    """The same is heard as if they had come at once."""
    once = plain(heard(stream))
    assert plain(heard(*data.draw(pieces_of(stream)))) == once
    assert plain(heard(*byte_for_byte(stream))) == once


@many
@given(stream=streams(STARTS, GOOD))
def test_any_bytes_are_requests_in_order(stream):
    """A head, its body, its end; the next one. A fault ends it all, wherever it comes."""
    events = heard(stream)
    assert not any(isinstance(event, BadRequest) for event in events[:-1])
    follow = {Head: (bytes, End, BadRequest), bytes: (End, BadRequest), End: (Head, BadRequest)}
    for one, next_one in pairwise(events):
        assert isinstance(next_one, follow[type(one)])
