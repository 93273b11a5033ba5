"""A caller's connection, from its first byte to its place being free again, without sockets."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.server.listener import Limits
from tests.kit.listening import Held, echo, hello, listening, say, whole_body

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /email HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
RUBBISH = b"\x16\x03\x01 rubbish\r\n\r\n"
HEAD_S = 10.0
REFUSED_LINGER_S = 1.0
REQUESTS_MAX = 1000


async def ends_at(peer):
    """What a caller still hears, and when its connection ends."""
    return await peer.rest(), trio.current_time()


# -- one request after another


async def test_requests_follow_each_other(autojump_clock):
    """On one connection, each with its answer, bodies included."""
    async with listening(echo) as server:
        peer = server.call()
        for body in (b"first", b"other", b"third"):
            answer = await peer.ask(POST + body)
            assert (answer.status, answer.body) == (200, body)
            assert "connection" not in answer.headers
    assert server.log.events == []


async def test_requests_that_come_at_once(autojump_clock):
    """They are answered in their order."""
    async with listening(echo) as server:
        peer = server.call()
        await peer.stream.send_all(POST + b"first" + GET + POST + b"third" + CLOSE)
        heard = await peer.rest()
    bodies = [part.partition(b"\r\n\r\n")[2] for part in heard.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"first", b"", b"third", b""]


@pytest.mark.parametrize("ahead", [False, True])
async def test_six_hundred_requests_without_a_body(autojump_clock, ahead):
    """One after another or all at once, a connection does not wear out."""
    async with listening(hello) as server:
        peer = server.call()
        if ahead:
            await peer.stream.send_all(GET * 599 + CLOSE)
            assert (await peer.rest()).count(b"HTTP/1.1 200 OK\r\n") == 600
            return
        for _ in range(600):
            assert (await peer.ask(GET)).body == b"hello"


async def test_how_many_requests_a_connection_serves(autojump_clock):
    """A thousand, and the one behind them is told that the connection ends with it."""
    async with listening(hello) as server:
        peer = server.call()
        for _ in range(REQUESTS_MAX):
            assert "connection" not in (await peer.ask(GET)).headers
        assert (await peer.ask(GET)).headers["connection"] == "close"
        assert await ends_at(peer) == (b"", 0.0)


async def test_what_the_application_is_told(autojump_clock):
    """The request as it came, and between whom."""
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await say(send)

    async with listening(app) as server:
        await server.call().ask(b"GET /a%20b?x=%31 HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n")
    (scope,) = scopes
    assert (scope["type"], scope["method"], scope["http_version"]) == ("http", "GET", "1.1")
    assert (scope["path"], scope["raw_path"]) == ("/a b", b"/a%20b")
    assert scope["query_string"] == b"x=%31"
    assert scope["headers"] == [(b"host", b"x"), (b"x-a", b"b")]
    assert (scope["client"], scope["server"]) == (("192.0.2.1", 50000), ("192.0.2.2", 8080))
    assert (scope["scheme"], scope["root_path"]) == ("http", "")
    assert scope["asgi"] == {"spec_version": "2.1", "version": "3.0"}


@pytest.mark.parametrize("requests", [0, 1])
async def test_rubbish_after_a_request(autojump_clock, requests):
    """What was asked before is answered; the rubbish is 400, and the end."""
    async with listening(hello) as server:
        peer = server.call()
        await peer.stream.send_all(GET * requests + RUBBISH + GET)
        await peer.stream.send_eof()
        heard = await peer.rest()
    assert heard.count(b"HTTP/1.1 200 OK\r\n") == requests
    refusal = heard[heard.rindex(b"HTTP/1.1 ") :]
    head, _, body = refusal.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:2] == [b"HTTP/1.1 400 Bad Request", b"content-length: 0"]
    assert lines[2].startswith(b"date: ")
    assert lines[3:] == [b"connection: close"]
    assert body == b""
    assert server.log.events == []


async def test_rubbish_behind_a_body(autojump_clock):
    """Likewise: the message has its answer."""
    async with listening(echo) as server:
        peer = server.call()
        await peer.stream.send_all(POST + b"hello" + RUBBISH)
        message, refusal = (await peer.rest()).split(b"HTTP/1.1 ")[1:]
    assert message.endswith(b"\r\n\r\nhello")
    assert refusal.startswith(b"400 ")


async def test_one_request_sent_ahead_is_begun_in_a_round(autojump_clock):
    """Of many connections with requests sent ahead, none has all of its own before anybody else
    goes on by a step."""
    begun, seen = [], []

    async def app(scope, _receive, send):
        begun.append(scope["path"])
        await say(send)

    async def watch():
        while True:
            seen.append(len(begun))
            await trio.lowlevel.checkpoint()

    async with listening(app) as server, trio.open_nursery() as nursery:
        peers = [server.call() for _ in range(10)]
        for peer in peers:
            await peer.stream.send_all(GET * 10)
        await wait_all_tasks_blocked()
        assert len(begun) == 100
        begun.clear()
        for peer in peers:
            await peer.stream.send_all(GET * 10)
        nursery.start_soon(watch)
        while len(begun) < 100:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    steps = [after - before for before, after in pairwise(seen)]
    assert sorted(steps)[-2] <= 2  # but for the round in which all had their first


# -- how it ends


async def test_who_is_idle(autojump_clock):
    """Is sent away when its time is up: since it came, or since its last answer."""
    async with listening(hello, idle_s=75.0) as server:
        silent = server.call()
        await trio.sleep(50)
        used = server.call()
        await trio.sleep(10)
        assert (await used.ask(GET)).status == 200
        assert await ends_at(silent) == (b"", 75.0)
        assert await ends_at(used) == (b"", 135.0)
        later = server.call()
        assert await ends_at(later) == (b"", 210.0)
    assert server.log.events == []


async def test_who_waits_is_not_idle(autojump_clock):
    """However long it takes; after that its time begins anew."""
    held = Held()
    async with listening(held, idle_s=75.0) as server:
        peer = server.call()
        await peer.say(GET)
        await trio.sleep(1000)
        held.finish.set()
        assert (await peer.hear()).status == 200
        assert await ends_at(peer) == (b"", 1075.0)


async def test_half_a_head(autojump_clock):
    """Ten seconds from its first byte, however often a byte comes."""
    async with listening(hello) as server:
        peer = server.call()
        await trio.sleep(5)
        await peer.stream.send_all(GET[:2])
        for byte in GET[2:-1]:
            await trio.sleep(0.2)
            await peer.stream.send_all(bytes([byte]))
        assert await ends_at(peer) == (b"", 5 + HEAD_S)


async def test_half_a_head_behind_an_answer(autojump_clock):
    """Each request has a time of its own; one that was begun ahead has it from the answer on."""
    held = Held()
    async with listening(held) as server:
        peer, ahead = server.call(), server.call()
        await peer.say(GET)
        await ahead.say(GET + GET[:5])
        await trio.sleep(20)
        held.finish.set()
        for one in (peer, ahead):
            assert (await one.hear()).status == 200
        await trio.sleep(5)
        await peer.stream.send_all(GET[:5])
        assert await ends_at(ahead) == (b"", 20 + HEAD_S)
        assert await ends_at(peer) == (b"", 25 + HEAD_S)


async def test_a_head_that_is_whole_in_time(autojump_clock):
    """It is served, and what was too slow is a time of its own each time."""
    async with listening(hello) as server:
        peer = server.call()
        for _ in range(3):
            await peer.say(GET[:-2])
            await trio.sleep(HEAD_S - 0.1)
            await peer.stream.send_all(GET[-2:])
            assert (await peer.hear()).status == 200
            await trio.sleep(5)


async def test_how_long_a_head_may_take_is_a_limit(autojump_clock):
    """The listener's limits say it."""
    async with listening(hello, limits=Limits(head_s=3.0)) as server:
        peer = server.call()
        await peer.stream.send_all(GET[:5])
        assert await ends_at(peer) == (b"", 3.0)


