"""A message becomes a call, a large one away from everybody else."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from smsp.mail import LARGE_BYTES, LARGE_THINGS, Attachment, is_large
from smsp.providers.adapters.resend import Resend
from smsp.providers.adapters.ses import Ses
from smsp.providers.encoding.body import Body
from smsp.providers.encoding.threads import ENCODERS_MAX
from smsp.providers.http.encoding import Encoder
from smsp.providers.http.idempotency import key_of
from smsp.providers.protocols import HttpCall
from tests.kit.mails import mailbox, send

LARGE = b"a" * (LARGE_BYTES + 1)


class Watched:
    """An adapter that tells in which thread it was used."""

    def __init__(self):
        self.threads = []

    def encode(self, send):
        self.threads.append(threading.current_thread())
        return HttpCall("POST", f"https://provider.invalid/{send.id}")


@pytest.mark.parametrize(
    ("mail", "large"),
    [
        ({}, False),
        ({"text": "a" * LARGE_BYTES, "html": None}, False),
        ({"text": "a" * LARGE_BYTES, "html": "b"}, True),
        ({"attachments": (Attachment("a.bin", "a/b", LARGE, None),)}, True),
        ({"cc": (mailbox("a@example.org"),) * (LARGE_THINGS - 1)}, False),
        ({"cc": (mailbox("a@example.org"),) * LARGE_THINGS}, True),
        ({"headers": {f"X-{n}": "a" * 900 for n in range(16)}}, False),
        ({"headers": {f"X-{n}": "a" * 900 for n in range(20)}}, True),
        ({"to": (mailbox("a@example.org", "n" * 300),) * 60}, True),
    ],
)
async def test_a_large_message_is_encoded_in_a_thread(mail, large):
    """Over 1 MiB of bodies and attachments, or many recipients, headers and the like; a small one
    is not worth the way there."""
    adapter, message = Watched(), send(**mail)
    assert is_large(message.mail) is large
    call = await Encoder().call(adapter, message)
    assert call.url.endswith(str(message.id))
    assert [thread is threading.current_thread() for thread in adapter.threads] == [not large]


class Held(Watched):
    """Holds its thread until it is let go."""

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def encode(self, send):
        call = super().encode(send)
        self.let_go.wait()
        return call


async def test_a_provider_has_threads_of_its_own():
    """Large messages of one provider take no thread from name look-ups, or from other providers:
    two at a time are encoded, and the others wait."""
    adapter, encoder = Held(), Encoder()
    large = send(attachments=(Attachment("a.bin", "a/b", LARGE, None),))
    everybody = trio.to_thread.current_default_thread_limiter()
    async with trio.open_nursery() as nursery:
        for _ in range(ENCODERS_MAX + 1):
            nursery.start_soon(encoder.call, adapter, large)
        await trio.testing.wait_all_tasks_blocked()
        assert everybody.borrowed_tokens == 0
        assert len(adapter.threads) <= ENCODERS_MAX
        adapter.let_go.set()
    assert len(adapter.threads) == ENCODERS_MAX + 1
    assert ENCODERS_MAX == 2


async def test_the_call_has_the_provider_s_own_key():
    """Where the provider knows such; it is a digest of the whole, so it is made there, too."""
    adapter, message = Resend(api_key="key"), send()
    plain = adapter.encode(message)
    assert await Encoder().call(adapter, message) == adapter.keyed(plain, key_of(message, plain))


async def test_what_will_be_signed_is_digested_there_too():
    """A signature is made just before the call, by whoever makes it, and must not take long."""
    adapter = Ses(region="eu-west-1", access_key_id="id", secret_access_key="secret")
    message = send(attachments=(Attachment("a.bin", "a/b", LARGE, None),))
    call = await Encoder().call(adapter, message)
    assert isinstance(call.body, Body)
    assert "sha256" in vars(call.body)
    assert "sha256" not in vars(adapter.encode(message).body)


class Keyed(Watched):
    """One whose provider knows repetitions: of its call a digest is made."""

    def keyed(self, call, key):
        return call


class Signed(Watched):
    """One that signs its calls."""

    def sign(self, call, at):
        self.threads.append(threading.current_thread())
        return call


@pytest.mark.parametrize(
    ("adapter", "attached_bytes", "aside"),
    [
        (Watched(), 200_000, False),
        (Keyed(), 94_400, False),
        (Keyed(), 94_600, True),
        (Signed(), 94_400, False),
        (Signed(), 94_600, True),
    ],
    ids=["plain", "keyed", "keyed and long", "signed", "signed and long"],
)
async def test_what_is_digested_goes_aside_sooner(adapter, attached_bytes, aside):
    """Above 128 KiB as it is mailed, since all of it is gone through then."""
    message = send(attachments=(Attachment("a.bin", "a/b", b"a" * attached_bytes),))
    assert (message.mail.mime_bytes > 131_072) is (attached_bytes > 94_500)
    await Encoder().call(adapter, message)
    assert [thread is not threading.current_thread() for thread in adapter.threads] == [aside]


@pytest.mark.parametrize(("body_bytes", "aside"), [(1_048_576, False), (1_048_577, True)])
async def test_what_is_large_is_signed_aside(body_bytes, aside):
    """Above 1 MiB, for the moment at which that is done."""
    adapter = Signed()
    call = HttpCall("POST", "https://provider.invalid/", (), b"a" * body_bytes)
    assert await Encoder().signed(adapter, call, lambda: None) is call
    assert [thread is not threading.current_thread() for thread in adapter.threads] == [aside]
