"""HTTPS by SMSP itself: a certificate of a test's own authority, and callers who check it.

Needs the inside: the same context as SMSP makes of the files is met without a node.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
import trio
import trustme

from functional_tests.kit.polling import eventually
from functional_tests.kit.server import LIVEZ, running
from functional_tests.kit.smsp import KEY
from smsp.settings.tls import server_tls
from tests.kit.web import message

SERVERS = ("smsp", "hypercorn")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """Certificate and key for this machine."""
    files = {
        "SMSP_TLS_CERT": str(tmp_path / "cert.pem"),
        "SMSP_TLS_KEY_FILE": str(tmp_path / "key.pem"),
    }
    issue(authority, files)
    return files


def issue(authority, files, *, only=None):
    """Write a new certificate and its key into the files, or one of both."""
    issued = authority.issue_cert("127.0.0.1")
    if only != "cert":
        issued.private_key_pem.write_to_path(files["SMSP_TLS_KEY_FILE"])
    if only != "key":
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        Path(files["SMSP_TLS_CERT"]).write_bytes(chain)


@pytest.fixture
def trusting(authority):
    """What a caller is told that knows the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_a_message_over_https(start_alone, files, trusting):
    """The whole server, and a caller who verifies whom it talks to."""
    smsp = start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true", **files})
    assert smsp.url.startswith("https://127.0.0.1:")
    with httpx.Client(verify=trusting, trust_env=False, headers={"X-API-KEY": KEY}) as caller:
        for _ in range(3):
            answer = caller.post(
                f"{smsp.url}/email",
                content=message(),
                headers={"Content-Type": "application/json"},
            )
            assert answer.json()["outcome"] == "sent"
    with closing(smsp.http), pytest.raises(httpx.ConnectError):
        smsp.http.get("/livez")  # does not know the authority


class Connected:
    """A caller's connection to a running SMSP, and the certificate that it was met with."""

    def __init__(self, smsp, trusting):
        port = int(smsp.url.rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), 20)
        self.stream = trusting.wrap_socket(plain, server_hostname="127.0.0.1")
        self.certificate = self.stream.getpeercert(binary_form=True)

    def lives(self):
        """Whether it is still served."""
        self.stream.sendall(LIVEZ)
        return self.stream.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_a_certificate_is_changed_without_a_restart(start_alone, files, authority, trusting):
    """SIGHUP: who comes now is met with the new one, who is there stays. With a key that is of
    another certificate, or a file that is gone, the log says so and nothing changes."""
    smsp = start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true", **files})
    old = Connected(smsp, trusting)
    issue(authority, files)
    reload(smsp, "certificate.reloaded", 1)
    new = Connected(smsp, trusting)
    assert new.certificate != old.certificate
    issue(authority, files, only="key")
    reload(smsp, "certificate.not_reloaded", 1)
    Path(files["SMSP_TLS_CERT"]).unlink()
    reload(smsp, "certificate.not_reloaded", 2)
    same = Connected(smsp, trusting)
    assert same.certificate == new.certificate
    told = [one for one in smsp.process.events if one["event"] == "certificate.not_reloaded"]
    assert [one["message"].partition(" ")[0] for one in told] == ["SMSP_TLS_KEY", "SMSP_TLS_CERT"]
    issue(authority, files)
    reload(smsp, "certificate.reloaded", 2)
    newest = Connected(smsp, trusting)
    assert newest.certificate not in (old.certificate, new.certificate)
    for connected in (old, new, same, newest):
        assert connected.lives()
        connected.stream.close()


def reload(smsp, event, times):
    """Have it read its files again, and return when it has said this so often."""
    smsp.process.hang_up()
    eventually(
        lambda: sum(one["event"] == event for one in smsp.process.events) == times,
        f"{event} is told",
    )


@pytest.fixture
def server_context(files):
    return server_tls(files["SMSP_TLS_CERT"], files["SMSP_TLS_KEY_FILE"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions_that_are_spoken(server_context, trusting, version):
    """TLS 1.2 and 1.3."""
    trusting.minimum_version = trusting.maximum_version = version
    async with running(tls=server_context) as server, await server.connect() as peer:
        peer.stream = trio.SSLStream(peer.stream, trusting, server_hostname="127.0.0.1")
        assert (await peer.ask(LIVEZ)).status == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_older_versions_are_not(server_context, trusting):
    """TLS 1.1 ends in the handshake."""
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running(tls=server_context) as server, await server.connect() as peer:
        stream = trio.SSLStream(peer.stream, trusting, server_hostname="127.0.0.1")
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()


async def test_who_speaks_no_tls_costs_nobody_anything(server_context, trusting):
    """Plain HTTP, half a handshake, nothing at all: others are served."""
    async with (
        running(tls=server_context) as server,
        await server.connect() as plain,
        await server.connect() as half,
    ):
        await plain.stream.send_all(LIVEZ)
        await half.stream.send_all(b"\x16\x03\x01\x02\x00\x01")
        with suppress(trio.BrokenResourceError):
            assert b"HTTP" not in await plain.rest()
        async with await server.connect() as peer:
            peer.stream = trio.SSLStream(peer.stream, trusting, server_hostname="127.0.0.1")
            assert (await peer.ask(LIVEZ)).status == 200
