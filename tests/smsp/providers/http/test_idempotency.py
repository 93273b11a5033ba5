"""Which providers recognise a repeated request by a key of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from smsp.mail import Attachment, Submission, fingerprint
from smsp.mail.outcome import Blame, Outcome, Reason, Sent, Unknown
from smsp.providers import KINDS
from smsp.providers.http.idempotency import ASK_AGAIN_AFTER_S, key_of
from smsp.providers.http.phases import Phase
from smsp.providers.http.provider import HttpProvider
from smsp.providers.protocols import IdempotentAdapter
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import SEND_ID, mailbox, send
from tests.smsp.providers.adapters.test_adapters import ADAPTERS
from tests.smsp.providers.http.test_provider import CountedProgress


@pytest.mark.parametrize("kind", ADAPTERS)
def test_only_those_that_document_it_claim_it(kind):
    """To claim it for another would turn a doubt into a second mail."""
    assert isinstance(ADAPTERS[kind], IdempotentAdapter) is (
        kind in {"brevo", "resend", "sparkpost"}
    )


def test_every_kind_is_looked_at():
    """An adapter that is registered is tested."""
    assert set(ADAPTERS) <= set(KINDS)


RESEND = ADAPTERS["resend"]
TOOK_IT = Script(answer=Answer(200, {}, (b'{"id": "m-1"}',)))
LOST = Script(raises={Phase.WRITTEN: httpx.ReadError("reset")})
BROKEN = Script(answer=Answer(500, {}, (b"{}",)))
HUNG = Script(takes={Phase.WRITTEN: HANGS})
REFUSES = Script(answer=Answer(422, {}, (b'{"name": "missing_required_field"}',)))


async def sent_through(*scripts: Script) -> tuple[Outcome, Far]:
    """A message through Resend, which does this with each try."""
    far = Far(*scripts)
    provider = HttpProvider(RESEND, far, Far(), mailbox("poll@example.com"), 2.0)
    return await provider.send(send(), CountedProgress()), far


def keys_of(far: Far) -> list[str]:
    """The key of each try."""
    return [seen.request.headers["Idempotency-Key"] for seen in far.seen]


@pytest.mark.parametrize("doubt", [LOST, BROKEN, HUNG])
async def test_a_doubt_is_resolved_by_asking_again(autojump_clock, doubt):
    """The same call with the same key, at the same provider, until it says that it has it."""
    outcome, far = await sent_through(doubt, doubt, TOOK_IT)

    assert outcome == Sent("m-1")
    assert len(keys_of(far)) == 3
    assert len(set(keys_of(far))) == 1
    assert len({bytes(seen.body) for seen in far.seen}) == 1


async def test_a_refusal_of_the_repetition_resolves_nothing(autojump_clock):
    """It does not prove that the first was not taken."""
    outcome, far = await sent_through(LOST, *[REFUSES] * 9)

    assert outcome == Unknown(Reason.CONNECTION_LOST)
    assert len(far.seen) == 1 + len(ASK_AGAIN_AFTER_S)


@pytest.mark.parametrize(
    "script",
    [TOOK_IT, REFUSES, Script(raises={Phase.CONNECTING: httpx.ConnectError("refused")})],
)
async def test_what_is_known_is_not_asked_again(autojump_clock, script):
    """Neither a success, nor a refusal, nor what was never written."""
    _, far = await sent_through(script)

    assert len(far.seen) == 1


async def test_without_keys_a_doubt_stays_one(autojump_clock):
    """Any other provider is asked once."""
    far = Far(LOST)
    provider = HttpProvider(ADAPTERS["sendgrid"], far, Far(), mailbox("poll@example.com"), 2.0)

    assert await provider.send(send(), CountedProgress()) == Unknown(Reason.CONNECTION_LOST)
    assert len(far.seen) == 1


def test_the_key_names_one_message_of_one_caller():
    """By the caller's key if there is one, else by our id, and by every byte of the call."""
    call = RESEND.encode(send())
    mine = replace(send(), owner="app", idempotency_key="order-42")
    others = (
        replace(mine, owner="other"),
        replace(mine, idempotency_key="order-43"),
        replace(mine, idempotency_key=None),
        replace(mine, idempotency_key=None, id=UUID(int=1)),
    )
    keys = {key_of(mine, call), *(key_of(other, call) for other in others)}

    assert key_of(mine, call) == key_of(replace(mine, id=UUID(int=1)), call)
    assert len(keys | {key_of(mine, replace(call, body=call.body + b" "))}) == 6
    assert {key.version for key in keys} == {5}


def test_the_key_is_the_same_in_every_release():
    """A provider keeps keys for longer than an upgrade takes."""
    mine = replace(send(), owner="app", idempotency_key="order-42")
    call = replace(RESEND.encode(mine), body=b"body")
    assert str(key_of(mine, call)) == "c2d94b00-795f-5907-a718-3159deb9b1b0"
    unnamed = replace(mine, idempotency_key=None, id=UUID(int=1))
    assert str(key_of(unnamed, call)) == "b284f4be-c74d-576e-ba51-888c506fb874"


