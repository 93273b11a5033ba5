"""What settings say reaches the part that it is for, on circuits whose providers a test plays."""

from __future__ import annotations

import socket
import ssl
from contextlib import asynccontextmanager
from importlib.metadata import version
from ipaddress import ip_network
from itertools import pairwise
from typing import ClassVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.mail.outcome import Blame, NotSent, Reason, Sent, Unknown
from smsp.providers import KINDS
from smsp.providers.dns import Resolver
from smsp.providers.http.transport import Transport
from smsp.providers.protocols import Capabilities
from smsp.settings import load
from smsp.telemetry.feed import View
from smsp.telemetry.log import Telemetry
from smsp.wiring import application, node_name, product_version, providers
from tests.kit.dispatching import dispatch
from tests.kit.environments import KEY, MAILGUN, MOCK
from tests.kit.mails import mailbox, send
from tests.kit.web import Client, FakeLog, message

DOWN = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)
BOTH = {**MAILGUN, "SMSP_SG_API_KEY": "sendgrid-secret"}


class Post:
    """A kind of provider that is not reached by HTTP, and every provider of it: answers by the
    hour of the test. ``asked`` is what it was made with."""

    facts: ClassVar = None
    call_timeout_s: ClassVar = 2.0
    capabilities: ClassVar = Capabilities(smtputf8=True)
    control_headers: ClassVar = ("X-Post",)

    def __init__(self):
        self.asked = []
        self.sends = []
        self.probes = []
        self.answer = Sent("id")
        self.probe_answer = Sent("id")

    def exposure(self):
        """Nothing goes over any wire."""

    @asynccontextmanager
    async def provider(self, **asked):
        """It is its own provider."""
        self.asked.append(asked)
        yield self

    async def send(self, sent, progress):
        """Answer, or never if there is no answer."""
        self.sends.append((trio.current_time(), sent))
        progress.commit()
        if self.answer is None:
            await trio.sleep_forever()
        return self.answer

    async def probe(self):
        """Likewise."""
        self.probes.append(trio.current_time())
        if self.probe_answer is None:
            await trio.sleep_forever()
        return self.probe_answer


def settings_with(*posts, names=("mailgun", "sendgrid"), **environ):
    """Settings of providers of these names, which are those of a test."""
    base = BOTH | {f"SMSP_{name}": value for name, value in environ.items()}
    settings = load(base | {"SMSP_PROVIDERS": ",".join(names[: len(posts)])})
    ours = [
        one.model_copy(update={"own": post})
        for one, post in zip(settings.providers, posts, strict=True)
    ]
    return settings.model_copy(update={"providers": tuple(ours)})


@asynccontextmanager
async def running(settings, log=None, **telemetry):
    """Everything of these settings, with its actors running."""
    told = Telemetry(FakeLog() if log is None else log, **telemetry)
    async with application(settings, told) as built, trio.open_nursery() as nursery:
        await nursery.start(built.supervisor.run)
        yield built
        nursery.cancel_scope.cancel()


async def dispatched(built, deadline_s=1000.0, **mail):
    """What becomes of one message."""
    deadline = trio.current_time() + deadline_s
    return await dispatch(built.services.dispatcher, send(**mail), deadline=deadline)


def snapshot(built, at=0):
    """A circuit as it shows itself."""
    return built.services.dispatcher.snapshots()[at]


# -- a circuit's times and bounds


@pytest.mark.parametrize(("probe", "places"), [("status", 7), ("message", 8)])
async def test_what_a_connector_is_given(autojump_clock, probe, places):
    """Its account's poll address, time and places; one more where a probe goes the way of mail."""
    post = Post()
    own = {"MAILGUN_TIMEOUT": "3", "MAILGUN_MAX_IN_FLIGHT": "7", "MAILGUN_PROBE": probe}
    async with running(settings_with(post, **own)):
        (asked,) = post.asked
    assert asked["poll_address"] == mailbox("poll@example.org")
    assert (asked["timeout_s"], asked["max_in_flight"]) == (3.0, places)
    assert isinstance(asked["tls"], ssl.SSLContext)
    assert asked["tls"].verify_mode is ssl.CERT_REQUIRED


async def test_how_long_a_call_may_take(autojump_clock):
    """As its provider's own time says."""
    post = Post()
    post.answer = None
    async with running(settings_with(post, MAILGUN_TIMEOUT="3")) as built:
        done = await dispatched(built)
        assert (done.outcome, trio.current_time()) == ("unknown", 3.0)


async def test_how_long_a_call_may_go_on(autojump_clock):
    """For the settling time after that."""
    post = Post()
    post.answer = None
    async with running(settings_with(post, MAILGUN_TIMEOUT="3", SETTLE_TIMEOUT="7")) as built:
        await dispatched(built)
        for at, settling in ((9.9, 1), (10.1, 0)):
            await trio.sleep_until(at)
            assert snapshot(built).settling == settling


