"""``smsp status``: what a terminal shows of a running SMSP, once and live."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import httpx
import pytest
import trio
from rich.console import Console
from trio.testing import wait_all_tasks_blocked

from actors.notices import LastFailure
from smsp.cli.status import KeyRefused, Node, NodeUnreachable, Screen, follow, show
from smsp.cli.status_table import WIDE, span
from smsp.web.replies import snapshot_json
from tests.kit.web import KEY, NOW, FakeDispatcher, fake_services, snapshot

URL = "http://smsp.example"
DATE = "Fri, 02 Jan 2026 12:00:00 GMT"


def told(*snapshots, status="ok"):
    """The answers of a node with these circuits, by path."""
    services = fake_services(dispatcher=FakeDispatcher(snapshots=snapshots))
    listed = {"providers": [snapshot_json(one, services) for one in snapshots]}
    return {"/healthcheck": {"status": status}, "/providers": listed}


def node_that_says(answers):
    """A node that answers every path with the JSON it has in ``answers``."""

    def answer(request):
        assert request.headers["X-API-KEY"] == KEY
        return httpx.Response(200, json=answers[request.url.path], headers={"Date": DATE})

    return Node(URL, KEY, httpx.MockTransport(answer))


def node_that_answers(status):
    """A node that answers everything with this status."""
    return Node(URL, KEY, httpx.MockTransport(lambda _: httpx.Response(status, json={})))


async def shown(node, *, as_json=False, width=WIDE):
    """What is printed, and whether mail is taken."""
    out = io.StringIO()
    async with node:
        up = await show(node, Console(file=out, width=width), as_json=as_json)
    return out.getvalue(), up


async def test_a_row_for_each_circuit(mock_clock):
    """State, why, since when, load and counts, in routing order."""
    busy = snapshot(
        "mailgun", since=-75.0, in_flight=5, settling=2, limit=64, counts={"sent": 1234}
    )
    text, up = await shown(node_that_says(told(busy, snapshot("sendgrid"))))
    status, _, first, second = text.splitlines()
    assert status == "ok"
    assert up
    assert first.split()[:6] == ["mailgun", "closed", "started", "1", "min", "15"]
    assert "3/64" in first
    assert "1,234" in first
    assert second.startswith("sendgrid")


async def test_an_open_circuit_says_when_it_is_probed(mock_clock):
    """The countdown is by the node's own time of day, whatever this machine's clock says."""
    probed = snapshot(state="open", reason="connect_failed", due_at=12.0)
    text, up = await shown(node_that_says(told(probed, status="down")))
    assert not up
    assert "connect failed" in text
    assert "in 12 s" in text


async def test_a_probe_that_is_running(mock_clock):
    """Without a time for the next probe, one is under way."""
    probing = snapshot(state="open", reason="connect_failed", due_at=None)
    text, _ = await shown(node_that_says(told(probing, status="down")))
    assert " now " in text


async def test_a_narrow_terminal_shows_the_first_columns(mock_clock):
    """In 80 columns nothing is broken over two lines."""
    text, _ = await shown(node_that_says(told(snapshot("mailgun"))), width=80)
    assert len(text.splitlines()) == 3
    assert "p99" not in text


async def test_json_is_what_the_node_said(mock_clock):
    """Programs get the status and the snapshots as they came."""
    answers = told(
        snapshot("mailgun", last_failure=LastFailure(-1.0, "timeout")), status="degraded"
    )
    text, up = await shown(node_that_says(answers), as_json=True)
    assert up
    assert json.loads(text) == {"status": "degraded", **answers["/providers"]}


@pytest.mark.parametrize(
    ("status", "word"), [("ok", True), ("degraded", True), ("draining", True), ("down", False)]
)
async def test_down_is_what_scripts_ask_for(mock_clock, status, word):
    """Only a node on which no circuit takes mail is a failure."""
    _, up = await shown(node_that_says(told(snapshot(), status=status)))
    assert up is word


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(401, KeyRefused, "key"), (403, KeyRefused, "observe"), (502, NodeUnreachable, "502")],
)
async def test_an_answer_that_is_none(status, error, words):
    """It is told what to do about it: another key, or another try."""
    with pytest.raises(error, match=words):
        await shown(node_that_answers(status))


async def test_somebody_else_answers():
    """A web server that is no SMSP is told from one."""
    strange = httpx.Response(200, json={"status": "fine"}, headers={"Date": DATE})
    with pytest.raises(NodeUnreachable, match="no SMSP"):
        await shown(Node(URL, KEY, httpx.MockTransport(lambda _: strange)))


async def test_nobody_answers():
    """A connection that fails is told in one sentence."""

    def refuse(_request):
        raise httpx.ConnectError("refused")

    with pytest.raises(NodeUnreachable, match="refused"):
        await shown(Node(URL, KEY, httpx.MockTransport(refuse)))


class Streams(httpx.AsyncBaseTransport):
    """Each connection gets the next script: pieces of a stream, or an error; then silence."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.connected_at = []

    async def handle_async_request(self, request):
        assert request.url.path == "/providers/events"
        self.connected_at.append(trio.current_time())
        script = self.scripts.pop(0) if self.scripts else []
        if isinstance(script, Exception):
            raise script
        return httpx.Response(200, headers={"Date": DATE}, stream=Pieces(script, self.scripts))


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces, more):
        self._pieces = pieces
        self._more = more

    async def __aiter__(self):
        for piece in self._pieces:
            yield piece
        if not self._more:
            await trio.sleep_forever()


