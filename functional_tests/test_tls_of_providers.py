"""Whom SMSP talks to: a provider whose certificate does not hold is told nothing at all.

Certificates are verified for the host's name and up to an authority that the machine trusts, by
HTTPS as by SMTP, for mail and for polls.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from functional_tests.conftest import running_smsp
from functional_tests.kit.certificates import FAULTS, HOST, Certificates
from functional_tests.kit.polling import eventually
from functional_tests.kit.smtp_peers import PASSWORD, USER, dispatcher
from functional_tests.kit.tls_peer import tls_peer

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

SOUND = ""
SECURITIES = ("starttls", "tls")


def name_of(way: str, fault: str) -> str:
    """What SMSP calls the provider that is reached this way, and has this fault."""
    return f"{way}-{fault or 'sound'}".replace(" ", "-")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """A provider for each way and each fault, and the settings that name them all."""
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    servers, settings = {}, {"SSL_CERT_FILE": str(certificates.authority_path)}

    def known(way, fault, server, **own):
        name = name_of(way, fault)
        servers[name] = server
        prefix = f"SMSP_{name.upper().replace('-', '_')}_"
        settings.update({prefix + variable: value for variable, value in own.items()})

    with ExitStack() as stack:
        for fault in (SOUND, *FAULTS):
            peer = stack.enter_context(tls_peer(certificates.server(fault)))
            url = f"https://{HOST}:{peer.port}"
            known("https", fault, peer, KIND="sendgrid", API_KEY="SG.key", BASE_URL=url)
            for way in SECURITIES:
                tls = {way: certificates.server(fault)}
                room = stack.enter_context(dispatcher(login=True, **tls))
                where = {"KIND": "smtp", "HOST": HOST, "PORT": str(room.port), "SECURITY": way}
                known(way, fault, room, USERNAME=USER, PASSWORD=PASSWORD, **where)
        yield servers, settings | {"SMSP_PROVIDERS": ",".join(servers)}


@pytest.fixture(scope="module")
def smsp(servers, register, tmp_path_factory):
    """One SMSP in front of them all, on a machine that trusts one authority."""
    settings = {
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.com",
        "SMSP_POLL_INTERVAL": "0.1",
        "SMSP_POLL_INTERVAL_MAX": "0.2",
        "SMSP_CALL_TIMEOUT": "5",
        **servers[1],
    }
    with running_smsp(settings, register, tmp_path_factory.mktemp("smsp") / "log") as smsp:
        yield smsp


def assert_refused(smsp, name):
    """Mail is not sent, for TLS's sake, and the circuit opens and says so; polls leave it open."""
    answer = smsp.send(provider=name)
    assert (answer.outcome, answer.attempts) == ("not_sent", [(name, "not_sent", "tls_failed")])
    snapshot = smsp.provider(name)
    assert (snapshot["state"], snapshot["reason"]) == ("open", "tls_failed")
    polled = eventually(lambda: smsp.provider(name)["last_probe"], f"{name} has been polled")
    assert polled["outcome"] == "not_sent"
    assert smsp.provider(name)["state"] == "open"


@pytest.mark.parametrize("fault", FAULTS)
def test_https(smsp, servers, fault):
    """Not a byte of the message comes through the handshake."""
    name = name_of("https", fault)
    peer = servers[0][name]
    assert_refused(smsp, name)
    assert peer.heard == []
    eventually(lambda: peer.refused >= 2, "mail and a poll have been refused")


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("fault", FAULTS)
def test_smtp(smsp, servers, security, fault):
    """Nor is anything said there, a log-in least of all."""
    name = name_of(security, fault)
    assert_refused(smsp, name)
    assert servers[0][name].taken == []


def test_https_that_holds(smsp, servers):
    """With a certificate in order it is sent: what is refused above is not a closed port."""
    name = name_of("https", SOUND)
    assert smsp.send(provider=name).outcome == "sent"
    assert b"Hello." in b"".join(servers[0][name].heard)


@pytest.mark.parametrize("security", SECURITIES)
def test_smtp_that_holds(smsp, servers, security):
    """Likewise."""
    name = name_of(security, SOUND)
    assert smsp.send(provider=name).outcome == "sent"
    assert len(servers[0][name].taken) == 1
