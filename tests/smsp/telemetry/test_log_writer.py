"""The way of lines out of the process: in order, whole, counted where they are lost, and never in
the way of whoever logs."""

from __future__ import annotations

import errno
import re
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.telemetry.log_writer import (
    BYTES_MAX,
    FAULT_S,
    LINES_MAX,
    PIECE_BYTES,
    REST_S,
    REST_S_MAX,
    ROOM_S,
    THREAD,
    LineBuffer,
    LogWriter,
    Stuck,
    _pause_s,
)

FAULTS = (errno.EPIPE, errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF)
PATIENCE_S = 20.0


class FakeFile:
    """A raw file. ``answers`` are the next: how many bytes are taken at most, ``None`` for no
    room, or the number of an error; then it takes everything."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.taken = b""
        self.pieces = []

    def write(self, data):
        """Take some."""
        answer = self.answers.pop(0) if self.answers else ("take", len(data))
        match answer:
            case None:
                return None
            case ("take", most):
                part = data[:most]
            case number:
                raise OSError(number, "a fault")
        self.taken += part
        self.pieces.append(part)
        return len(part)


def gap(lines):
    """The line that tells of a gap."""
    return b"gap %d\n" % lines


def line(number, size=8):
    """A line that can be told from others."""
    return f"{number:0{size - 1}d}\n".encode()


def buffer(file, **bounds):
    """A buffer in front of this file."""
    return LineBuffer(file.write, gap, **bounds)


def put(lines, *numbers):
    """Have these lines written."""
    for number in numbers:
        lines.put(line(number))


def all_out(lines):
    """Whether everything that was held has been written now."""
    return not isinstance(lines.drain(), Stuck)


def expected(*told):
    """What should be in a file: a line by its number, a gap by its text."""
    return b"".join(one if isinstance(one, bytes) else line(one) for one in told)


# -- what can be written is


def test_lines_are_written_in_order():
    """All of them, and several at once."""
    file = FakeFile()
    lines = buffer(file)
    put(lines, *range(100))
    assert all_out(lines)
    assert file.taken == expected(*range(100))
    assert len(file.pieces) == 1
    assert lines.dropped == 0


def test_how_many_were_written_is_told():
    """By it the thread rests."""
    lines = buffer(FakeFile())
    assert lines.drain() == 0
    put(lines, 1, 2, 3)
    assert lines.drain() == 3


def test_a_pipe_takes_each_piece_as_a_whole():
    """No piece but a single long line is larger than what a pipe never cuts, and each ends where
    a line ends."""
    file = FakeFile()
    lines = buffer(file)
    sizes = [300] * 40 + [PIECE_BYTES, 10, PIECE_BYTES + 1, 3 * PIECE_BYTES, 10]
    for number, size in enumerate(sizes):
        lines.put(line(number, size))
    assert all_out(lines)
    assert all(piece.endswith(b"\n") for piece in file.pieces)
    long = [piece for piece in file.pieces if len(piece) > PIECE_BYTES]
    assert [len(piece) for piece in long] == [PIECE_BYTES + 1, 3 * PIECE_BYTES]
    assert len(file.pieces) < len(sizes) / 3


@pytest.mark.parametrize("most", [1, 3, 8, 11])
def test_a_file_that_takes_little_at_a_time(most):
    """Lines stay whole, whatever part of them is taken."""
    file = FakeFile(*[("take", most)] * 30)
    lines = buffer(file)
    put(lines, 1, 2, 3)
    assert all_out(lines)
    assert file.taken == expected(1, 2, 3)


def test_a_file_without_room_now():
    """Somebody else has made it non-blocking: nothing is lost, and nothing twice."""
    file = FakeFile(None, ("take", 11), None)
    lines = buffer(file)
    put(lines, 1, 2)
    assert lines.drain() is Stuck.NO_ROOM
    put(lines, 3)
    assert lines.drain() is Stuck.NO_ROOM
    assert all_out(lines)
    assert file.taken == expected(1, 2, 3)
    assert lines.dropped == 0


# -- what cannot is counted


def test_without_room_the_newest_are_dropped():
    """By number; the gap is told in its place, once, with how many they were."""
    file = FakeFile(None)
    lines = buffer(file, lines_max=3)
    put(lines, *range(10))
    assert lines.dropped == 7
    assert lines.drain() is Stuck.NO_ROOM
    put(lines, 10)
    assert all_out(lines)
    put(lines, 11)
    assert all_out(lines)
    assert file.taken == expected(0, 1, 2, gap(8), 11)
    assert lines.dropped == 8


def test_bytes_are_bounded_too():
    """And a line larger than all room is dropped like any other."""
    file = FakeFile()
    lines = buffer(file, bytes_max=20)
    lines.put(line(0, 21))
    assert all_out(lines)
    put(lines, 1, 2, 3)
    assert all_out(lines)
    put(lines, 4)
    assert all_out(lines)
    assert file.taken == expected(gap(1), 1, 2, gap(1), 4)


def test_what_is_held_at_most():
    """A node whose log nobody reads for a week is no larger for it."""
    lines = buffer(FakeFile())
    for number in range(3 * LINES_MAX):
        lines.put(line(number))
    assert lines.dropped == 2 * LINES_MAX
    lines = buffer(FakeFile())
    for number in range(40):
        lines.put(line(number, BYTES_MAX // 20))
    assert lines.dropped == 20


def test_in_a_gap_a_short_line_does_not_slip_in():
    """Or it would stand before the line that tells of those that were before it."""
    file = FakeFile()
    lines = buffer(file, bytes_max=20)
    lines.put(line(1, 18))
    lines.put(line(2, 18))
    lines.put(b"\n")
    assert all_out(lines)
    assert file.taken == line(1, 18) + gap(2)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(fault):
    """What is held is dropped, and what comes until writing goes on; then the gap comes first."""
    file = FakeFile(fault, fault)
    lines = buffer(file)
    put(lines, 1, 2)
    assert lines.drain() is Stuck.FAULT
    put(lines, 3)
    assert lines.dropped == 3
    assert lines.drain() is Stuck.FAULT
    put(lines, 4)
    assert all_out(lines)
    put(lines, 5)
    assert all_out(lines)
    assert file.taken == expected(gap(4), 5)
    assert lines.dropped == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_a_line(fault):
    """Its rest comes first when writing goes on, so that no line runs into the next."""
    file = FakeFile(("take", 11), fault, fault, ("take", 1), fault)
    lines = buffer(file)
    put(lines, 1, 2, 3)
    assert lines.drain() is Stuck.FAULT
    put(lines, 4)
    assert lines.drain() is Stuck.FAULT
    assert lines.drain() is Stuck.FAULT
    assert all_out(lines)
    put(lines, 5)
    assert all_out(lines)
    assert file.taken == expected(1, 2, gap(2), 5)
    assert lines.dropped == 2


def test_a_fault_in_the_line_that_tells_of_a_gap():
    """That is no line of the log's own: it is told again, and not counted; or, if it was begun,
    ended."""
    file = FakeFile(errno.ENOSPC, errno.ENOSPC, ("take", 3), errno.ENOSPC)
    lines = buffer(file)
    put(lines, 1)
    assert [lines.drain() for _ in range(4)] == [Stuck.FAULT] * 3 + [1]
    assert file.taken == gap(1)
    assert lines.dropped == 1


answers = st.one_of(
    st.none(),
    st.tuples(st.just("take"), st.integers(1, 40)),
    st.sampled_from(FAULTS),
)
moves = st.lists(st.one_of(st.integers(0, 12), answers.map(lambda one: [one])), max_size=60)


@given(moves)
def test_whatever_the_file_does(moves):
    """Every line is whole and in order, and each gap tells exactly how many are missing in it."""
    file = FakeFile()
    lines = buffer(file, lines_max=8, bytes_max=60)
    came = 0
    for move in moves:
        if isinstance(move, int):
            put(lines, *range(came, came + move))
            came += move
        else:
            file.answers += move
            lines.drain()
    file.answers.clear()
    assert all_out(lines)

    due, missing = 0, 0
    for told in file.taken.splitlines():
        if told.startswith(b"gap "):
            due += int(told[4:])
            missing += int(told[4:])
        else:
            assert int(told) == due, re.sub(rb"\n", b" ", file.taken)
            due += 1
    assert due == came
    assert missing == lines.dropped


# -- the thread


@pytest.mark.parametrize(
    ("drained", "pause_s"),
    [
        (0, 0),
        (1, REST_S),
        (10, 10 * REST_S),
        (LINES_MAX, REST_S_MAX),
        (Stuck.NO_ROOM, ROOM_S),
        (Stuck.FAULT, FAULT_S),
    ],
)
def test_rests(drained, pause_s):
    """A lone line goes at once, many wait for each other, and what fails is tried seldom."""
    assert _pause_s(drained) == pytest.approx(pause_s)


class StuckFile:
    """A file that takes nothing before it is told to, as a pipe that nobody reads."""

    def __init__(self):
        self.entered, self.released = Event(), Event()
        self.taken = b""

    def write(self, data):
        """Wait, as in write(2)."""
        self.entered.set()
        assert self.released.wait(PATIENCE_S)
        self.taken += data
        return len(data)


def test_everything_is_out_when_the_writer_is_closed():
    """In whatever way its block is left."""
    file = FakeFile()

    def crash():
        with LogWriter(file.write, gap) as writer:
            for number in range(1000):
                writer.write(line(number))
            raise KeyError

    with pytest.raises(KeyError):
        crash()
    assert file.taken == expected(*range(1000))


def test_nobody_waits_for_a_file_that_is_stuck():
    """Neither who logs nor who closes; what was held comes out if it moves after all."""
    file = StuckFile()
    writer = LogWriter(file.write, gap)
    with writer:
        writer.write(line(0))
        assert file.entered.wait(PATIENCE_S)
        for number in range(1, LINES_MAX + 3):
            writer.write(line(number))
        assert writer.dropped == 2
        writer.close(within_s=0)
        file.released.set()
    writer.close(PATIENCE_S)
    assert file.taken == expected(*range(LINES_MAX + 1), gap(2))


@pytest.mark.parametrize("answer", [errno.EPIPE, None])
def test_a_file_that_takes_nothing_ever_lets_go(answer):
    """The last lines are tried, and given up."""
    file = FakeFile(*[answer] * 100_000)
    with LogWriter(file.write, gap) as writer:
        writer.write(line(0))
        writer.close(within_s=0)
    writer.close(PATIENCE_S)
    assert THREAD not in {thread.name for thread in enumerate_threads()}
    assert file.taken == b""
    assert len(file.answers) < 100_000
