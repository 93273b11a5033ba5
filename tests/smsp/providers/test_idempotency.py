"""Which providers recognise a repeated request by a key of ours."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from smsp.outcome import Outcome, Reason, Sent, Unknown
from smsp.providers import KINDS
from smsp.providers.http import HttpProvider
from smsp.providers.idempotency import ASK_AGAIN_AFTER_S, key_of
from smsp.providers.phases import Phase
from smsp.providers.protocols import IdempotentAdapter
from tests.kit.far_http import HANGS, Answer, Far, Script
from tests.kit.mails import mailbox, send
from tests.smsp.providers.test_adapters import ADAPTERS
from tests.smsp.providers.test_http import CountedProgress


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