def event(seq, *snapshots):
    """An event of the stream as it comes over the wire."""
    data = json.dumps({"seq": seq, **told(*snapshots)["/providers"]})
    return f"event: snapshot\nid: {seq}\ndata: {data}\n\n".encode()


def painted(screen):
    out = io.StringIO()
    Console(file=out, width=WIDE).print(screen)
    return out.getvalue()


@pytest.fixture
def screen():
    return Screen()


async def test_the_screen_follows_the_stream(nursery, mock_clock, screen):
    """Every event is shown; comments are not."""
    pieces = [event(1, snapshot()), b": nothing new\n\n", event(2, snapshot(state="open"))]
    nursery.start_soon(follow, Node(URL, KEY, Streams(pieces)), screen)
    await wait_all_tasks_blocked()
    assert painted(screen).startswith("down\n")
    assert not screen.takes_mail


async def test_before_the_first_event(screen):
    """Nothing is known yet, which is said; and mail is not known to be taken."""
    assert painted(screen) == "connecting\n"
    assert not screen.takes_mail


async def test_the_end_of_a_stream_is_not_the_end(nursery, mock_clock, screen):
    """When the node stops, the screen says that it is stale, and connects again."""
    streams = Streams(
        [event(1, snapshot()), b"event: end\ndata: {}\n\n"], [event(1, snapshot(state="open"))]
    )
    nursery.start_soon(follow, Node(URL, KEY, streams), screen)
    await wait_all_tasks_blocked()
    assert "stale: 0 s old, the stream ended" in painted(screen)
    mock_clock.jump(0.5)
    await wait_all_tasks_blocked()
    assert "stale" not in painted(screen)
    assert painted(screen).startswith("down\n")


async def test_it_comes_back_later_each_time(nursery, autojump_clock, screen):
    """A node that is gone is asked less and less often, every 15 s at last."""
    streams = Streams(*[httpx.ConnectError("refused")] * 9, [event(1, snapshot())])
    nursery.start_soon(follow, Node(URL, KEY, streams), screen)
    await trio.sleep(100)
    waits = [b - a for a, b in zip(streams.connected_at, streams.connected_at[1:], strict=False)]
    assert waits == pytest.approx([1, 2, 4, 8, 15, 15, 15, 15, 15])
    assert screen.takes_mail


async def test_a_refused_key_ends_it(screen):
    """Asking again with the same key would be of no use."""
    with pytest.raises(KeyRefused):
        await follow(node_that_answers(401), screen)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59, "59 s"), (75, "1 min 15 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_lengths_of_time(seconds, text):
    """The two largest units say enough."""
    assert span(seconds) == text


async def test_the_nodes_clock_goes_on(mock_clock):
    """Between two answers the node's time of day is counted on."""
    node = node_that_says(told(snapshot()))
    _, view, _ = await node.look()
    assert view.now() == NOW
    mock_clock.jump(3.0)
    assert view.now() - NOW == timedelta(seconds=3)
