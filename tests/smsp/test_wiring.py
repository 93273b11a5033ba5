"""Settings become a running house."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from smsp.mail.outcome import Reason
from smsp.providers.http.provider import HttpProvider
from smsp.providers.http.transport import Transport
from smsp.providers.mock import MockProvider
from smsp.providers.probes import ProbedByMessage
from smsp.providers.smtp.provider import SmtpProvider
from smsp.settings import load
from smsp.telemetry.log import Telemetry
from smsp.wiring import application, providers
from tests.kit.dispatching import dispatch
from tests.kit.environments import KEY, MAILGUN, MOCK
from tests.kit.far_http import Answer, Far, Script
from tests.kit.mails import mailbox, send
from tests.kit.web import Client, FakeLog, message

BOTH = {**MAILGUN, "SMSP_SG_API_KEY": "sendgrid-secret"}


@asynccontextmanager
async def running_house(environ, transport_for=Transport):
    """A house of these settings with its actors running, and its log."""
    log = FakeLog()
    async with (
        application(load(environ), Telemetry(log), transport_for) as built,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(built.supervisor.run)
        yield built, log
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("subject", "outcome"),
    [("hi", "sent"), ("reject", "rejected"), ("fail", "not_sent"), ("timeout", "unknown")],
)
async def test_mock_mode(autojump_clock, subject, outcome):
    """A house without any provider's credentials gives every outcome, and logs it."""
    async with running_house(MOCK) as (built, log):
        done = await dispatch(built.services.dispatcher, send(subject=subject), deadline=10.0)
        assert done.outcome == outcome
        assert len(log.told(f"email.{outcome}")) == 1


async def test_a_message_is_counted_for_as_long_as_a_provider_has_it(autojump_clock):
    """Its caller was told that nobody knows; until the call ends, its bytes are in memory."""
    async with running_house(MOCK | {"SMSP_SETTLE_TIMEOUT": "5"}) as (built, _):
        budget = built.services.body_budget
        answer = await Client(built.services).post(message(subject="timeout"), key=KEY)
        assert (answer.status, answer.json["outcome"]) == (504, "unknown")
        for pause_s, is_free in ((4.0, False), (2.0, True)):
            await trio.sleep(pause_s)
            with budget.share("anybody", alone=True) as share:
                assert share.grow(2**28) is is_free


async def test_a_repetition_after_a_crash_is_known_to_the_provider(autojump_clock):
    """Of a node's first life nothing is left; its second says the same with the same key."""
    took_it = Script(answer=Answer(200, {}, (b'{"id": "m-1"}',)))
    environ = MAILGUN | {"SMSP_PROVIDERS": "resend", "SMSP_RESEND_API_KEY": "resend-secret"}
    lives = []
    for _ in range(2):
        far = Far(took_it)
        async with running_house(environ, lambda *_, far=far: far) as (built, _):
            client = Client(built.services)
            headers = {"Idempotency-Key": "order-42", "Content-Type": "application/json"}
            sent = await client.ask("/email", "POST", key=KEY, headers=headers, data=message())
        (seen,) = far.seen
        lives.append((sent.json["id"], seen.request.headers["Idempotency-Key"], bytes(seen.body)))
    first, second = lives
    assert first[0] != second[0]
    assert first[1:] == second[1:]


async def test_one_circuit_for_each_provider(autojump_clock):
    """Providers keep their order; each has a circuit of its own, with its own bounds."""
    environ = {**BOTH, "SMSP_MAX_IN_FLIGHT": "300", "SMSP_SENDGRID_MAX_IN_FLIGHT": "5"}
    async with running_house(environ) as (built, _):
        shown = built.services.dispatcher.snapshots()
        assert [one.name for one in shown] == ["mailgun", "sendgrid"]
        assert [one.max_in_flight for one in shown] == [300, 5]
        assert all(one.mailbox_capacity >= one.max_in_flight for one in shown)
        assert all(one.alive for one in shown)


async def test_every_provider_is_counted_from_0(autojump_clock):
    """So that the first message of unknown outcome is an increase."""
    async with running_house(BOTH) as (built, _):
        told = built.services.metrics.exposition().decode()
        for name in ("mailgun", "sendgrid"):
            assert f'smsp_attempts_total{{outcome="unknown",provider="{name}"}} 0.0' in told


async def test_way_of_a_message(autojump_clock):
    """All providers may take a message in their order, or the one that it is pinned to."""
    async with running_house(BOTH) as (built, _):
        dispatcher = built.services.dispatcher
        assert dispatcher.route(send().mail).names == ("mailgun", "sendgrid")
        assert dispatcher.route(send(provider="sendgrid").mail).names == ("sendgrid",)


async def test_sender_domains_and_weights_of_the_settings(autojump_clock):
    """An international domain is set in its ASCII form, a weight of nothing comes last."""
    environ = {
        **BOTH,
        "SMSP_SENDGRID_FROM_DOMAINS": "XN--Bcher-KVA.example,example.com",
        "SMSP_MAILGUN_WEIGHT": "0",
        "SMSP_ROUTING": "weighted",
    }
    async with running_house(environ) as (built, _):
        dispatcher = built.services.dispatcher
        for _ in range(20):
            ours = dispatcher.route(send(sender=mailbox("shop@bücher.example")).mail)
            assert ours.names == ("sendgrid", "mailgun")
        other = dispatcher.route(send(sender=mailbox("shop@example.net")).mail)
        assert other.names == ("mailgun",)


async def test_every_provider_has_its_own_transports():
    """No provider's mail waits for another's, and no probe for mail."""
    async with providers(load(BOTH)) as built:
        assert list(built) == ["mailgun", "sendgrid"]
        assert all(isinstance(one, HttpProvider) for one in built.values())
        transports = [(one.transport, one.probe_transport) for one in built.values()]
    assert len({id(one) for pair in transports for one in pair}) == 4


async def test_base_url():
    """A provider's calls go where the operator says."""
    environ = {**MAILGUN, "SMSP_MAILGUN_BASE_URL": "http://127.0.0.1:8081"}
    async with providers(load(environ)) as built:
        assert built["mailgun"].base_url == "http://127.0.0.1:8081"


async def test_mock_provider():
    """In mock mode no client is built at all."""
    async with providers(load(MOCK)) as built:
        assert [type(one) for one in built.values()] == [MockProvider]


async def test_probe_modes():
    """Each provider is probed as it was told; what speaks no HTTP can send a real message, too."""
    smtp = {"SMSP_SMTP_HOST": "127.0.0.1", "SMSP_PROVIDERS": "mailgun,smtp"}
    told = {"SMSP_MAILGUN_PROBE": "status", "SMSP_SMTP_PROBE": "message"}
    async with providers(load({**MAILGUN, **smtp})) as built:
        assert built["mailgun"].probe_mode == "auto"
        assert isinstance(built["smtp"], SmtpProvider)
    async with providers(load({**MAILGUN, **smtp, **told})) as built:
        assert built["mailgun"].probe_mode == "status"
        assert isinstance(built["smtp"], ProbedByMessage)


async def test_a_status_call_that_is_passed_over_is_logged():
    """By the provider's name."""
    seen = []
    async with providers(load(BOTH), lambda name, reason: seen.append((name, reason))) as built:
        built["sendgrid"].status_forbidden(Reason.FORBIDDEN)
    assert seen == [("sendgrid", Reason.FORBIDDEN)]
