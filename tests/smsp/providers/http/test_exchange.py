"""One HTTP exchange: how far it has come, how long each phase may take, what is on the wire."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from time import time

import httpx
import pytest
import trio
from trio.testing import assert_no_checkpoints

from smsp.providers.encoding.body import Base64, Body
from smsp.providers.http.exchange import (
    BODY_BYTES_MAX,
    BODY_SHARE,
    PIECES_IN_A_ROW,
    WRITE_BYTES,
    Exchange,
    Interrupted,
)
from smsp.providers.http.phases import FAILURES, ON_PHASE, HttpFailure, Phase
from smsp.providers.protocols import HttpCall
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import mailbox

TIMEOUT_S = 2.0
POST = HttpCall("POST", "https://api.example.com/v3/send", (("X-Key", "secret"),), b"hello")
GET = HttpCall("GET", "https://api.example.com/v3/scopes")
LARGE = HttpCall("POST", "https://api.example.com/v3/send", body=bytes(20_000_000))
BEFORE_THE_LAST_BYTE = (Phase.WAITING, Phase.CONNECTING, Phase.SECURING, Phase.WRITING)

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


async def run(script=None, call=POST, on_written=None):
    """One exchange with a far side that plays the script: its result, and the far side."""
    far = Far(*filter(None, [script]))
    return await Exchange(TIMEOUT_S, on_written).run(far, call), far


class Greedy(httpx.AsyncBaseTransport):
    """A line that takes everything at once, and what it was given."""

    def __init__(self):
        self.taken = []

    async def handle_async_request(self, request):
        stream = aiter(request.stream)
        with suppress(StopAsyncIteration):
            while True:
                self.taken.append(await anext(stream))
        with assert_no_checkpoints(), suppress(StopAsyncIteration):
            await anext(stream)
        return httpx.Response(200, stream=httpx.ByteStream(b""))


@pytest.mark.parametrize("body", [bytes(6_400_000), Body((Base64(bytes(4_800_000)),))])
async def test_others_run_while_a_large_body_is_written(nursery, body):
    """However fast it is taken; but not between its last byte and our knowing of that."""
    rounds = []

    async def wait_for_a_turn():
        while True:
            rounds.append(None)
            await trio.lowlevel.checkpoint()

    nursery.start_soon(wait_for_a_turn)
    line = Greedy()
    await Exchange(TIMEOUT_S).run(line, HttpCall("POST", POST.url, body=body))
    assert b"".join(line.taken) == bytes(body)
    assert max(map(len, line.taken)) == WRITE_BYTES
    assert len(rounds) >= len(line.taken) // PIECES_IN_A_ROW - 1
    nursery.cancel_scope.cancel()


# -- how far it has come


async def test_reply(autojump_clock):
    """A whole answer comes back with its status, its headers in lower case, and its body."""
    answer = Answer(202, {"X-Message-Id": "m-1"}, (b"qu", b"eued"))
    reply, _ = await run(Script(answer=answer))
    assert (reply.status, reply.headers["x-message-id"], reply.body) == (202, "m-1", b"queued")
    assert reply.complete
    assert reply.request_written


@pytest.mark.parametrize(
    ("phase", "error"),
    [*product([*BEFORE_THE_LAST_BYTE, Phase.WRITTEN, Phase.ANSWERED], FAILURES)],
    ids=lambda value: getattr(value, "name", None) or value.__name__,
)
async def test_broken(autojump_clock, phase, error):
    """Whatever error ends a phase, it is told with the phase in which it came."""
    result, _ = await run(Script(raises={phase: error("boom")}))
    assert result == Interrupted(phase, FAILURES[error])


@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_broken_in_mid_body(autojump_clock, pieces):
    """A reset in mid-body is no reset after the last byte, although it raises the same error."""
    script = Script(raises={Phase.WRITING: httpx.ReadError("reset")}, takes_pieces=pieces)
    result, far = await run(script, LARGE)
    assert result == Interrupted(Phase.WRITING, HttpFailure.BROKEN)
    assert far.writes == pieces * WRITE_BYTES


async def test_answer_before_the_last_byte(autojump_clock):
    """An answer that comes after a failed write says that the request was not written."""
    script = Script(raises={Phase.WRITING: httpx.WriteError("closed")}, early=Answer(413))
    reply, _ = await run(script, LARGE)
    assert (reply.status, reply.request_written) == (413, False)


@pytest.mark.parametrize("call", [POST, GET, LARGE], ids=["small", "empty", "large"])
async def test_on_written(autojump_clock, call):
    """The last byte is told exactly once, in the very step in which it was handed over."""
    far = Far(Script(takes={Phase.WRITING: 0.001, Phase.WRITTEN: 1.0}))
    told = []
    exchange = Exchange(TIMEOUT_S, lambda: told.append((trio.current_time(), far.writes)))
    await exchange.run(far, call)
    assert told == [(far.seen[0].written_at, len(call.body))]


@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
async def test_not_written(autojump_clock, phase):
    """An exchange that ends before its last byte never says that it was written."""
    told = []
    await run(Script(raises={phase: httpx.ReadError("boom")}), on_written=lambda: told.append(1))
    assert told == []


# -- the time of each phase


@pytest.mark.parametrize("phase", BEFORE_THE_LAST_BYTE)
async def test_time_of_each_phase(autojump_clock, phase):
    """A phase that hangs is given up after exactly its own time."""
    result, _ = await run(Script(takes={phase: HANGS}))
    assert result == Interrupted(phase, HttpFailure.TIMED_OUT)
    assert trio.current_time() == TIMEOUT_S


async def test_each_phase_has_its_own_time(autojump_clock):
    """Phases that each take almost all of their time do not add up to a time-out."""
    takes = {Phase.WAITING: 1.9, Phase.CONNECTING: 1.9, Phase.WRITING: 1.9, Phase.WRITTEN: 1.9}
    reply, _ = await run(Script(takes=takes))
    assert reply.status == 202
    assert trio.current_time() == pytest.approx(4 * 1.9)


async def test_connect_and_tls_share_one_time(autojump_clock):
    """TLS has what connecting has left over."""
    takes = {Phase.WAITING: 1.0, Phase.CONNECTING: 1.5, Phase.SECURING: HANGS}
    result, _ = await run(Script(takes=takes))
    assert result == Interrupted(Phase.SECURING, HttpFailure.TIMED_OUT)
    assert trio.current_time() == 1.0 + TIMEOUT_S


async def test_time_of_the_head(autojump_clock):
    """Writing the head has a time of its own, also where no body follows."""
    result, _ = await run(Script(takes={Phase.CONNECTING: 1.5}, head_s=HANGS), GET)
    assert result == Interrupted(Phase.WRITING, HttpFailure.TIMED_OUT)
    assert trio.current_time() == 1.5 + TIMEOUT_S


async def test_slow_but_steady_upload(autojump_clock):
    """An upload of 20 MB may take ten minutes, as long as every piece goes on in time."""
    reply, far = await run(Script(takes={Phase.WRITING: 1.9}), LARGE)
    assert reply.status == 202
    assert bytes(far.seen[0].body) == LARGE.body
    assert trio.current_time() > 300 * 1.9


async def test_stalled_upload(autojump_clock):
    """An upload that stalls is given up once its time has passed without progress."""

    class Stalls(Far):
        """Takes one piece a second, and stops after the third."""

        async def handle_async_request(self, request):
            request.extensions[ON_PHASE](Phase.WRITING)
            async for _ in request.stream:
                await trio.sleep(1.0 if trio.current_time() < 3.0 else HANGS)

    result = await Exchange(TIMEOUT_S).run(Stalls(), LARGE)
    assert result == Interrupted(Phase.WRITING, HttpFailure.TIMED_OUT)
    assert trio.current_time() == 3.0 + TIMEOUT_S


async def test_time_of_the_answer(autojump_clock):
    """Without anybody else to bound it, the answer has its time from the last byte on."""
    result, far = await run(Script(takes={Phase.WRITTEN: HANGS}))
    assert result == Interrupted(Phase.WRITTEN, HttpFailure.TIMED_OUT)
    assert trio.current_time() == far.seen[0].written_at + TIMEOUT_S


async def test_answer_bounded_by_somebody_else(autojump_clock):
    """With ``on_written`` the wait for the status line has no end of its own."""
    reply, _ = await run(Script(takes={Phase.WRITTEN: 1000.0}), on_written=lambda: None)
    assert reply.status == 202
    assert trio.current_time() == 1000.0


# -- status line and body apart


@pytest.mark.parametrize("ends", ["cut", "hangs"])
async def test_body_that_does_not_end(autojump_clock, ends):
    """The status line stands, and with it what came of the body."""
    answer = Answer(202, {"X-Message-Id": "m-1"}, (b"half",), ends)
    reply, far = await run(Script(answer=answer), on_written=lambda: None)
    assert (reply.status, reply.body, reply.complete) == (202, b"half", False)
    assert far.seen[0].closed_at == trio.current_time()


async def test_time_of_the_body(autojump_clock):
    """A body that hangs is given up in time for its status line to be judged."""
    script = Script(takes={Phase.WRITTEN: 0.5}, answer=Answer(ends="hangs"))
    await run(script, on_written=lambda: None)
    assert trio.current_time() == pytest.approx(BODY_SHARE * TIMEOUT_S)


async def test_body_of_a_late_answer(autojump_clock):
    """An answer that comes when its time has long passed still has time for its body."""
    answer = Answer(200, {}, (b"queued",), pauses_s=0.1)
    reply, _ = await run(Script(takes={Phase.WRITTEN: 20.0}, answer=answer), on_written=list)
    assert (reply.body, reply.complete) == (b"queued", True)


async def test_body_of_a_late_answer_that_hangs(autojump_clock):
    """That time is bounded, too."""
    script = Script(takes={Phase.WRITTEN: 20.0}, answer=Answer(ends="hangs"))
    reply, _ = await run(script, on_written=list)
    assert not reply.complete
    assert trio.current_time() == pytest.approx(20.0 + (1 - BODY_SHARE) * TIMEOUT_S)


@pytest.mark.parametrize(
    ("length", "complete"),
    [(BODY_BYTES_MAX, True), (BODY_BYTES_MAX + 1, False), (3 * BODY_BYTES_MAX, False)],
)
async def test_body_bound(autojump_clock, length, complete):
    """No more of a body is kept than its bound, and an overlong one counts as cut."""
    pieces = tuple(bytes(min(60_000, length - start)) for start in range(0, length, 60_000))
    reply, _ = await run(Script(answer=Answer(200, {}, pieces)))
    assert (reply.complete, len(reply.body)) == (complete, min(length, BODY_BYTES_MAX))


# -- what is on the wire


async def test_headers_of_a_message(autojump_clock):
    """Its length is given in advance, never in chunks; the answer is not to be compressed."""
    _, far = await run()
    headers = far.seen[0].request.headers
    assert headers["content-length"] == "5"
    assert "transfer-encoding" not in headers
    assert headers["host"] == "api.example.com"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == "smsp"
    assert headers["x-key"] == "secret"
    assert bytes(far.seen[0].body) == b"hello"


async def test_headers_of_an_empty_message(autojump_clock):
    """A POST without a body says so."""
    _, far = await run(call=HttpCall("POST", POST.url))
    assert far.seen[0].request.headers["content-length"] == "0"


async def test_headers_of_a_status_call(autojump_clock):
    """A GET has no body and no length."""
    _, far = await run(call=GET)
    assert "content-length" not in far.seen[0].request.headers
    assert "transfer-encoding" not in far.seen[0].request.headers


async def test_port_in_host(autojump_clock):
    """A port that is not the scheme's own is part of the host."""
    _, far = await run(call=HttpCall("GET", "http://127.0.0.1:8081/x"))
    assert far.seen[0].request.headers["host"] == "127.0.0.1:8081"


