"""The audit's instruments: what a caller hears, when it may ask again, and what is called flat."""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson
import pytest
import trio

from functional_tests.audit.callers import read
from functional_tests.audit.conduct import Conduct
from functional_tests.audit.line import Answer, Line, NoAnswer
from functional_tests.audit.people import OTHERS, PARTY, set_of
from functional_tests.audit.promise import End
from functional_tests.audit.report import STRETCH_S, WARM_UP_S, faults
from functional_tests.audit.run import Plan, Result
from functional_tests.audit.timeline import Timeline
from functional_tests.audit.vitals import MEBIBYTE, Sample
from functional_tests.audit.weather import DECK, dealt

UUID = "31313131-3131-3131-3131-313131313131"
BLANK = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nRequestKey: k\r\nContent-Length: 2\r\n\r\n{}"


def answer(status, key="k", **told):
    """One answer of SMSP's."""
    return Answer(status, key, orjson.dumps(told))


@pytest.mark.parametrize(
    ("heard", "end"),
    [
        (answer(200, outcome="sent", id=UUID), End.SENT),
        (answer(422, outcome="rejected", id=UUID), End.REJECTED),
        (answer(503, outcome="not_sent", id=UUID), End.NOT_SENT),
        (answer(504, outcome="unknown", id=UUID), End.UNKNOWN),
        (answer(503, code="draining"), End.REFUSED),
        (answer(409, code="in_progress"), End.REFUSED),
        (Answer(502, None, b"<html>"), End.FAULT),
        (answer(503, outcome="sent", id=UUID), End.NONSENSE),
        (answer(200, "another", outcome="sent", id=UUID), End.NONSENSE),
        (answer(500, code="internal"), End.NONSENSE),
        (Answer(200, "k", b"<html>"), End.NONSENSE),
        (Answer(503, None, b"<html>"), End.NONSENSE),
    ],
)
def test_how_an_answer_is_read(heard, end):
    """By its status and its outcome together, and only under the key of its request."""
    assert read(heard, "k").end is end


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"refusedrecipients": None}, None),
        ({"refusedrecipients": []}, 0),
        ({"refusedrecipients": [{"address": PARTY[3], "reason": "suppressed"}]}, 0b1000),
        ({"refusedrecipients": [{"address": PARTY[1]}, {"address": PARTY[0]}]}, 0b11),
        ({"refusedrecipients": [{"address": "eve@example.org"}]}, OTHERS),
        ({"refusedrecipients": [{"address": PARTY[3].lower()}]}, OTHERS),
        ({}, OTHERS),
    ],
)
def test_whom_an_answer_names(words, named):
    """By their addresses as they were sent; to say nothing at all is to name somebody else."""
    assert read(answer(200, outcome="sent", id=UUID, **words), "k").refused == named


def test_some_messages_go_to_several():
    """Among them some whom a provider refuses: one of many, and all; and most go to one."""
    to = [
        set_of(orjson.loads(Conduct(n, 1).request("k", 0).partition(BLANK)[2])["toaddress"])
        for n in range(2_000)
    ]
    parties = [people for people in to if people not in (1, OTHERS)]
    inactive = set_of([PARTY[1], PARTY[3]])
    assert 100 < len(parties) < 300
    assert any(people & inactive and people & ~inactive for people in parties)
    assert any(not people & ~inactive for people in parties)


async def _said_back(pieces, folder: Path):
    """The answer that a line hears from a server that says these pieces; none if it hears none."""

    async def serve(stream):
        await stream.receive_some()
        for piece in pieces:
            await stream.send_all(piece)
            await trio.lowlevel.checkpoint()
        await stream.aclose()

    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(str(folder / "socket"))
    sock.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [trio.SocketListener(sock)])
        line = Line(folder / "socket")
        try:
            heard = await line.ask(b"request")
        except NoAnswer:
            heard = None
        line.hang_up()
        nursery.cancel_scope.cancel()
    return heard


@pytest.mark.parametrize("pieces", [[OK], [OK[:20], OK[20:]], [OK[:-1], OK[-1:]]])
def test_one_answer(pieces, tmp_path):
    """However it is split."""
    assert trio.run(_said_back, pieces, tmp_path) == Answer(200, "k", b"{}")


@pytest.mark.parametrize("said", [b"", OK[:-1], OK + OK, OK + b"x", b"garbage\r\n\r\n"])
def test_none_or_more_than_one(said, tmp_path):
    """Nothing, half of one, two, or something else: none of these is one answer."""
    assert trio.run(_said_back, [said], tmp_path) is None


def conduct(*, keyed):
    """The first message whose caller has a key, or has none."""
    return next(one for n in range(99) if (one := Conduct(n, 1)).keyed is keyed)


def test_who_may_ask_again():
    """Without a key after a proof alone; with one always, if it is good, and else after a proof."""
    plain, keyed = conduct(keyed=False), conduct(keyed=True)
    for ends in ([End.NOT_SENT], [End.REFUSED, End.NOT_SENT]):
        assert plain.may_ask_again(ends, key_is_good=False)
        assert keyed.may_ask_again(ends, key_is_good=False)
    for end in (End.SENT, End.UNKNOWN, End.FAULT, End.HUNG_UP):
        assert not plain.may_ask_again([end], key_is_good=True)
        assert keyed.may_ask_again([end], key_is_good=True)
        assert not keyed.may_ask_again([end, End.NOT_SENT], key_is_good=False)


def test_a_message_is_the_same_in_every_run():
    """The seed and its number decide about it, whatever came before; and again in each try."""
    for number in (0, 7, 500_000):
        one, again = Conduct(number, 1), Conduct(number, 1)
        assert one.request("key", 0) == again.request("key", 0)
        assert one.request("key", 0).partition(b"\r\n\r\n")[2] in again.request("key", 1)
    by_seed = [[Conduct(number, seed).keyed for number in range(99)] for seed in (1, 2)]
    assert by_seed[0] != by_seed[1]


def test_every_fault_comes_before_any_comes_again():
    """In an order of the seed's."""
    first, second = dealt(Random(1)), dealt(Random(1))
    round_one = [next(first).name for _ in DECK]
    assert sorted(round_one) == sorted(trouble.name for trouble in DECK)
    assert round_one == [next(second).name for _ in DECK]
    assert round_one != [next(first).name for _ in DECK]


def _grown(mebibytes, seconds=WARM_UP_S + STRETCH_S + 10, *, fair=False):
    """The faults of a run in which memory was so at each second."""
    result = Result(Plan(1, 1, fair=fair), Timeline())
    result.samples = [
        Sample(float(at), int(mebibytes(at) * MEBIBYTE), 9, 1) for at in range(int(seconds))
    ]
    return faults(result)


def test_flat_memory():
    """Growth during the warm-up is none; what grows afterwards is seen, what spreads in fair
    weather only."""
    assert _grown(lambda at: min(100.0, 60 + at)) == []
    assert "grows" in "".join(_grown(lambda at: 100 + at / 8))
    assert _grown(lambda at: 100 + at / 8, seconds=WARM_UP_S + 5) == []
    assert _grown(lambda at: min(130.0, 100 + at / 20), seconds=1200) == []
    assert "grows" in "".join(_grown(lambda at: 100 + at / 50, seconds=1200))
    assert _grown(_waves) == []
    assert "spreads" in "".join(_grown(_waves, fair=True))


def _waves(at):
    return 100 + 8 * (at % 2)
