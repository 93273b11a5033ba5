"""Taking connections, having room for them, and letting go of all of them, without sockets."""

from __future__ import annotations

import errno
import gc
import ssl

import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from smsp.server.http1 import RequestParser
from smsp.server.listener import Limits, hypercorn_config
from tests.kit.listening import GRACEFUL_S, Held, hello, listening, say
from tests.kit.peer import Peer

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /email HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
KIB, MIB = 1024, 1024 * 1024
LAST_WORDS_S = 0.25
NO_ROOM_S = 0.1
ACCEPTS_MAX = 64
HANDSHAKE_S = 10.0
HANDSHAKE_BYTES = 48 * KIB
ANSWER_BYTES = 32 * KIB


def open_lines(server):
    """Which connections are not closed by the server."""
    return [number for number, line in enumerate(server.lines) if not line.closed]


async def called(server):
    """A caller whose connection has been taken, before the next one comes."""
    peer = server.call()
    await wait_all_tasks_blocked()
    return peer


# -- room


async def test_who_has_its_last_answer_gives_its_place_back(autojump_clock):
    """As many come with ``Connection: close`` as there are places, and the node is not deaf."""
    async with listening(hello) as server:
        for _ in range(4096 + 1):
            peer = server.call()
            await peer.stream.send_all(CLOSE)
            assert (await peer.rest()).startswith(b"HTTP/1.1 200 ")
            server.lines.clear()


async def _is_answered(peer):
    await peer.stream.send_all(CLOSE)
    await peer.rest()


async def _leaves_in_mid_body(peer):
    await peer.stream.send_all(POST + b"hel")
    await wait_all_tasks_blocked()
    await peer.stream.aclose()


async def _leaves_before_its_answer(peer):
    await peer.stream.send_all(GET.replace(b"/livez", b"/slow"))
    await wait_all_tasks_blocked()
    await peer.stream.aclose()
    await trio.sleep(2)


async def _meets_a_bug(peer):
    await peer.stream.send_all(GET.replace(b"/livez", b"/bug"))
    await peer.rest()


async def _is_refused(peer):
    await peer.stream.send_all(GET + b"\x16\x03\x01\r\n\r\n")
    await peer.rest()
    await trio.sleep(2)


async def _any_app(scope, receive, send):
    match scope["path"]:
        case "/bug":
            raise RuntimeError
        case "/slow":
            await trio.sleep(1)
        case "/email":
            await receive()
            await receive()
    await say(send)


@pytest.mark.parametrize(
    "ends",
    [_is_answered, _leaves_in_mid_body, _leaves_before_its_answer, _meets_a_bug, _is_refused],
)
async def test_a_place_is_given_back_however_it_ends(autojump_clock, ends):
    """Who waits for an answer is never sent away, so that such a place would be lost for ever."""
    async with listening(_any_app, limits=Limits(connections_max=2)) as server:
        for _ in range(5):
            await ends(server.call())
            await wait_all_tasks_blocked()
        peers = [server.call(), server.call()]
        for peer in peers:
            assert (await peer.ask(GET)).status == 200
        assert open_lines(server) == [5, 6]


async def test_room_for_one_more(autojump_clock):
    """The one goes that has been idle for longest, never one that waits for its answer."""
    held = Held()
    async with listening(held, limits=Limits(connections_max=3)) as server:
        first, second, third = [await called(server) for _ in range(3)]
        await first.say(GET)
        await wait_all_tasks_blocked()
        fourth = server.call()
        assert await second.rest() == b""
        await fourth.say(GET)
        await third.say(GET)
        await wait_all_tasks_blocked()
        assert held.asked == 3
        assert await server.call().rest() == b""  # no room at all
        held.finish.set()
        for peer in (first, third, fourth):
            assert (await peer.hear()).status == 200
    assert server.log.events == []


async def test_room_for_heads_that_have_not_ended(autojump_clock):
    """Counted by what has come: when it is too much, the one goes that is at it for longest."""
    limits = Limits(held_bytes_max=60 * KIB)
    async with listening(hello, limits=limits) as server:
        peers = [server.call() for _ in range(4)]
        for peer in peers[:3]:
            await peer.stream.send_all(b"GET / HTTP/1.1\r\nX: " + b"a" * 25 * KIB)
            await wait_all_tasks_blocked()
        assert open_lines(server) == [1, 2, 3]
        await peers[1].stream.send_all(b"\r\nHost: x\r\n\r\n")
        await wait_all_tasks_blocked()
        await peers[3].stream.send_all(b"GET / HTTP/1.1\r\nX: " + b"a" * 25 * KIB)
        await wait_all_tasks_blocked()
        assert open_lines(server) == [1, 2, 3]


