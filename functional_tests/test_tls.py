"""HTTPS by SMSP itself: a certificate of a test's own authority, and callers who check it."""

from __future__ import annotations

import ssl
from contextlib import closing, suppress

import httpx
import pytest
import trio
import trustme

from functional_tests.kit.server import LIVEZ, running
from functional_tests.kit.smsp import KEY
from smsp.settings.tls import server_tls
from tests.kit.web import message


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    """Certificate and key for this machine."""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    return {
        "SMSP_TLS_CERT": str(folder / "cert.pem"),
        "SMSP_TLS_KEY_FILE": str(folder / "key.pem"),
    }


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