async def test_when_a_circuit_is_polled(autojump_clock):
    """First after the interval, then ever later, up to the longest."""
    post = Post()
    post.answer = post.probe_answer = DOWN
    times = {"MAILGUN_POLL_INTERVAL": "4", "POLL_INTERVAL_MAX": "9"}
    async with running(settings_with(post, **times)) as built:
        await dispatched(built)
        await trio.sleep(200)
    waits = [after - before for before, after in pairwise(post.probes)]
    assert post.probes[0] == 4.0
    assert all(4.0 <= wait <= 9.0 for wait in waits)
    assert max(waits[2:]) > 5.0
    assert len(set(waits)) > 2, "no jitter"


async def test_how_long_a_probe_may_take(autojump_clock):
    """Seven call times: up to two steps of three phases, and what is between them."""
    post = Post()
    post.answer, post.probe_answer = DOWN, None
    log = FakeLog()
    settings = settings_with(post, MAILGUN_TIMEOUT="2", MAILGUN_POLL_INTERVAL="5")
    async with running(settings, log) as built:
        await dispatched(built)
        await trio.sleep_until(5 + 14 - 0.1)
        assert log.told("probe.failed") == []
        await trio.sleep_until(5 + 14 + 0.1)
        assert len(log.told("probe.failed")) == 1


async def test_what_opens_a_circuit(autojump_clock):
    """Its own rule."""
    post = Post()
    post.answer = DOWN
    async with running(settings_with(post, MAILGUN_TRIP="consecutive:2")) as built:
        states = []
        for _ in range(2):
            await dispatched(built)
            states.append(snapshot(built).state)
    assert states == ["closed", "open"]


async def test_how_many_questions_may_wait(autojump_clock):
    """As many as may be in flight, and never fewer than 256."""
    bounds = {"MAILGUN_MAX_IN_FLIGHT": "300", "SENDGRID_MAX_IN_FLIGHT": "5"}
    async with running(settings_with(Post(), Post(), **bounds)) as built:
        shown = built.services.dispatcher.snapshots()
        assert [one.mailbox_capacity for one in shown] == [300, 256]
        assert [one.name for one in shown] == ["mailgun", "sendgrid"]


async def test_a_shortage_of_ours_blames_nobody(autojump_clock):
    """A call for which this node has no descriptor is no fault of the provider's."""
    post = Post()

    async def short(_send, _progress):
        raise OSError(24, "Too many open files")

    post.send = short
    async with running(settings_with(post)) as built:
        done = await dispatched(built)
        assert (done.outcome, snapshot(built).state) == ("not_sent", "closed")


# -- which provider


@pytest.mark.parametrize(
    ("failover", "outcome", "tried"),
    [
        ("open", DOWN, 1),
        ("safe", DOWN, 2),
        ("safe", Unknown(Reason.TIMEOUT), 1),
        ("any", Unknown(Reason.TIMEOUT), 2),
    ],
)
async def test_failover(autojump_clock, failover, outcome, tried):
    """As the setting says."""
    first, second = Post(), Post()
    first.answer = outcome
    async with running(settings_with(first, second, FAILOVER=failover)) as built:
        done = await dispatched(built)
    assert len(done.attempts) == tried == len(first.sends) + len(second.sends)


@pytest.mark.parametrize(("routing", "shared"), [("priority", False), ("weighted", True)])
async def test_routing(autojump_clock, routing, shared):
    """The first as long as it takes mail, or by weight."""
    first, second = Post(), Post()
    weights = {"MAILGUN_WEIGHT": "1", "SENDGRID_WEIGHT": "9"} if shared else {}
    async with running(settings_with(first, second, ROUTING=routing, **weights)) as built:
        for _ in range(60):
            await dispatched(built)
    assert len(first.sends) + len(second.sends) == 60
    assert (len(first.sends) < len(second.sends)) is shared
    assert (len(first.sends) > 0) is True


async def test_domains_of_a_provider(autojump_clock):
    """One whose domains are others does not get a message."""
    first, second = Post(), Post()
    domains = {"MAILGUN_FROM_DOMAINS": "elsewhere.example"}
    async with running(settings_with(first, second, **domains)) as built:
        await dispatched(built)
    assert (len(first.sends), len(second.sends)) == (0, 1)


async def test_the_first_mail_of_the_mock_may_be_any():
    """It has no limits."""
    async with application(load(MOCK), Telemetry(FakeLog())) as built:
        route = built.services.dispatcher.route(send(sender=mailbox("jörg@bücher.example")).mail)
        assert route.names == ("mock",)


# -- what stands behind the routes