async def test_room_for_requests_that_are_sent_ahead(autojump_clock):
    """Likewise, from the answer before them on: of ten who send 25 KiB of them at the same time two
    have room."""
    held, ahead, begun = Held(), 25 * KIB // len(GET), []

    async def app(scope, receive, send):
        begun.append(True)
        await held(scope, receive, send)

    async with listening(app, limits=Limits(held_bytes_max=60 * KIB)) as server:
        peers = [server.call() for _ in range(10)]
        for peer in peers:
            await peer.stream.send_all(GET * ahead + CLOSE)
        await wait_all_tasks_blocked()
        assert held.asked == 10
        held.finish.set()
        heard = [(await peer.rest()).count(b"HTTP/1.1 200 ") for peer in peers]
        assert sorted(heard) == [1] * 8 + [ahead + 1] * 2
        assert len(begun) == sum(heard), "a request of somebody who was sent away"
    assert server.log.events == []


@pytest.mark.parametrize(("wanting", "left"), [(0, [0, 1, 2]), (1, [1, 2])])
async def test_room_for_answers_that_nobody_reads(autojump_clock, wanting, left):
    """32 KiB are counted for each that is not taken at once, beside what was asked; who reads is
    forgiven."""
    limits = Limits(held_bytes_max=3 * (ANSWER_BYTES + len(GET)) - wanting)
    async with listening(hello, limits=limits) as server:
        peers = [server.call() for _ in range(3)]
        await wait_all_tasks_blocked()
        for line, peer in zip(server.lines, peers, strict=True):
            line.stall()
            await peer.say(GET)
            await wait_all_tasks_blocked()
        assert open_lines(server) == left
        for number in left:
            server.lines[number].go_on()
            assert (await peers[number].hear()).status == 200
        stalled = [server.call(), server.call()]
        await wait_all_tasks_blocked()
        for line, peer in zip(server.lines[3:], stalled, strict=True):
            line.stall()
            await peer.say(GET)
        await wait_all_tasks_blocked()
        assert open_lines(server) == [*left, 3, 4]
    assert server.log.events == []


async def test_who_is_sent_away_while_it_does_not_read(autojump_clock):
    """Its answer is over for the application too, and nothing more is written."""
    answered = []

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"a" * KIB, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        answered.append(True)

    async with listening(app, limits=Limits(held_bytes_max=ANSWER_BYTES - 1)) as server:
        peer = server.call()
        await wait_all_tasks_blocked()
        server.lines[0].stall(window=100)
        await peer.stream.send_all(GET)
        await wait_all_tasks_blocked()
        assert (answered, open_lines(server)) == ([True], [])
        assert server.lines[0].taken == 100
    assert server.log.events == []


# -- taking them


async def test_many_come_at_once(autojump_clock):
    """64 are taken before others have their turn, and no more."""
    async with listening(hello) as server:
        peers = [server.call() for _ in range(3 * ACCEPTS_MAX)]
        await wait_all_tasks_blocked()
        taken = sorted(set(server.port.taken_before_waits))
        assert taken == [0, ACCEPTS_MAX, 2 * ACCEPTS_MAX, 3 * ACCEPTS_MAX]
        for peer in peers:
            assert (await peer.ask(GET)).status == 200


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_the_system_has_no_room(autojump_clock, code):
    """It is told once for each try, of which there are ten a second; then all goes on."""
    async with listening(hello) as server:
        for _ in range(3):
            server.port.come(OSError(code, "no room"))
        peer = server.call()
        assert (await peer.ask(GET)).status == 200
        assert trio.current_time() == pytest.approx(3 * NO_ROOM_S)
    assert [event for event, _ in server.log.events] == ["server.no_room"] * 3
    (fields, *_) = server.log.told("server.no_room")
    assert (fields["level"], fields["error"]) == ("error", "OSError")


@pytest.mark.parametrize("code", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN])
async def test_a_connection_that_is_gone_before_it_is_taken(autojump_clock, code):
    """It is its caller's affair: the next one is taken at once, and nobody is told."""
    async with listening(hello) as server:
        for _ in range(3):
            server.port.come(OSError(code, "gone"))
        assert (await server.call().ask(GET)).status == 200
        assert trio.current_time() == 0.0
    assert server.log.events == []


