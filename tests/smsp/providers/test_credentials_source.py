"""Credentials that somebody lends: fetched before a call begins, and never waited for too long."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

import pytest
import trio

from smsp.mail.outcome import Blame, NotSent, Reason, Sent
from smsp.providers import KINDS
from smsp.providers.adapters.ses import Ses
from smsp.providers.credentials_source import CredentialsCache, DefaultChain
from smsp.providers.http.provider import HttpProvider
from smsp.providers.protocols import TemporaryCredentials
from tests.kit.environments import KEY, mistakes_in
from tests.kit.far_http import Answer, Far, Script
from tests.kit.mails import mailbox, send
from tests.smsp.providers.http.test_provider import CountedProgress

POLL = mailbox("poll@example.com")
LOAN = TemporaryCredentials("AKIDLENT", "lent-secret", "lent-token")
NOT_LENT = NotSent(Reason.NO_CREDENTIALS, Blame.PROVIDER)
PATIENCE_S = 60.0
TAKEN = Script(answer=Answer(200, {}, (b'{"MessageId": "m-1"}',)))


@dataclass
class Bank:
    """Lends what it has."""

    loans: list[TemporaryCredentials | None] = field(default_factory=list)

    def missing(self):
        return None

    def fetch(self):
        return self.loans.pop(0)


class SlowBank:
    """Answers only when it is let."""

    def __init__(self):
        self.opens = threading.Event()

    def missing(self):
        return None

    def fetch(self):
        self.opens.wait(PATIENCE_S)
        return LOAN


class BorrowingSes(Ses):
    """SES whose credentials a test lends."""

    bank = None

    def credentials_source(self):
        return self.bank


def ses_of(bank) -> Ses:
    """SES without keys, in front of this source."""
    kind = type("BorrowingSes", (BorrowingSes,), {"bank": bank})
    return kind(region="eu-west-1")


def provider_of(adapter, far) -> HttpProvider:
    """The adapter behind a network that is played, with more patience than a thread needs."""
    return HttpProvider(adapter, far, far, POLL, PATIENCE_S)


async def test_a_message_is_signed_with_what_is_lent():
    """Each call with the credentials in force when it begins."""
    far = Far(TAKEN, TAKEN)
    provider = provider_of(
        ses_of(Bank([LOAN, TemporaryCredentials("AKIDOTHER", "other-secret")])), far
    )
    for _ in range(2):
        assert await provider.send(send(), CountedProgress()) == Sent("m-1")
    first, second = (seen.request.headers for seen in far.seen)
    assert "Credential=AKIDLENT/" in first["authorization"]
    assert first["x-amz-security-token"] == "lent-token"
    assert "Credential=AKIDOTHER/" in second["authorization"]
    assert "x-amz-security-token" not in second


async def test_a_probe_borrows_too():
    """It tests what mail would do."""
    far = Far(Script(answer=Answer(200, {}, (b'{"SendingEnabled": true}',))), TAKEN)
    assert await provider_of(ses_of(Bank([LOAN])), far).probe() == Sent("m-1")
    assert all("AKIDLENT" in seen.request.headers["authorization"] for seen in far.seen)


async def test_without_credentials_no_call_is_made():
    """The message is not sent, and the next attempt asks again."""
    far, progress = Far(), CountedProgress()
    provider = provider_of(ses_of(Bank([None, None, LOAN])), far)
    assert await provider.send(send(), progress) == NOT_LENT
    assert await provider.probe() == NOT_LENT
    assert (far.seen, progress.commits) == ([], 0)


async def test_a_slow_lender_is_not_waited_for(autojump_clock):
    """Time is up before anything is written: not sent. Nor do threads pile up behind it."""
    bank, far = SlowBank(), Far()
    provider = provider_of(ses_of(bank), far)
    before = threading.active_count()
    began = trio.current_time()
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(_is_not_lent, provider)
        assert trio.current_time() - began == pytest.approx(PATIENCE_S)
        assert threading.active_count() <= before + 1
        assert far.seen == []
    finally:
        bank.opens.set()


async def test_keys_in_the_settings_are_nobody_s_to_lend():
    """With them the adapter is complete as it is."""
    own = Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region="eu-west-1")
    assert own.credentials_source() is None
    assert await CredentialsCache(own, 1.0).adapter() is own


# -- AWS's default chain


def test_the_chain_reads_what_aws_defines(monkeypatch, tmp_path):
    """Here a profile in the file that the environment names; and it keeps what it has found."""
    profile = tmp_path / "credentials"
    profile.write_text("[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = abc\n")
    _only_this(monkeypatch, profile)
    chain = DefaultChain()
    assert chain.fetch() == TemporaryCredentials("AKIDFILE", "abc")
    profile.unlink()
    assert chain.fetch() == TemporaryCredentials("AKIDFILE", "abc")


def test_an_empty_or_broken_chain_lends_nothing(monkeypatch, tmp_path):
    """It is no bug of ours that AWS's own settings are wrong."""
    profile = tmp_path / "credentials"
    _only_this(monkeypatch, profile)
    assert DefaultChain().fetch() is None
    profile.write_text("[default]\naws_access_key_id = AKIDFILE\n")
    assert DefaultChain().fetch() is None


def test_without_the_extra_the_keys_are_required(monkeypatch):
    """The mistake names both, and what could be installed instead."""
    assert mistakes() == {}
    monkeypatch.setitem(sys.modules, "botocore", None)
    message = "is required; without it only where smsp[aws] is installed"
    assert mistakes() == {
        "SMSP_SES_ACCESS_KEY_ID": message,
        "SMSP_SES_SECRET_ACCESS_KEY": message,
    }
    assert mistakes(ACCESS_KEY_ID="AKIDEXAMPLE", SECRET_ACCESS_KEY="ses-secret") == {}


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"ACCESS_KEY_ID": "AKIDEXAMPLE"}, "SECRET_ACCESS_KEY"),
        ({"SECRET_ACCESS_KEY": "ses-secret"}, "SECRET_ACCESS_KEY"),
        ({"SESSION_TOKEN": "token"}, "SESSION_TOKEN"),
    ],
)
def test_keys_come_together(given, variable):
    """Half of them is a mistake, never a reason to look elsewhere for the rest."""
    assert set(mistakes(**given)) == {f"SMSP_SES_{variable}"}


def mistakes(**given: str) -> dict[str, str]:
    """Of an SMSP in front of SES with these settings."""
    own = {f"SMSP_SES_{name}": text for name, text in given.items()}
    environ = {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
        "SMSP_PROVIDERS": "ses",
        "SMSP_SES_REGION": "eu-west-1",
    }
    return mistakes_in(environ | own, KINDS)


async def _is_not_lent(provider: HttpProvider) -> None:
    assert await provider.send(send(), CountedProgress()) == NOT_LENT


def _only_this(monkeypatch, profile) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile.with_name("none")))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