async def test_adapters_header_wins(autojump_clock):
    """A header that an adapter gives replaces ours of that name."""
    _, far = await run(call=HttpCall("GET", GET.url, (("Accept", "application/json"),)))
    assert far.seen[0].request.headers.get_list("accept") == ["application/json"]


async def test_the_target(autojump_clock):
    """Method, URL and body are those of the call; an adapter's ``Host`` does not lead elsewhere."""
    call = HttpCall("POST", "https://api.example.com/v3/send?a=b", (("hOST", "evil.example"),))
    _, far = await run(call=call)
    request = far.seen[0].request
    assert (request.method, str(request.url)) == ("POST", "https://api.example.com/v3/send?a=b")
    assert request.headers.get_list("host") == ["api.example.com"]


async def test_headers_in_their_order(autojump_clock):
    """Where the message goes comes first, and its length last; names are spelt as they were."""
    _, far = await run()
    names = [name for name, _ in far.seen[0].request.headers.raw]
    assert names == [
        *(b"Host", b"X-Key", b"User-Agent", b"Accept", b"Accept-Encoding", b"Content-Length")
    ]


class Raw(httpx.AsyncBaseTransport):
    """A far side that answers by these headers."""

    def __init__(self, *headers):
        self.headers = headers

    async def handle_async_request(self, request):
        async for _ in request.stream:
            pass
        request.extensions[ON_PHASE](Phase.WRITTEN)
        return httpx.Response(202, headers=self.headers, stream=httpx.ByteStream(b"ok"))