@pytest.mark.parametrize("code", [errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP])
async def test_a_bug_of_ours(autojump_clock, code):
    """A port that is none will never have a caller: that is no reason to try for ever."""
    caught, ports = [], []
    try:
        async with listening(hello) as server:
            ports.append(server.port)
            server.port.come(OSError(code, "a bug"))
            await trio.sleep(1)
    except* OSError as group:
        caught.append(group)
    (group,), (port,) = caught, ports
    assert group.subgroup(lambda error: getattr(error, "errno", None) == code) is not None
    assert port.closed


# -- the end


async def test_the_end_of_those_who_are_idle(autojump_clock):
    """What is on its way for a quarter of a second is still answered, and then they go."""
    async with listening(hello) as server:
        silent, used, late = (server.call() for _ in range(3))
        await used.ask(GET)
        await late.ask(GET)
        await trio.sleep(5)
        server.close.set()
        await wait_all_tasks_blocked()
        assert server.port.closed
        await trio.sleep(LAST_WORDS_S - 0.01)
        answer = await late.ask(GET)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await late.rest() == b""
        for peer in (silent, used):
            assert await peer.rest() == b""
        await server.ended.wait()
        assert trio.current_time() == 5 + LAST_WORDS_S


@pytest.mark.parametrize("said", [b"", GET[:5]])
async def test_half_a_head_is_no_reason_to_wait(autojump_clock, said):
    """Nor is a connection on which nothing has come."""
    async with listening(hello) as server:
        await server.call().stream.send_all(said or b"\r\n")
        await wait_all_tasks_blocked()
        await server.end()
        assert trio.current_time() == LAST_WORDS_S


async def test_the_end_of_those_who_wait(autojump_clock):
    """They have their answers, which say that the connection ends; all is over with the last."""
    held = Held()
    async with listening(held) as server:
        peers = [server.call() for _ in range(3)]
        for peer in peers:
            await peer.say(GET)
        await wait_all_tasks_blocked()
        server.close.set()
        await trio.sleep(GRACEFUL_S - 1)
        assert not server.ended.is_set()
        held.finish.set()
        for peer in peers:
            answer = await peer.hear()
            # Their answers were begun before the end; the connection ends behind them all the same.
            assert answer.status == 200
            assert await peer.rest() == b""
        await server.ended.wait()
        assert trio.current_time() == GRACEFUL_S - 1


async def test_the_end_is_not_waited_for_for_ever(autojump_clock):
    """Whoever is left when the time is up is cut."""
    async with listening(Held(), graceful_s=GRACEFUL_S) as server:
        peer = server.call()
        await peer.say(GET)
        await trio.sleep(3)
        await server.end()
        assert trio.current_time() == 3 + GRACEFUL_S
        assert await peer.rest() == b""


async def test_whom_the_system_has_taken_by_the_end(autojump_clock):
    """They are taken in the step in which the port closes, however many; nobody after."""
    async with listening(hello) as server:
        server.close.set()
        peers = [server.call() for _ in range(1000)]
        for peer in peers:
            await peer.stream.send_all(GET)
        await wait_all_tasks_blocked()
        assert server.port.closed
        for peer in peers:
            assert (await peer.rest()).startswith(b"HTTP/1.1 200 ")
        await server.ended.wait()


async def test_an_error_in_the_step_in_which_it_ends(autojump_clock):
    """It is of no account any more."""
    async with listening(hello) as server:
        server.close.set()
        server.port.come(OSError(errno.EMFILE, "no room"))
        await server.ended.wait()
        assert server.port.closed
        assert trio.current_time() == LAST_WORDS_S


async def test_nothing_is_left_of_a_connection(autojump_clock):
    """Not even until the garbage collector comes by: of thousands that were sent away that would be
    more than of those that are left."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("smsp.example").configure_cert(context)
    for tls in (None, context):
        gc.collect()
        gc.disable()
        try:
            async with listening(hello, tls=tls) as server:
                peer = server.call()
                await peer.stream.send_all(GET[:9])
                await trio.sleep(100)
                assert server.lines[0].closed
                assert server.lines[0].when_full is None
                kinds = (RequestParser, trio.SSLStream)
                assert [one for one in gc.get_objects() if isinstance(one, kinds)] == []
        finally:
            gc.enable()


# -- TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("smsp.example").configure_cert(context)
    return context


@pytest.fixture
def secured(authority):
    """The same caller, behind TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def secured(peer):
        stream = trio.SSLStream(peer.stream, context, server_hostname="smsp.example")
        return Peer(stream)

    return secured