KEYED = sorted(kind for kind, adapter in ADAPTERS.items() if isinstance(adapter, IdempotentAdapter))
every_keyed = pytest.mark.parametrize("kind", KEYED)
ORDER = replace(
    send(
        subject="Your order",
        text="Thanks",
        html="<p>Thanks</p>",
        headers={"X-Shop": "one", "X-Area": "north"},
        metadata={"order": "42", "area": "north"},
        tags=("order", "area"),
        attachments=(Attachment("a.txt", "text/plain", b"a" * 100),),
    ),
    owner="app",
    idempotency_key="order-42",
)


async def said_to(
    kind: str, message: Submission
) -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
    """What a node that knows nothing but this message says to the provider: all of it."""
    far = Far(REFUSES)
    provider = HttpProvider(ADAPTERS[kind], far, Far(), mailbox("poll@example.com"), 2.0)
    await provider.send(message, CountedProgress())
    (seen,) = far.seen
    return str(seen.request.url), bytes(seen.body), tuple(seen.request.headers.raw)


def again(message: Submission, **fields: Any) -> Submission:
    """The same request of the same caller as another node takes it up, but for these fields of its
    mail: with an id and a request key of its own."""
    mail = replace(message.mail, **fields) if fields else message.mail
    return replace(message, id=UUID(int=1), request_key="another", mail=mail)


@every_keyed
async def test_another_node_says_exactly_the_same(autojump_clock, kind):
    """A caller who repeats a message after a crash must not send it twice: the provider knows it
    by its key, and takes the key with no other words."""
    assert await said_to(kind, ORDER) == await said_to(kind, again(ORDER))


@every_keyed
async def test_the_same_message_in_another_order_is_the_same_to_a_provider(autojump_clock, kind):
    """Whatever the ledger takes for a repetition, the provider must be able to."""
    reordered = again(
        ORDER,
        headers=dict(reversed(ORDER.mail.headers.items())),
        metadata=dict(reversed(ORDER.mail.metadata.items())),
    )

    assert fingerprint(reordered.mail) == fingerprint(ORDER.mail)
    assert await said_to(kind, ORDER) == await said_to(kind, reordered)


def key_in(said: tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]) -> str:
    """The provider's key in a request, wherever it has its place."""
    _, body, headers = said
    among_headers = dict(headers).get(b"Idempotency-Key")
    if among_headers is not None:
        return among_headers.decode()
    return json.loads(body)["headers"]["idempotencyKey"]


@every_keyed
async def test_what_is_another_message_has_another_key(autojump_clock, kind):
    """Of another API key, under another name, or in other words; without a name each is its own."""
    others = (
        ORDER,
        replace(ORDER, owner="other"),
        replace(ORDER, idempotency_key="order-43"),
        again(ORDER, subject="Your other order"),
        again(ORDER, to=(mailbox("eve@example.org"),)),
        again(ORDER, headers={"X-Shop": "two", "X-Area": "north"}),
        again(ORDER, attachments=(Attachment("a.txt", "text/plain", b"b" * 100),)),
        replace(ORDER, idempotency_key=None),
        again(replace(ORDER, idempotency_key=None)),
    )
    said = [key_in(await said_to(kind, other)) for other in others]

    assert len(set(said)) == len(others)


@every_keyed
async def test_without_a_key_a_message_travels_under_its_own_id(autojump_clock, kind):
    """That is what answers and logs call it; with a key no two tries could be told to be one."""
    _, unkeyed, _ = await said_to(kind, replace(ORDER, idempotency_key=None))
    _, keyed, _ = await said_to(kind, ORDER)

    assert str(SEND_ID).encode() in unkeyed
    assert str(SEND_ID).encode() not in keyed


async def test_the_key_is_the_same_in_every_process_and_version(autojump_clock):
    """A new version must recognise what its forerunner has left in doubt."""
    plain = replace(send(subject="s", text="t"), owner="app", idempotency_key="order-42")

    assert key_in(await said_to("resend", plain)) == "53bcef4e-6581-5620-94d0-edc9e0e33996"


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("resend", 409, {"name": "invalid_idempotent_request", "message": "other payload"}),
        ("resend", 409, {"name": "concurrent_idempotent_requests", "message": "in progress"}),
        ("resend", 409, {"name": "conflict"}),
        ("brevo", 400, {"code": "duplicate_request", "message": "?"}),
        ("sparkpost", 409, {"errors": [{"code": "1600", "message": "other body"}]}),
        ("sparkpost", 409, {"errors": [{"code": "1601", "message": "in progress"}]}),
        ("sparkpost", 409, {"errors": [{"message": "?"}]}),
    ],
)
async def test_a_quarrel_about_the_key_proves_nothing(autojump_clock, kind, status, words):
    """Something was sent with it: nobody else may be asked to send the message."""
    answer = Script(answer=Answer(status, {}, (json.dumps(words).encode(),)))
    far = Far(*[answer] * 5)
    provider = HttpProvider(ADAPTERS[kind], far, Far(), mailbox("poll@example.com"), 2.0)

    outcome = await provider.send(ORDER, CountedProgress())

    assert isinstance(outcome, Unknown)
    assert outcome.blame is Blame.NOBODY