@pytest.mark.parametrize(("number", "status"), [(3, b"200"), (4, b"431")])
async def test_how_many_headers_there_may_be(autojump_clock, number, status):
    """Likewise."""
    async with listening(hello, limits=Limits(headers_max=3)) as server:
        peer = server.call()
        more = b"".join(b"X-%d: a\r\n" % n for n in range(number - 1))
        await peer.stream.send_all(CLOSE.replace(b"Connection: close\r\n", more))
        await peer.stream.send_eof()
        assert (await peer.rest())[9:12] == status


async def test_who_is_refused_may_go_on_for_a_second(autojump_clock):
    """Or the answer might be lost to a reset. No more of it is kept than it takes to read it."""
    async with listening(hello) as server:
        peer = server.call()
        await peer.stream.send_all(RUBBISH)
        for _ in range(4):
            await trio.sleep(0.2)
            await peer.stream.send_all(b"more")
        assert not server.lines[0].closed
        heard, at = await ends_at(peer)  # the end of what is said, and then of all
        assert heard.startswith(b"HTTP/1.1 400 ")
        await trio.sleep_until(REFUSED_LINGER_S + 0.01)
        assert server.lines[0].closed
        assert at < REFUSED_LINGER_S
        assert server.lines[0].asked_for[1:] == [16 * 1024] * (len(server.lines[0].asked_for) - 1)