async def test_headers_of_an_answer():
    """By their names in lower case; several of one name are a list, in UTF-8 if they can be."""
    raw = Raw((b"A", b"1"), (b"b", "ü".encode()), (b"a", b"2"), (b"C", b"\xfc"), (b"A", b""))
    reply = await Exchange(TIMEOUT_S).run(raw, POST)
    assert reply.headers == {"a": "1, 2, ", "b": "ü", "c": "ü"}


async def test_what_a_reply_is_about():
    """The recipients of the message come with it, and the time of day at which it came."""
    people = (mailbox("bob@example.org"),)
    before = time()
    reply = await Exchange(TIMEOUT_S).run(Raw(), POST, people)
    assert reply.recipients == people
    assert before <= reply.received_at <= time()
    assert (await Exchange(TIMEOUT_S).run(Raw(), POST)).recipients == ()


async def test_an_answer_that_is_bounded_by_both(autojump_clock):
    """``answer_s`` bounds it also where somebody else is told of the last byte."""
    told = []
    exchange = Exchange(TIMEOUT_S, lambda: told.append(trio.current_time()), answer_s=7.0)
    result = await exchange.run(Far(Script(takes={Phase.WRITTEN: HANGS})), POST)
    assert result == Interrupted(Phase.WRITTEN, HttpFailure.TIMED_OUT)
    assert told == [0.0]
    assert trio.current_time() == 7.0


async def test_the_time_of_an_early_answers_body(autojump_clock):
    """Where the last byte was never written it counts from the status line."""
    early = Answer(413, {}, (b"no",), "hangs")
    script = Script(
        takes={Phase.CONNECTING: 1.5}, raises={Phase.WRITING: httpx.WriteError("x")}, early=early
    )
    reply, _ = await run(script, LARGE)
    assert (reply.status, reply.body, reply.complete) == (413, b"no", False)
    assert trio.current_time() == pytest.approx(1.5 + 1.8)


# -- cancelled from outside


@pytest.mark.parametrize("phase", [*BEFORE_THE_LAST_BYTE, Phase.WRITTEN])
async def test_cancelled(autojump_clock, phase):
    """A cancelled exchange has closed its connection when it is over, and writes nothing more."""
    far = Far(Script(takes={phase: HANGS}, closing_s=0.25))
    with trio.move_on_after(1.0) as scope:
        await Exchange(TIMEOUT_S, list).run(far, POST)
    assert scope.cancelled_caught
    assert far.seen[0].closed_at == trio.current_time() == 1.25
    written = far.writes
    await trio.sleep(100.0)
    assert far.writes == written
