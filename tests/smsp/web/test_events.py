"""The live stream: the whole state at once, changes at once, counters now and then, and an end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from trio.testing import wait_all_tasks_blocked

from actors import Answered, Crashed, Moved, Refusal, Refused, Replied, Transition
from smsp.mail.outcome import Sent
from smsp.telemetry.feed import COMMENT_EVERY_S, COUNTERS_EVERY_S, WATCHERS_MAX
from smsp.web.app import create_app
from smsp.web.events import tell
from tests.kit.asgi import Caller
from tests.kit.mails import send
from tests.kit.web import KEY, OBSERVE_KEY, SEND_KEY, FakeDispatcher, fake_services

OPENED = Moved("mailgun", Transition(0.0, "closed", "open", "connect_failed"), 5.0)


class Node:
    """One node whose circuits do what the test says, and those who watch it."""

    def __init__(self, nursery):
        self.nursery = nursery
        self.dispatcher = FakeDispatcher()
        self.services = fake_services(dispatcher=self.dispatcher)
        self.feed = self.services.watching.feed
        self._app = create_app(self.services)
        nursery.start_soon(tell, self.services)

    def change(self, **changes):
        """The first circuit publishes a snapshot."""
        first, *others = self.dispatcher.published
        first = replace(first, version=first.version + 1, **changes)
        self.dispatcher.published = (first, *others)

    async def watch(self, method="GET", key=KEY):
        """Somebody asks for the stream."""
        caller = Caller(self._app, "/providers/events", method=method, headers={"X-API-KEY": key})
        caller.says(b"")
        self.nursery.start_soon(caller.exchange)
        await wait_all_tasks_blocked()
        return caller


@pytest.fixture
async def node(nursery):
    return Node(nursery)


async def pass_by(clock, seconds):
    """Let time pass, and everything happen that is due."""
    await wait_all_tasks_blocked()
    clock.jump(seconds)
    await wait_all_tasks_blocked()


def text_of(caller):
    return b"".join(one.get("body", b"") for one in caller.told).decode()


def events_of(caller):
    """Every event of a stream so far: its name, its id, its data."""
    events = []
    for block in text_of(caller).split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
        if fields:
            events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return events


async def test_a_key_that_is_taken_away(node, mock_clock):
    """Whoever watches with it sees nothing more: the stream ends at the next event or comment."""
    revoked, other = await node.watch(), await node.watch(key=OBSERVE_KEY)
    kept = node.services.keyring.find(OBSERVE_KEY)
    node.services.keyring.replace([kept])
    await pass_by(mock_clock, COMMENT_EVERY_S)
    assert (revoked.over, other.over) == (True, False)
    assert [len(events_of(one)) for one in (revoked, other)] == [1, 1]


async def test_the_whole_state_comes_at_once(node, mock_clock):
    """The first event is there without waiting, and is what GET /providers says."""
    watcher = await node.watch()
    assert watcher.status == 200
    assert watcher.headers["content-type"] == "text/event-stream"
    assert watcher.headers["cache-control"] == "no-store"
    ((name, number, data),) = events_of(watcher)
    assert (name, number, data["seq"]) == ("snapshot", "1", 1)
    assert [one["name"] for one in data["providers"]] == ["mailgun", "sendgrid"]
    response = (
        await create_app(node.services).test_client().get("/providers", headers={"X-API-KEY": KEY})
    )
    assert data["providers"] == (await response.get_json())["providers"]


async def test_a_change_of_state_comes_at_once(node):
    """No time passes between the move and the event, however recent the last one is."""
    watcher = await node.watch()
    for state in ("open", "held_open", "closed"):
        node.change(state=state)
        node.services.watching.observe(OPENED)
        await wait_all_tasks_blocked()
    told = [data["providers"][0]["state"] for _, _, data in events_of(watcher)]
    assert told == ["closed", "open", "held_open", "closed"]
    assert [data["seq"] for _, _, data in events_of(watcher)] == [1, 2, 3, 4]


async def test_a_crash_comes_at_once(node):
    """An actor that begins anew is news like a change of state."""
    watcher = await node.watch()
    node.change(restarts=1)
    node.services.watching.observe(Crashed("mailgun", RuntimeError(), 1, quarantined=False))
    await wait_all_tasks_blocked()
    assert [data["providers"][0]["restarts"] for _, _, data in events_of(watcher)] == [0, 1]


async def test_counters_come_four_times_a_second_at_most(node, mock_clock):
    """A hundred calls a second make four events a second, the last of which is true."""
    watcher = await node.watch()
    for call in range(100):
        node.change(counts={"sent": call + 1})
        await pass_by(mock_clock, 0.01)
    await pass_by(mock_clock, COUNTERS_EVERY_S)
    told = [data["providers"][0]["counts"]["sent"] for _, _, data in events_of(watcher)]
    assert 4 <= len(told) <= 6
    assert told[-1] == 100


async def test_nothing_new_is_not_told_again(node, mock_clock):
    """While nothing happens nothing is written, but a comment after a while."""
    watcher = await node.watch()
    for _ in range(59):
        await pass_by(mock_clock, COUNTERS_EVERY_S)
    assert len(watcher.told) == 2
    await pass_by(mock_clock, COMMENT_EVERY_S)
    assert text_of(watcher).endswith("\n\n: nothing new\n\n")
    assert len(events_of(watcher)) == 1


async def test_latency_is_told_when_it_has_become_old(node, mock_clock):
    """What was slow a minute ago is no longer told, though no circuit has moved."""
    answered = Replied("mailgun", send(), Answered(Sent("1")), 0.5)
    node.services.watching.observe(answered)
    watcher = await node.watch()
    await pass_by(mock_clock, 60.0)
    slow, quick = (data["providers"][0]["latency_seconds"] for _, _, data in events_of(watcher))
    assert slow["p50"] == pytest.approx(0.5, rel=0.03)
    assert quick == {"p50": None, "p90": None, "p99": None}


async def test_a_limit_is_told_while_it_grows(node, mock_clock):
    """An idle circuit publishes nothing, and is full again half a minute after it has closed."""
    node.change(limit=1, limit_grows_from=0.0)
    watcher = await node.watch()
    for _ in range(20):
        await pass_by(mock_clock, 2.0)
    limits = [data["providers"][0]["limit"] for _, _, data in events_of(watcher)]
    assert limits == [1, *(256 * second // 30 for second in range(2, 31, 2))]


async def test_a_refusal_says_nothing_about_latency(node):
    """Only calls that were made take time."""
    node.services.watching.observe(Replied("mailgun", send(), Refused(Refusal.OPEN), 0.0))
    watcher = await node.watch()
    ((_, _, data),) = events_of(watcher)
    assert data["providers"][0]["latency_seconds"]["p50"] is None


async def test_all_watchers_are_told_the_same(node):
    """An event is encoded once: every watcher gets the same bytes."""
    watchers = [await node.watch() for _ in range(3)]
    node.change(state="open")
    node.services.watching.observe(OPENED)
    await wait_all_tasks_blocked()
    last = [watcher.told[-1]["body"] for watcher in watchers]
    assert last[0] is last[1] is last[2]
    assert b'"open"' in last[0]


async def test_who_comes_later_begins_with_the_latest(node):
    """A second watcher gets the state as it is, not as the first one saw it at first."""
    await node.watch()
    node.change(state="open")
    node.services.watching.observe(OPENED)
    await wait_all_tasks_blocked()
    ((_, number, data),) = events_of(await node.watch())
    assert (number, data["providers"][0]["state"]) == ("2", "open")


async def test_while_nobody_watches_nothing_is_encoded(node, mock_clock):
    """The stream costs nothing until somebody reads it, and nothing after they left."""
    watcher = await node.watch()
    watcher.hangs_up()
    await pass_by(mock_clock, 1.0)
    node.change(state="open")
    node.services.watching.observe(OPENED)
    await pass_by(mock_clock, 1.0)
    assert node.feed.latest is None
    ((_, _, data),) = events_of(await node.watch())
    assert data["providers"][0]["state"] == "open"


async def test_a_slow_reader_misses_events_but_no_state(node):
    """A watcher who is not ready gets the latest when it is, and nothing has queued up."""
    watcher = await node.watch()
    watcher.stops_reading()
    for state in ("open", "held_open", "closed", "open"):
        node.change(state=state)
        node.services.watching.observe(OPENED)
        await wait_all_tasks_blocked()
    watcher.reads_on()
    await wait_all_tasks_blocked()
    told = [data["providers"][0]["state"] for _, _, data in events_of(watcher)]
    assert told == ["closed", "open", "open"]


async def test_a_hang_up_frees_a_place(node):
    """The exchange ends when the caller has gone, and so does the watching."""
    watcher = await node.watch()
    watcher.hangs_up()
    await wait_all_tasks_blocked()
    assert watcher.over
    assert not node.feed._watchers


async def test_two_hundred_may_watch(node):
    """One more is told to come back; when somebody leaves there is room again."""
    watchers = [await node.watch() for _ in range(WATCHERS_MAX)]
    refused = await node.watch()
    assert (refused.status, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) >= 1
    watchers[0].hangs_up()
    await wait_all_tasks_blocked()
    assert (await node.watch()).status == 200


async def test_the_end_is_told(node):
    """When this node stops, every watcher is told and let go; nobody new may watch."""
    watcher = await node.watch()
    node.feed.end()
    await wait_all_tasks_blocked()
    assert events_of(watcher)[-1] == ("end", None, {})
    assert watcher.over
    refused = await node.watch()
    assert (refused.status, refused.json["code"]) == (503, "draining")


async def test_who_asks_for_the_head_is_not_kept(node):
    """HEAD is answered like GET, without a stream."""
    asked = await node.watch(method="HEAD")
    assert asked.status == 200
    assert asked.over
    assert text_of(asked) == ""


@pytest.mark.parametrize(("key", "status"), [("no-such-key", 401), (SEND_KEY, 403)])
async def test_the_stream_needs_a_key_that_may_observe(node, key, status):
    """The stream is for those who may see the circuits."""
    assert (await node.watch(key=key)).status == status
