"""A whole node from its start to its exit status, on lines in memory: signals, and who is told what
until when."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import ssl
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from actors import LoopClock, loop_clock
from smsp.serve import (
    connections_among,
    connections_max,
    files_max,
    run_logged,
    serve,
    spare_the_collector,
    tell_stalls,
)
from smsp.settings import load
from tests.kit.environments import KEY, MOCK
from tests.kit.listening import MemoryListening
from tests.kit.web import FakeLog, message
from tests.kit.world import World, live

DRAIN_S, LAST_ANSWERS_S, LAST_WORDS_S = 10.0, 2.0, 0.25
UNLIMITED = resource.RLIM_INFINITY


def request(method, path, body=b"", *more):
    """A request with a key."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-API-KEY: {KEY}", *more]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


READY = request("GET", "/readyz")
POST = request("POST", "/email", message())
SILENT = request("POST", "/email", message(subject="timeout"))
"""The provider never answers."""


class Node:
    """A node that runs; ``status`` is what it ends with, ``ended_at`` when."""

    def __init__(self):
        self.log, self.port = FakeLog(), MemoryListening()
        self.urls = []
        self.status = self.ended_at = None
        self.ended = trio.Event()

    def call(self):
        """A caller connects."""
        return self.port.call()[1]

    async def run(self, settings, *, task_status, **options):
        """Run it."""

        def listens(url):
            self.urls.append(url)
            task_status.started()

        try:
            self.status = await serve(
                settings,
                self.log,
                on_listening=listens,
                open_listening=lambda _config: self.port,
                **options,
            )
        finally:
            self.ended_at = trio.current_time()
            self.ended.set()

    async def end(self):
        """Wait for its end."""
        await self.ended.wait()
        return self.status, self.ended_at


@asynccontextmanager
async def running(node=None, *, options=None, **environ):
    """A node in mock mode with these settings."""
    node = Node() if node is None else node
    settings = load(MOCK | {f"SMSP_{name}": value for name, value in environ.items()})
    async with trio.open_nursery() as nursery:

        async def run(task_status):
            await node.run(settings, task_status=task_status, **(options or {}))

        await nursery.start(run)
        yield node
        nursery.cancel_scope.cancel()


def stop():
    """Send ourselves SIGTERM."""
    signal.raise_signal(signal.SIGTERM)


async def test_a_node_that_starts(autojump_clock):
    """Says where it listens, is ready, and takes mail."""
    async with running() as node:
        assert node.urls == ["http://memory:0"]
        (started,) = node.log.told("server.started")
        assert started["url"] == "http://memory:0"
        assert started["version"]
        peer = node.call()
        assert (await peer.ask(READY)).status == 200
        assert json.loads((await peer.ask(POST)).body)["outcome"] == "sent"
    assert node.log.told("settings.doubtful") == []


async def test_doubtful_settings(autojump_clock):
    """Each is told when it starts."""
    async with running(API_KEY="short") as node:
        told = node.log.told("settings.doubtful")
        assert [one["level"] for one in told] == ["warning"]
        assert "SMSP_API_KEY" in told[0]["message"]
        assert node.log.events[0][0] == "settings.doubtful"


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGINT])
async def test_a_node_that_stops(autojump_clock, signalled):
    """With nothing to do it is gone in a moment, with status 0; idle callers do not hold it up."""
    async with running() as node:
        peer = node.call()
        assert (await peer.ask(READY)).status == 200
        await trio.sleep(5)
        signal.raise_signal(signalled)
        assert await peer.rest() == b""
        assert await node.end() == (0, 5 + LAST_WORDS_S)
        assert node.port.closed
    names = [event for event, _ in node.log.events if event.startswith("server.")]
    assert names == ["server.started", "server.draining", "server.stopped"]
    assert node.log.told("server.stopped") == [{"level": "info", "status": 0}]


async def test_a_delay_for_load_balancers(autojump_clock):
    """Connections are taken until it is over; it is not ready, and new mail is refused."""
    async with running(DRAIN_DELAY="3") as node:
        stop()
        await trio.sleep(2.9)
        assert not node.port.closed
        peer = node.call()
        answer = await peer.ask(READY)
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        refused = await node.call().ask(POST)
        assert (refused.status, json.loads(refused.body)["code"]) == (503, "draining")
        await trio.sleep(0.11)
        assert node.port.closed
        assert await node.end() == (0, pytest.approx(3 + LAST_WORDS_S))


