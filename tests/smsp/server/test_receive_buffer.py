"""Bytes that wait to be parsed: all come out, and none beyond where a parser has to stop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsp.server.receive_buffer import EMPTY_LINE, ReceiveBuffer
from tests.kit.examples import many

STREAMS = st.text("\r\nab", max_size=40).map(str.encode)


@many
@given(data=st.data(), stream=STREAMS)
def test_pieces_up_to_empty_lines(data, stream):
    """However they come, pieces are the stream, and end at each empty line at the latest."""
    unread, pieces, at = ReceiveBuffer(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 8))
        unread.add(stream[at : at + step])
        at += step
        while not unread.empty:
            pieces.append(unread.take_to_an_empty_line())
    taken = b""
    for piece in pieces:
        assert piece
        open_line = taken[-3:] if not taken.endswith(EMPTY_LINE) else b""
        seen = open_line + piece
        assert EMPTY_LINE not in seen[:-1]
        taken += piece
    assert taken == stream


@given(STREAMS, st.integers(0, 50))
def test_a_length(stream, length):
    """As much as is asked for, as far as it is there."""
    unread = ReceiveBuffer()
    unread.add(stream)
    assert unread.take(length) == stream[:length]
    assert len(unread) == len(stream[length:])
    assert unread.empty == (length >= len(stream))


@given(STREAMS, STREAMS)
def test_line_ends_at_the_front(first, second):
    """They are dropped and counted; the rest stays, also behind what has been taken."""
    unread = ReceiveBuffer()
    unread.add(first + second)
    unread.take(len(first))
    left = second.lstrip(b"\r\n")
    assert unread.drop_line_ends() == len(second) - len(left)
    assert unread.take(100) == left


def test_nothing_is_left_of_what_is_cleared():
    """Not even the beginning of an empty line."""
    unread = ReceiveBuffer()
    unread.add(b"a\r\n\r")
    unread.take_to_an_empty_line()
    unread.add(b"x")
    unread.clear()
    assert unread.empty
    unread.add(b"\nabc")
    assert unread.take_to_an_empty_line() == b"\nabc"


def test_nothing_waits_at_first():
    """Before the first byte, and after the last."""
    unread = ReceiveBuffer()
    assert (len(unread), unread.empty) == (0, True)
    unread.add(b"ab")
    assert (len(unread), unread.empty) == (2, False)
    assert unread.take(3) == b"ab"
    assert (len(unread), unread.empty) == (0, True)
