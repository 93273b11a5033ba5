"""The certificate that callers are met with: mistakes in it end the start, not the first caller."""

from __future__ import annotations

import ssl

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from smsp.settings.tls import ServerCertificate, TlsFault, server_tls
from tests.kit.environments import MOCK, loaded, mistakes_in

CERT, KEY = "SMSP_TLS_CERT", "SMSP_TLS_KEY"
NO_CERT = "names a file that holds no certificate in PEM"
NO_KEY = "names a file that holds no unencrypted private key of that certificate, in PEM"
TOGETHER = "and SMSP_TLS_CERT are set together or not at all"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """A certificate and its key."""
    issued = authority.issue_cert("smsp.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    return {CERT: str(cert), KEY: str(key)}


def encrypted(pem):
    """The same key behind a passphrase."""
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a passphrase"),
    )


def test_both_are_read(files):
    """Their paths are settings, which ``smsp check`` may show."""
    settings = loaded(MOCK, **files)
    assert (settings.tls_cert, settings.tls_key) == (files[CERT], files[KEY])


def test_file_forms_name_the_same_files(files):
    """``_FILE`` never means the path of a path."""
    settings = loaded(MOCK, **{f"{name}_FILE": path for name, path in files.items()})
    assert (settings.tls_cert, settings.tls_key) == (files[CERT], files[KEY])


def test_both_forms_are_one_too_many(files):
    """As for every variable."""
    found = mistakes_in({**MOCK, **files, "SMSP_TLS_KEY_FILE": files[KEY]})
    assert found[KEY] == "is set twice, also by SMSP_TLS_KEY_FILE: keep one"


@pytest.mark.parametrize("left", [CERT, KEY])
def test_one_is_nothing_without_the_other(files, left):
    """Neither is ignored."""
    assert mistakes_in({**MOCK, left: files[left]}) == {KEY: TOGETHER}


@pytest.mark.parametrize("missing", [CERT, KEY])
def test_a_file_that_is_not_there(files, tmp_path, missing):
    """Nor is one that cannot be read."""
    found = mistakes_in({**MOCK, **files, missing: str(tmp_path / "nothing")})
    assert found == {missing: "names a file that cannot be read: No such file or directory"}


def test_what_is_no_certificate(files):
    """A key in its place, say."""
    assert mistakes_in({**MOCK, **files, CERT: files[KEY]}) == {CERT: NO_CERT}


def test_the_key_of_another_certificate(files, authority, tmp_path):
    """Both are right, but not together."""
    other = tmp_path / "other.pem"
    authority.issue_cert("other.example").private_key_pem.write_to_path(other)
    assert mistakes_in({**MOCK, **files, KEY: str(other)}) == {KEY: NO_KEY}


def test_a_key_behind_a_passphrase(files, authority, tmp_path):
    """Nobody is at a terminal to be asked for it."""
    secret = tmp_path / "secret.pem"
    secret.write_bytes(encrypted((tmp_path / "key.pem").read_bytes()))
    assert mistakes_in({**MOCK, **files, KEY: str(secret)}) == {KEY: NO_KEY}


def test_nothing_older_than_tls_1_2(files):
    """RFC 8996 has done away with what was before."""
    assert server_tls(files[CERT], files[KEY]).minimum_version is ssl.TLSVersion.TLSv1_2


def test_it_is_read_again(files, authority, tmp_path):
    """What new connections are met with changes, and only if both files are right together."""
    certificate = ServerCertificate(files[CERT], files[KEY])
    first = certificate.context
    assert certificate.context is first
    certificate.read_again()
    second = certificate.context
    assert second is not first
    authority.issue_cert("other.example").private_key_pem.write_to_path(tmp_path / "key.pem")
    with pytest.raises(TlsFault, match=f"SMSP_TLS_KEY {NO_KEY}"):
        certificate.read_again()
    (tmp_path / "cert.pem").unlink()
    with pytest.raises(TlsFault, match="SMSP_TLS_CERT names a file that cannot be read"):
        certificate.read_again()
    assert certificate.context is second
