"""An adapter bound to httpx: messages, probes, and the transports they go through."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass

import httpx
import pytest
import trio

from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.providers.adapters import answers
from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.postmark import Postmark
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.http.phases import Phase
from smsp.providers.http.provider import HttpProvider, http_provider, outcome_of
from smsp.providers.http.transport import Transport
from smsp.providers.protocols import HttpCall, HttpReply, ProbeCall
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import mailbox, send
from tests.kit.stock_transport import stock_transport

SENDGRID = SendGrid("a-key")
POLL = mailbox("poll@example.com")
QUEUED = b'{"id": "<m-1>", "message": "Queued. Thank you."}'


@dataclass
class CountedProgress:
    """Counts how often it is told that the last byte has been written."""

    commits: int = 0

    def commit(self):
        self.commits += 1


@dataclass(frozen=True)
class Steps:
    """An adapter whose probe has these steps: what each would mean at 200, and if it sends."""

    sends: tuple[bool, ...]

    def probe(self, address):
        return tuple(
            ProbeCall(HttpCall("GET", f"https://x.example/{step}"), _judged, sends)
            for step, sends in enumerate(self.sends)
        )


def _judged(reply):
    return Sent() if reply.status == 200 else answers.by_status(reply.status)


def provider_of(far=None, probe_far=None, adapter=SENDGRID, base_url=None):
    """A provider whose network is played by these far sides."""
    return HttpProvider(adapter, far or Far(), probe_far or Far(), POLL, 2.0, base_url)


async def sent_through(script, adapter=SENDGRID):
    """The outcome of one message, and how often it was told to be written."""
    progress = CountedProgress()
    outcome = await provider_of(Far(script), adapter=adapter).send(send(), progress)
    return outcome, progress.commits


# -- messages


@pytest.mark.parametrize("ends", ["whole", "cut", "hangs"])
async def test_sendgrid_needs_no_body(autojump_clock, ends):
    """A 202 is sent whatever becomes of its body."""
    answer = Answer(202, {"X-Message-Id": "m-1"}, (b"x",), ends)
    assert await sent_through(Script(answer=answer)) == (Sent("m-1"), 1)


async def test_an_answer_is_read_as_one_about_its_recipients():
    """To, cc and bcc: so that whom it names can be told from strangers."""
    inactive = "carol@example.org, dave@example.org, eve@example.com"
    said = f"Message OK, but will not deliver to these inactive addresses: {inactive}"
    body = json.dumps({"MessageID": "m-1", "ErrorCode": 0, "Message": said}).encode()
    people = {"cc": (mailbox("carol@example.org"),), "bcc": (mailbox("dave@example.org"),)}
    provider = provider_of(
        Far(Script(answer=Answer(200, {}, (body,)))), adapter=Postmark("a-token")
    )
    outcome = await provider.send(send(**people), CountedProgress())
    assert isinstance(outcome, Sent)
    assert outcome.refused is not None
    listed = [one.address for one in outcome.refused.listed]
    assert listed == ["carol@example.org", "dave@example.org"]


async def test_mailgun_needs_its_body(autojump_clock):
    """Where success is in the body, a body that was cut proves nothing."""
    mailgun = Mailgun("a-key", "mail.example.com")
    whole, cut = (Answer(200, {}, (QUEUED,), ends) for ends in ("whole", "cut"))
    assert await sent_through(Script(answer=whole), mailgun) == (Sent("<m-1>"), 1)
    assert await sent_through(Script(answer=cut), mailgun) == (Unknown(Reason.BAD_ANSWER), 1)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (
            Script(raises={Phase.CONNECTING: httpx.ConnectError("refused")}),
            NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
        ),
        (
            Script(takes={Phase.SECURING: HANGS}),
            NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
        ),
        (
            Script(raises={Phase.WRITING: httpx.ReadError("reset")}),
            NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        ),
    ],
)
async def test_before_the_last_byte(autojump_clock, script, outcome):
    """A phase that fails before the last byte is not sent, and nothing was told to be written."""
    assert await sent_through(script) == (outcome, 0)


async def test_after_the_last_byte(autojump_clock):
    """A connection that breaks after the last byte leaves the message in doubt."""
    script = Script(raises={Phase.WRITTEN: httpx.ReadError("reset")})
    assert await sent_through(script) == (Unknown(Reason.CONNECTION_LOST), 1)


async def test_redirects_are_not_followed(autojump_clock):
    """A redirect is an answer like any other: our credentials go nowhere else."""
    far = Far(Script(answer=Answer(307, {"Location": "https://elsewhere.example/"})))
    outcome = await provider_of(far).send(send(), CountedProgress())
    assert outcome == NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
    assert len(far.seen) == 1


@pytest.mark.parametrize(
    ("status", "decoded", "outcome"),
    [
        (202, Sent("m-1"), Unknown(Reason.BAD_ANSWER)),
        (200, Unknown(Reason.BAD_ANSWER), Unknown(Reason.BAD_ANSWER)),
        (413, Rejected(Reason.TOO_LARGE), Rejected(Reason.TOO_LARGE)),
        (
            503,
            Unknown(Reason.SERVER_ERROR, retry_after_s=7.0, detail="later"),
            NotSent(Reason.SERVER_ERROR, Blame.PROVIDER, 7.0, "later"),
        ),
        (
            429,
            NotSent(Reason.THROTTLED, Blame.THROTTLE, 7.0),
            NotSent(Reason.THROTTLED, Blame.THROTTLE, 7.0),
        ),
    ],
)
def test_answer_before_the_last_byte(status, decoded, outcome):
    """What a provider says before it has the whole message can excuse, but is no success."""
    reply = HttpReply(status, request_written=False)
    assert outcome_of(reply, lambda _: decoded) == outcome
    assert outcome_of(HttpReply(status), lambda _: decoded) == decoded


# -- where to


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.sendgrid.com/v3/mail/send"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/v3/mail/send"),
        ("http://127.0.0.1:8081/ignored", "http://127.0.0.1:8081/v3/mail/send"),
        ("https://proxy.example", "https://proxy.example/v3/mail/send"),
        ("http://[::1]:8081", "http://[::1]:8081/v3/mail/send"),
    ],
)
async def test_base_url(autojump_clock, base_url, url):
    """It replaces scheme, host and port of messages and probes, and keeps the API's path."""
    far, probe_far = Far(), Far()
    provider = provider_of(far, probe_far, base_url=base_url)
    await provider.send(send(), CountedProgress())
    await provider.probe()
    for seen in far.seen + probe_far.seen:
        assert seen.request.url == httpx.URL(url)
        assert seen.request.headers["host"] == httpx.URL(url).netloc.decode()