async def test_who_is_refused_and_does_not_read_that(autojump_clock):
    """It is sent away like anybody who is idle."""
    async with listening(hello) as server:
        peer = server.call()
        await wait_all_tasks_blocked()
        server.lines[0].stall()
        await peer.stream.send_all(RUBBISH)
        await trio.sleep(74)
        assert not server.lines[0].closed
        await trio.sleep(1 + 0.01)
        assert server.lines[0].closed
    assert server.log.events == []


async def test_who_is_refused_and_leaves(autojump_clock):
    """Is not waited for."""
    async with listening(hello) as server:
        peer = server.call()
        await peer.stream.send_all(RUBBISH)
        await trio.sleep(0.2)
        await peer.stream.aclose()
        await wait_all_tasks_blocked()
        assert server.lines[0].closed


async def test_how_much_is_read_at_once(autojump_clock):
    """64 KiB of a request, also when its caller had to be asked for it; of what comes behind an
    answer that has begun 16."""

    async def app(_scope, receive, send):
        await whole_body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await receive()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with listening(app) as server:
        peer = server.call()
        await peer.say(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        await wait_all_tasks_blocked()
        await peer.stream.send_all(b"hello")
        await wait_all_tasks_blocked()
        (line,) = server.lines
        assert line.asked_for == [65536, 65536, 16384]
        await peer.stream.send_all(GET)  # nobody listens to a caller who has begun the next
        await wait_all_tasks_blocked()
        assert line.asked_for == [65536, 65536, 16384]


async def test_after_an_answer_much_is_read_again(autojump_clock):
    """The next request may be a large one."""
    async with listening(hello) as server:
        await server.call().ask(GET)
        await wait_all_tasks_blocked()
        assert server.lines[0].asked_for == [65536, 65536]


async def _leave(peer):
    await peer.stream.aclose()


async def _reset(peer):
    peer.stream.reset()


@pytest.mark.parametrize("leave", [_leave, _reset])
@pytest.mark.parametrize("said", [b"", GET[:5], GET, POST, POST + b"hel", GET + GET[:5]])
async def test_a_caller_who_leaves(autojump_clock, leave, said):
    """At any point, politely or not: the connection is closed at once, and nobody is told."""
    async with listening(echo) as server:
        peer = server.call()
        if said:
            await peer.stream.send_all(said)
        await wait_all_tasks_blocked()
        await leave(peer)
        await wait_all_tasks_blocked()
        assert server.lines[0].closed
        assert trio.current_time() == 0.0
    assert server.log.events == []


async def test_a_caller_who_leaves_before_its_answer(autojump_clock):
    """The application goes on to its end, unhurt: what it has begun is not half done."""
    held, over = Held(), []

    async def app(scope, receive, send):
        await held(scope, receive, send)
        over.append(True)

    async with listening(app) as server:
        peer = server.call()
        await peer.stream.send_all(GET)
        await wait_all_tasks_blocked()
        await peer.stream.aclose()
        await trio.sleep(100)
        assert not server.lines[0].closed
        held.finish.set()
        await wait_all_tasks_blocked()
        assert (over, server.lines[0].closed) == ([True], True)
    assert server.log.events == []


async def test_a_caller_who_is_gone_before_it_is_met(autojump_clock):
    """Nobody asks where it was."""
    async with listening(hello) as server:
        peer = server.call()
        server.lines[0].unknown = True
        await peer.stream.send_all(GET)
        assert await ends_at(peer) == (b"", 0.0)
    assert server.log.events == []


async def test_a_bug_costs_one_connection(autojump_clock):
    """It is told, by its kind and place alone, and other connections go on."""

    async def app(scope, _receive, send):
        if scope["path"] == "/bug":
            raise RuntimeError("a secret")
        await say(send)

    async with listening(app) as server:
        other, peer = server.call(), server.call()
        assert (await other.ask(GET)).status == 200
        await peer.stream.send_all(GET.replace(b"/livez", b"/bug"))
        assert await ends_at(peer) == (b"", 0.0)
        assert (await other.ask(GET)).status == 200
    ((event, fields),) = server.log.events
    assert (event, fields["level"], fields["error"]) == (
        "server.connection_failed",
        "warning",
        "RuntimeError",
    )
    assert "a secret" not in str(fields)