async def test_services_are_what_the_settings_say():
    """Each setting where it belongs."""
    environ = {
        "SMSP_MAX_BODY_BYTES": "5000",
        "SMSP_MAX_BUFFERED_BYTES": "70000",
        "SMSP_TRUSTED_PROXIES": "10.0.0.0/8",
        "SMSP_CORS_ORIGINS": "https://shop.example",
    }
    async with application(load(BOTH | environ), Telemetry(log := FakeLog())) as built:
        services = built.services
    assert services.keyring.find(KEY) is not None
    assert services.log is log
    assert dict(services.kinds) == {"mailgun": "mailgun", "sendgrid": "sendgrid"}
    assert (services.version, services.node) == (version("smsp"), socket.gethostname())
    assert (services.version, services.node) == (product_version(), node_name())
    assert services.max_body_bytes == 5000
    assert services.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert services.cors_origins == ("https://shop.example",)
    with services.body_budget.share("anybody", alone=True) as share:
        assert share.grow(70_000)
        assert not share.grow(1)


async def test_headers_that_steer_providers():
    """Those of all kinds of ours are refused, used or not, and those of a kind of somebody else's
    that is used."""
    for settings, used in ((load(MOCK), False), (settings_with(Post()), True)):
        async with application(settings, Telemetry(FakeLog())) as built:
            headers = built.services.control_headers
        for kind in KINDS.values():
            assert set(kind.control_headers) <= set(headers)
        assert ("X-Post" in headers) is used


async def test_what_a_circuit_does_is_seen_everywhere(autojump_clock):
    """In the log, in the metrics, on the dashboard, and in the ledger after its caller has left."""
    post, log = Post(), FakeLog()
    settings = settings_with(post, MAILGUN_TIMEOUT="3", IDEMPOTENCY_KEYS="2")
    async with running(settings, log, lines_dropped=lambda: 77) as built:
        client = Client(built.services)
        sent = await client.post(message(), key=KEY, headers={"Idempotency-Key": "a"})
        assert sent.json["outcome"] == "sent"
        assert len(log.told("email.sent")) == 1
        metrics = (await client.ask("/metrics", key=KEY)).body.decode()
        assert 'smsp_attempts_total{outcome="sent",provider="mailgun"} 1' in metrics
        assert "smsp_ledger_keys 1" in metrics
        assert "smsp_ledger_forgotten_total 0" in metrics
        assert "smsp_log_lines_dropped_total 77" in metrics
        assert "smsp_loop_lag_seconds 0" in metrics
        assert f'smsp_build_info{{version="{version("smsp")}"}} 1' in metrics
        (shown,) = (await client.ask("/providers", key=KEY)).json["providers"]
        assert shown["latency_seconds"]["p50"] is not None
        assert shown["kind"] == "mailgun"


async def test_a_late_outcome_is_in_the_ledger(autojump_clock):
    """What a call turns out to be replaces what its caller was told."""
    post = Post()

    async def slow(_send, progress):
        progress.commit()
        await trio.sleep(5)
        return Sent("late")

    post.send = slow
    async with running(settings_with(post, MAILGUN_TIMEOUT="3")) as built:
        client = Client(built.services)
        told = (await client.post(key=KEY)).json
        assert told["outcome"] == "unknown"
        await trio.sleep(3)
        await wait_all_tasks_blocked()
        now = (await client.ask(f"/email/{told['id']}", key=KEY)).json
        assert (now["outcome"], now["settled"], now["messageid"]) == ("sent", True, "late")


async def test_a_watcher_is_told_at_once(autojump_clock):
    """That a circuit has moved: the feed is stirred by what the circuit does."""
    post = Post()
    post.answer = DOWN
    async with running(settings_with(post)) as built, trio.open_nursery() as nursery:
        feed, looks = built.services.watching.feed, []

        def look():
            looks.append(trio.current_time())
            return View(len(looks), list)

        feed.arrive()
        nursery.start_soon(feed.run, look)
        await trio.sleep(0.1)
        await dispatched(built)
        await wait_all_tasks_blocked()
        assert looks == [0.0, 0.1]
        nursery.cancel_scope.cancel()


# -- the ways to providers


async def test_what_a_provider_by_http_is_given():
    """Its time, places, poll address and mode, and a context that verifies its peers."""
    made = []

    def transport_for(places, tls):
        made.append((places, tls))
        return Transport(places, tls)

    environ = {"SMSP_MAILGUN_TIMEOUT": "3", "SMSP_MAILGUN_MAX_IN_FLIGHT": "7"}
    async with providers(load(MAILGUN | environ), transport_for=transport_for) as built:
        one = built["mailgun"]
        assert one.timeout_s == 3.0
        assert one.poll_address == mailbox("poll@example.org")
        assert one.base_url is None
    assert 8 in [places for places, _ in made]
    assert {tls.verify_mode for _, tls in made} == {ssl.CERT_REQUIRED}
    assert all(tls.check_hostname for _, tls in made)


async def test_names_are_looked_up_in_our_way():
    """By a resolver with bounds, for whatever this run connects to."""
    async with providers(load(MOCK)):
        ours = trio.socket.set_custom_hostname_resolver(None)
    assert isinstance(ours, Resolver)