async def test_callers_who_wait_are_answered(autojump_clock):
    """By what becomes of their messages, and then all is over."""
    async with running(CALL_TIMEOUT="5") as node:
        peers = [node.call() for _ in range(3)]
        for peer in peers:
            await peer.say(SILENT)
        await trio.sleep(1)
        stop()
        for peer in peers:
            answer = await peer.hear()
            told = json.loads(answer.body)
            assert (answer.status, told["outcome"]) == (504, "unknown")
            assert (told["attempts"][0]["reason"], trio.current_time()) == ("timeout", 5.0)
            assert answer.headers["connection"] == "close"
        assert await node.end() == (0, 5.0)


async def test_no_time_left(autojump_clock):
    """Past it who still waits is told what is known, and the status is 1."""
    async with running(CALL_TIMEOUT="100") as node:
        peer = node.call()
        await peer.say(SILENT)
        await trio.sleep(1)
        stop()
        answer = await peer.hear()
        assert trio.current_time() == 1 + DRAIN_S
        assert answer.status == 504
        assert json.loads(answer.body)["attempts"][0]["reason"] == "cut"
        assert await node.end() == (1, 1 + DRAIN_S)


@pytest.mark.parametrize(("drain_s", "status"), [("4", 1), ("6", 0)])
async def test_how_long_a_stop_may_take(autojump_clock, drain_s, status):
    """As long as its setting says."""
    async with running(CALL_TIMEOUT="5", DRAIN_TIMEOUT=drain_s) as node:
        await node.call().say(SILENT)
        await wait_all_tasks_blocked()
        stop()
        assert await node.end() == (status, min(5.0, float(drain_s)))


async def test_answers_that_nobody_reads(autojump_clock):
    """They may be written for two seconds after the cut, and no longer."""
    async with running(CALL_TIMEOUT="100") as node:
        line, peer = node.port.call()
        await peer.say(SILENT)
        await wait_all_tasks_blocked()
        line.stall()
        stop()
        assert await node.end() == (1, DRAIN_S + LAST_ANSWERS_S)


async def test_half_a_body(autojump_clock):
    """It has two seconds, its caller a second more, and the status is 0."""
    async with running() as node:
        peer = node.call()
        await peer.stream.send_all(POST[:-1])
        await trio.sleep(1)
        stop()
        heard = await peer.rest()
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"draining"' in heard
        assert await node.end() == (0, 1 + 2.0 + 1.0)


async def test_half_a_body_in_the_delay(autojump_clock):
    """As long as connections are taken nobody waits for it, and it has its time."""
    async with running(DRAIN_DELAY="5") as node:
        peer = node.call()
        await peer.say(POST[:-1])
        await wait_all_tasks_blocked()
        stop()
        await trio.sleep(6.5)
        await peer.stream.send_all(POST[-1:])
        assert (await peer.hear()).status == 200
        assert await node.end() == (0, 6.5)


async def test_event_streams_end(autojump_clock):
    """With the listener, and not a moment later."""
    async with running() as node:
        peer = node.call()
        await peer.stream.send_all(request("GET", "/providers/events"))
        await trio.sleep(1)
        stop()
        assert b"event: end\n" in await peer.rest()
        assert await node.end() == (0, 1 + LAST_WORDS_S)


async def test_a_watcher_after_a_quiet_time(autojump_clock):
    """Nothing has happened since the last one left: it is shown the whole state all the same."""
    async with running() as node:
        for _ in range(3):
            peer = node.call()
            await peer.stream.send_all(request("GET", "/providers/events"))
            await trio.sleep(1)
            heard = await peer.stream.receive_some()
            assert b"event: snapshot\n" in heard
            assert b'"name":"mock"' in heard
            await peer.stream.aclose()
            await trio.sleep(1000)


