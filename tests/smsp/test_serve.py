"""What ``serve`` does beside serving: keys are read again when somebody asks for it. Starting and
stopping are seen from outside, by the functional tests."""

from __future__ import annotations

import pytest
import trio

from smsp.keys import Key, digest_of
from smsp.serve import reload
from smsp.settings import Mistake, SettingsError
from smsp.settings.tls import TlsFault
from tests.kit.web import KEY, fake_services

NEW = Key("new", digest_of("a-new-key"))


@pytest.fixture
def services():
    return fake_services()


class FakeCertificate:
    """Counts how often it is read; ``wrong`` is raised then."""

    def __init__(self):
        self.read = 0
        self.wrong = None

    def read_again(self):
        """Counted."""
        self.read += 1
        if self.wrong is not None:
            raise self.wrong


@pytest.fixture
def certificate():
    return FakeCertificate()


@pytest.fixture
async def hang_up(services, certificate, nursery):
    """Ask for a reload that gives these keys, or raises this; returns when it is done."""
    say, hear = trio.open_memory_channel(0)
    given = []

    def read_keys():
        found = given.pop()
        if isinstance(found, Exception):
            raise found
        return found

    async def ask(found):
        given.append(found)
        await say.send(1)
        while not say.statistics().tasks_waiting_receive:  # Its threads are no tasks.
            await trio.lowlevel.checkpoint()

    nursery.start_soon(reload, services, hear, read_keys, certificate)
    return ask


async def test_new_keys_take_the_place_of_the_old(services, hang_up):
    """At once, without a restart; the log names them."""
    await hang_up((NEW,))
    assert services.keyring.find("a-new-key") is NEW
    assert services.keyring.find(KEY) is None
    assert services.log.told("keys.reloaded") == [{"level": "info", "keys": ["new"]}]


async def test_with_a_mistake_the_old_keys_stay(services, hang_up):
    """Nobody is locked out by half a file; what is wrong is told, and a later try is as good."""
    await hang_up(SettingsError((Mistake("SMSP_API_KEYS", "is wrong"),)))
    assert services.keyring.find(KEY) is not None
    told = {"level": "error", "message": "SMSP_API_KEYS is wrong"}
    assert services.log.told("keys.not_reloaded") == [told]
    await hang_up((NEW,))
    assert services.keyring.find("a-new-key") is NEW


async def test_the_certificate_is_read_again_too(services, hang_up, certificate):
    """Whatever becomes of the keys; the log says so."""
    await hang_up((NEW,))
    await hang_up(SettingsError((Mistake("SMSP_API_KEYS", "is wrong"),)))
    assert certificate.read == 2
    assert services.log.told("certificate.reloaded") == [{"level": "info"}] * 2


async def test_a_certificate_that_is_wrong(services, hang_up, certificate):
    """It is told by its variable, the keys are changed, and a later try is as good."""
    certificate.wrong = TlsFault("SMSP_TLS_KEY", "is of another certificate")
    await hang_up((NEW,))
    assert services.keyring.find("a-new-key") is NEW
    told = {"level": "error", "message": "SMSP_TLS_KEY is of another certificate"}
    assert services.log.told("certificate.not_reloaded") == [told]
    certificate.wrong = None
    await hang_up((NEW,))
    assert len(services.log.told("certificate.reloaded")) == 1