# -- probes


@pytest.mark.parametrize(
    ("sends", "statuses", "outcome", "asked"),
    [
        ((False, True), (200, 200), Sent(), 2),
        ((False, True), (500, 200), Unknown(Reason.SERVER_ERROR), 1),
        ((False, True), (200, 500), Unknown(Reason.SERVER_ERROR), 2),
        ((False, True), (401, 200), Sent(), 2),
        ((False, True), (403, 200), Sent(), 2),
        ((False, True), (403, 401), NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT), 2),
        ((False, True), (429, 200), NotSent(Reason.THROTTLED, Blame.THROTTLE), 1),
        ((True, True), (401, 200), NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT), 1),
        ((False,), (401,), NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT), 1),
        ((False, False), (403, 200), NotSent(Reason.FORBIDDEN, Blame.PROVIDER), 1),
        ((True, False), (200, 401), NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT), 2),
        ((True, False, False), (200, 401, 200), NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT), 2),
        ((False, True), (413, 200), Sent(), 2),
        ((True,), (413,), Rejected(Reason.TOO_LARGE), 1),
    ],
)
async def test_steps_of_a_probe(autojump_clock, sends, statuses, outcome, asked):
    """All steps must pass, in order. A status call may be forbidden, if a send step follows."""
    far = Far(*(Script(answer=Answer(status)) for status in statuses))
    assert await provider_of(probe_far=far, adapter=Steps(sends)).probe() == outcome
    assert [seen.request.url.path for seen in far.seen] == [f"/{step}" for step in range(asked)]


async def test_a_probe_without_steps_proves_nothing(autojump_clock):
    """An adapter that has no probe does not pass it."""
    outcome = await provider_of(adapter=Steps(())).probe()
    assert outcome == NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)


async def test_a_probe_does_not_wait_behind_mail(autojump_clock):
    """A probe goes through a transport of its own, and mail never goes through that."""
    far, probe_far = Far(Script(takes={Phase.WRITTEN: HANGS})), Far(Script(answer=Answer(200)))
    provider = provider_of(far, probe_far)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(provider.send, send(), CountedProgress())
        await trio.sleep(1.0)
        assert await provider.probe() == Sent()
        nursery.cancel_scope.cancel()
    assert (len(far.seen), len(probe_far.seen)) == (1, 1)


async def test_a_probe_that_gets_no_answer(autojump_clock):
    """A probe bounds the wait for its answer itself."""
    far = Far(Script(takes={Phase.WRITTEN: HANGS}))
    assert await provider_of(probe_far=far).probe() == Unknown(Reason.TIMEOUT)
    assert trio.current_time() == 2.0


# -- transports


@pytest.mark.parametrize("transport_for", [Transport, stock_transport])
async def test_transports(transport_for):
    """Nobody waits for a connection: there is room for one call more than can be in flight."""
    made = []

    def noted(connections_max, tls):
        made.append((connections_max, tls))
        return transport_for(connections_max, tls)

    tls = ssl.create_default_context()
    bound = http_provider(
        SENDGRID,
        poll_address=POLL,
        timeout_s=2.0,
        max_in_flight=8,
        tls=tls,
        transport_for=noted,
    )
    async with bound as provider:
        assert isinstance(provider.transport, httpx.AsyncBaseTransport)
        assert provider.probe_transport is not provider.transport
    assert made == [(9, tls), (1, tls)]