@pytest.mark.parametrize("waits_s", [0, 1])
async def test_a_second_signal(autojump_clock, waits_s):
    """Stops at once, with status 1; who waits is told that nobody knows."""
    async with running(CALL_TIMEOUT="100", DRAIN_DELAY="5") as node:
        peer = node.call()
        await peer.say(SILENT)
        await wait_all_tasks_blocked()
        stop()
        await trio.sleep(waits_s)
        signal.raise_signal(signal.SIGINT)
        assert await node.end() == (1, waits_s)
        answer = await peer.hear()
        assert answer is None or answer.status == 504
    assert node.log.told("server.stopped") == [{"level": "info", "status": 1}]


class FaultyLog(FakeLog):
    """A bug: each actor crashes that tells of a mail, or that its circuit has closed."""

    def info(self, event, **fields):
        super().info(event, **fields)
        if event in {"email.sent", "circuit.closed"}:
            raise RuntimeError("a bug")


async def test_every_actor_is_given_up(autojump_clock):
    """Nobody is left to send mail: the status is 70, so that whoever started it starts it anew."""
    node = Node()
    node.log = FaultyLog()
    async with running(node) as node:
        await node.call().stream.send_all(POST)
        status, _ = await node.end()
        assert status == 70
    assert [one["level"] for one in node.log.told("server.given_up")] == ["error"]
    assert node.log.told("server.given_up")[0]["message"] == "every actor is quarantined"
    assert node.log.told("server.stopped") == [{"level": "info", "status": 70}]


async def test_a_port_that_cannot_be_had(autojump_clock):
    """The error names where, by address and variables; nothing goes on running."""

    def taken(_config):
        raise OSError(98, "Address already in use")

    caught = []
    try:
        await serve(load(MOCK), FakeLog(), open_listening=taken)
    except* OSError as group:
        caught = list(leaves(group))
    (error,) = caught
    where = "127.0.0.1 port 8080 (SMSP_HOST, SMSP_PORT)"
    assert str(error) == f"cannot listen on {where}: Address already in use"