async def test_a_caller_over_tls(autojump_clock, tls, secured):
    """Is served likewise, and the application knows."""
    schemes = []

    async def app(scope, _receive, send):
        schemes.append(scope["scheme"])
        await say(send)

    async with listening(app, tls=tls) as server:
        assert server.url == "https://memory:0"
        peer = secured(server.call())
        for _ in range(2):
            assert (await peer.ask(GET)).body == b"hello"
    assert schemes == ["https"] * 2
    assert server.log.events == []


async def test_what_is_said_of_the_address(autojump_clock):
    """Without TLS it is http."""
    async with listening(hello) as server:
        assert server.url == "http://memory:0"


@pytest.mark.parametrize(("bytes_", "writes"), [(16 * KIB, 1), (16 * KIB + 1, 2), (MIB, 64)])
async def test_a_large_answer_over_tls(autojump_clock, tls, secured, bytes_, writes):
    """Goes in records, of which TLS makes a copy each, and comes whole."""

    async def app(_scope, _receive, send):
        await say(send, b"a" * bytes_)

    async with listening(app, tls=tls) as server:
        peer = secured(server.call())
        await peer.stream.do_handshake()
        before = len(server.lines[0].writes)
        answer = await peer.ask(GET)
        assert answer.body == b"a" * bytes_
        assert len(server.lines[0].writes) - before - 1 == writes  # one for the head


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_half_a_handshake(autojump_clock, tls, said):
    """It has ten seconds."""
    async with listening(hello, tls=tls) as server:
        peer = server.call()
        if said:
            await peer.stream.send_all(said)
        await peer.rest()
        assert server.lines[0].closed
        assert trio.current_time() == HANDSHAKE_S
    assert server.log.events == []


async def test_what_is_no_handshake(autojump_clock, tls):
    """Ends the connection at once, and gives its place back; nobody is told."""
    async with listening(hello, tls=tls, limits=Limits(connections_max=2)) as server:
        for _ in range(5):
            peer = server.call()
            await peer.stream.send_all(GET)
            assert b"HTTP" not in await peer.rest()
        assert trio.current_time() == 0.0
    assert server.log.events == []


async def test_room_for_handshakes(autojump_clock, tls, secured):
    """48 KiB are counted for each until it is done."""
    limits = Limits(held_bytes_max=2 * HANDSHAKE_BYTES)
    async with listening(hello, tls=tls, limits=limits) as server:
        for _ in range(3):
            assert (await secured(server.call()).ask(GET)).status == 200
        for _ in range(2):
            server.call()
            await wait_all_tasks_blocked()
        assert open_lines(server) == [0, 1, 2, 3, 4]
        server.call()
        await wait_all_tasks_blocked()
        assert open_lines(server) == [0, 1, 2, 4, 5]
    assert server.log.events == []


async def test_no_farewell_is_waited_for(autojump_clock, tls, secured):
    """HTTP tells itself where an answer ends: who reads nothing after it holds nothing up."""
    async with listening(hello, tls=tls) as server:
        peer = secured(server.call())
        await peer.stream.do_handshake()
        (line,) = server.lines
        line.stall(after_writes=len(line.writes) + 1)
        assert (await peer.ask(CLOSE)).body == b"hello"
        await wait_all_tasks_blocked()
        assert (line.closed, trio.current_time()) == (True, 0.0)
    assert server.log.events == []


# -- where it listens


@pytest.mark.parametrize(
    ("host", "bind"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("smsp", "smsp:80")]
)
def test_what_hypercorn_is_told(host, bind):
    """The address as it is written in a URL, and our times; a backlog of 1024."""
    config = hypercorn_config(host, 80, idle_s=3.0, graceful_s=4.0)
    assert config.bind == [bind]
    assert (config.keep_alive_timeout, config.graceful_timeout) == (3.0, 4.0)
    assert (config.ssl_handshake_timeout, config.backlog) == (HANDSHAKE_S, 1024)


def test_what_a_listener_allows():
    """The numbers that the README tells."""
    limits = Limits()
    assert (limits.head_s, limits.headers_max) == (10.0, 100)
    assert (limits.connections_max, limits.held_bytes_max) == (4096, 32 * MIB)
