"""A provider that wants its calls signed: over what is sent, at the time of day it is sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from smsp.mail import LARGE_BYTES, Attachment
from smsp.mail.outcome import Sent
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.adapters.ses import Ses
from smsp.providers.http.provider import HttpProvider
from smsp.providers.protocols import HttpCall
from tests.kit.far_http import Answer, Far, Script
from tests.kit.mails import mailbox, send

POLL = mailbox("poll@example.com")
SES = Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region="eu-west-1")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAKEN = Script(answer=Answer(200, {}, (b'{"MessageId": "m-1"}',)))
HEALTHY = Script(answer=Answer(200, {}, (b'{"SendingEnabled": true}',)))


class Progress:
    """Nobody watches."""

    def commit(self):
        """The last byte has been written."""


def provider_of(far, adapter=SES, base_url=None):
    """A provider whose network is played, and whose clock stands still."""
    return HttpProvider(adapter, far, far, POLL, 2.0, base_url, now=lambda: MOMENT)


def authorization_of(request):
    """What the far side saw of the signature."""
    return request.headers["authorization"], request.headers["x-amz-date"]


def signed(call: HttpCall) -> tuple[str, str]:
    """The same, of a call signed by the adapter."""
    headers = dict(SES.sign(call, MOMENT).headers)
    return headers["Authorization"], headers["X-Amz-Date"]


async def test_a_message_is_signed(autojump_clock):
    """With the moment at which the call is made."""
    far = Far(TAKEN)
    assert await provider_of(far).send(send(), Progress()) == Sent("m-1")
    (seen,) = far.seen
    assert authorization_of(seen.request) == signed(SES.encode(send()))


@pytest.mark.parametrize("base_url", ["https://localhost", "http://localhost:9000"])
async def test_the_signature_is_over_the_host_that_is_called(autojump_clock, base_url):
    """A host that stands in for the provider's can check the signature, port and all."""
    far = Far(TAKEN)
    await provider_of(far, base_url=base_url).send(send(), Progress())
    (seen,) = far.seen
    call = SES.encode(send())
    assert authorization_of(seen.request) == signed(
        replace(call, url=f"{base_url}/v2/email/outbound-emails")
    )
    assert seen.request.headers["host"] == base_url.partition("://")[2]


async def test_every_step_of_a_probe_is_signed(autojump_clock):
    """The look at the account as well as the poll."""
    far = Far(HEALTHY, TAKEN)
    assert await provider_of(far).probe() == Sent("m-1")
    steps = SES.probe(POLL)
    assert [authorization_of(seen.request) for seen in far.seen] == [
        signed(step.call) for step in steps
    ]


async def test_other_providers_are_asked_for_no_signature(autojump_clock):
    """Nor is the clock looked at for them."""
    far = Far()
    await provider_of(far, SendGrid(api_key="SG.key")).send(send(), Progress())
    (seen,) = far.seen
    assert seen.request.headers["authorization"] == "Bearer SG.key"
    assert "x-amz-date" not in seen.request.headers


@dataclass(frozen=True)
class Watched:
    """An adapter that tells in which threads its calls were signed."""

    ses: Ses = SES
    threads: list[threading.Thread] = field(default_factory=list)

    def encode(self, message):
        """As SES does."""
        return self.ses.encode(message)

    def decode(self, reply):
        """As SES does."""
        return self.ses.decode(reply)

    def sign(self, call, at):
        """As SES does, seen."""
        self.threads.append(threading.current_thread())
        return self.ses.sign(call, at)


@pytest.mark.parametrize("size", [1, LARGE_BYTES // 2, 3 * LARGE_BYTES // 4, LARGE_BYTES])
async def test_a_large_call_is_signed_where_nobody_waits(size):
    """A digest of all its bytes takes time that others would miss; of a small one, less than that.

    What is measured is the call: a file is larger there than in the message.
    """
    far, adapter = Far(TAKEN), Watched()
    message = send(attachments=(Attachment("a.bin", "application/pdf", b"x" * size),))
    assert await provider_of(far, adapter).send(message, Progress()) == Sent("m-1")
    call = SES.encode(message)
    (seen,) = far.seen
    assert authorization_of(seen.request) == signed(call)
    on_the_loop = [thread is threading.current_thread() for thread in adapter.threads]
    assert on_the_loop == [len(call.body) <= LARGE_BYTES]