def leaves(group):
    """The errors of a group, however deep."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


async def test_where_it_listens(autojump_clock):
    """At the settings' host and port, with its own time for idle callers; half a minute after they
    are over an idle connection is gone."""
    configs = []

    def port(config):
        configs.append(config)
        return node.port

    node = Node()
    options = {"host": "::1", "port": "99"}
    settings = load(MOCK | {f"SMSP_{name.upper()}": value for name, value in options.items()})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: serve(settings, node.log, open_listening=port))
        await wait_all_tasks_blocked()
        peer = node.call()
        assert await peer.rest() == b""
        assert trio.current_time() == 75.0
        nursery.cancel_scope.cancel()
    assert configs[0].bind == ["[::1]:99"]


async def test_keys_are_read_again(autojump_clock):
    """On SIGHUP, by what was given for that."""
    read = []

    def read_keys():
        read.append(True)
        return load(MOCK | {"SMSP_API_KEY": "another-key-of-some-length"}).known_keys

    async with running(options={"read_keys": read_keys}) as node:
        signal.raise_signal(signal.SIGHUP)
        while not node.log.told("keys.reloaded"):
            await trio.lowlevel.checkpoint()
        assert (await node.call().ask(POST)).status == 401
        assert len(read) == 1
    assert node.log.told("certificate.reloaded") == []


async def test_a_node_with_a_certificate(autojump_clock, tmp_path):
    """It speaks TLS, and the certificate is read again with the keys."""
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    files = {"TLS_CERT": str(tmp_path / "cert.pem"), "TLS_KEY": str(tmp_path / "key.pem")}

    def issue():
        issued = authority.issue_cert("smsp.example")
        issued.private_key_pem.write_to_path(files["TLS_KEY"])
        issued.cert_chain_pems[0].write_to_path(files["TLS_CERT"])

    async def met_with():
        peer = node.call()
        peer.stream = trio.SSLStream(peer.stream, context, server_hostname="smsp.example")
        assert (await peer.ask(READY)).status == 200
        return peer.stream.getpeercert(binary_form=True)

    issue()
    async with running(options={"read_keys": lambda: load(MOCK).known_keys}, **files) as node:
        assert node.urls == ["https://memory:0"]
        first = await met_with()
        assert await met_with() == first
        issue()
        signal.raise_signal(signal.SIGHUP)
        while not node.log.told("certificate.reloaded"):
            await trio.lowlevel.checkpoint()
        assert await met_with() != first


async def test_log_lines_that_were_dropped(autojump_clock):
    """Are counted in the metrics."""
    async with running(options={"log_lines_dropped": lambda: 1234}) as node:
        answer = await node.call().ask(request("GET", "/metrics"))
        assert b"smsp_log_lines_dropped_total 1234" in answer.body


@pytest.mark.parametrize(("whole", "shown"), [("true", "alice@"), ("false", "a***@")])
async def test_addresses_in_the_log(autojump_clock, whole, shown):
    """Are whole only if the setting says so."""
    async with running(LOG_ADDRESSES=whole) as node:
        await node.call().ask(POST)
        (sent,) = node.log.told("email.sent")
        assert sent["recipients"] == [f"{shown}example.org"]


def test_a_node_that_stood_still():
    """Says for how long, on the clock that a process has."""
    node = Node()

    async def program():
        async with running(node):
            await trio.sleep(20)

    live(program, World((5.0, 3.0)))
    assert node.log.told("loop.stalled") == [{"level": "warning", "seconds": 3.0}]


# -- the process


@pytest.mark.parametrize(
    ("soft", "hard", "files"),
    [
        (1024, 4096, 4096),
        (1024, 65_536, 65_536),
        (1024, 1_048_576, 65_536),
        (1024, UNLIMITED, 65_536),
        (100_000, 200_000, 100_000),
        (100_000, UNLIMITED, 100_000),
        (512, 512, 512),
        (UNLIMITED, UNLIMITED, UNLIMITED),
    ],
)
def test_how_many_files_may_be_open(soft, hard, files):
    """As many as the system allows, up to 65,536; a limit is never lowered."""
    assert files_max(soft, hard) == files


@pytest.mark.parametrize(
    ("files", "connections"),
    [(512, 256), (513, 256), (8190, 4095), (8192, 4096), (65_536, 4096), (UNLIMITED, 4096)],
)
def test_how_many_of_them_may_be_connections(files, connections):
    """Half, and no more than a listener ever takes."""
    assert connections_among(files) == connections


def test_the_limit_is_raised():
    """For this process; a test puts it back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, hard = before
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allowed = files_max(256, hard)
        assert connections_max() == connections_among(allowed)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, hard)
        assert connections_max() == connections_among(allowed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_collector_is_spared():
    """What is there stays unlooked at, and it comes by only after 20,000 objects more."""
    before = gc.get_threshold()
    try:
        spare_the_collector("http://x")
        assert gc.get_threshold()[0] == 20_000
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_process_that_logs(capfdbinary):
    """It runs on a clock that does not count stalls, its log goes to stdout with the node's name,
    and its status comes back."""

    async def serving(out):
        assert isinstance(loop_clock(), LoopClock)
        out.log.info("server.stopped", status=7)
        out.log.debug("loop.stalled", seconds=1.0)
        return 7

    assert run_logged(serving, "JSON_ONELINE") == 7
    (line,) = capfdbinary.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["event"], told["status"], told["node"]) == (
        "server.stopped",
        7,
        os.uname().nodename,
    )
    run_logged(serving, "JSON_ONELINE", debug=True)
    assert len(capfdbinary.readouterr().out.splitlines()) == 2


class FakeClock:
    """A clock that was late by these seconds, and then no more."""

    def __init__(self, *stalls):
        self.stalls = list(stalls)

    async def stall(self):
        """The next."""
        if not self.stalls:
            await trio.sleep_forever()
        return self.stalls.pop(0)


async def test_stalls_are_told(autojump_clock):
    """Each, in milliseconds; without such a clock there is nothing to tell."""
    log = FakeLog()
    await tell_stalls(None, log)
    with trio.move_on_after(1):
        await tell_stalls(FakeClock(0.25049, 12.0), log)
    told = [{"level": "warning", "seconds": 0.25}, {"level": "warning", "seconds": 12.0}]
    assert log.told("loop.stalled") == told
