"""What callers without a key can make a node hold, and how long a send takes meanwhile.

Every siege has 4,000 connections, or as many as this system lets us open. What is measured is the
node's greatest resident memory, from before the first connection to after the last send.
"""

from __future__ import annotations

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import httpx
import pytest
import trustme

from functional_tests.kit.smsp import KEY, PATIENCE_S, Smsp

CONNECTIONS = 4_000
WAVES = 8
OURS = 200
"""Files that this process needs for itself."""
ADDED_MIB_MAX = 180
SEND_S_MAX = 1.0
"""For most sends: those that come in with a wave wait for what it costs to hear it out."""
SENDS_A_WAVE = 3
CONNECT_S = 10.0

_BEGUN = b"POST /email HTTP/1.1\r\nHost: x\r\n"
_ASSET = b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
SAYINGS = {
    "many short headers": _BEGUN + b"a:b\r\n" * 12_500,
    "few long headers": _BEGUN + b"".join(b"x-%d: %b\r\n" % (n, b"b" * 640) for n in range(95)),
    "one long header": _BEGUN + b"x: " + b"b" * 64_000,
    "a long target": b"GET /" + b"a" * 8_000,
    "many requests at once": b"GET / HTTP/1.1\r\nHost:x\r\n\r\n" * 2_400,
    "answers that nobody reads": _ASSET * 4,
    "a body in small chunks": _BEGUN
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"2\r\nab\r\n" * 9_000,
}


@pytest.mark.parametrize("said", SAYINGS.values(), ids=list(SAYINGS))
def test_a_siege(start_alone, said):
    """Whatever thousands say and do not end, little of it is held, and mail is sent."""
    smsp = start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true"})
    _withstands(smsp, said)


def test_a_siege_of_handshakes(start_alone, tmp_path):
    """Nor do handshakes that are begun and not ended fill a node that speaks TLS."""
    smsp = start_alone({"SMSP_MOCK_EMAIL_SERVICE": "true", **_certificate(tmp_path)})
    smsp.http.close()
    smsp.http = httpx.Client(
        base_url=smsp.url,
        headers={"X-API-KEY": KEY},
        timeout=PATIENCE_S,
        verify=False,
        trust_env=False,
    )
    _withstands(smsp, _client_hello())


def _withstands(smsp: Smsp, said: bytes) -> None:
    """Besiege a node with connections that all say this; hold it to its bounds."""
    assert smsp.send().outcome == "sent"
    before = _peak_mib(smsp.process.pid, anew=True)
    took: list[float] = []
    with ExitStack() as besieging:
        for _ in range(WAVES):
            for _ in range(_connections() // WAVES):
                besieging.enter_context(_caller(smsp, said))
            took += [_seconds_of(smsp) for _ in range(SENDS_A_WAVE)]
        added = _peak_mib(smsp.process.pid) - before
    print(f"{_connections()} connections: {added:.0f} MiB more, a send took {median(took):.2f} s,")
    print(f"the slowest {max(took):.2f} s")
    assert added < ADDED_MIB_MAX
    assert median(took) < SEND_S_MAX


def _connections() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(CONNECTIONS, hard - OURS)


@contextmanager
def _caller(smsp: Smsp, said: bytes) -> Iterator[None]:
    url = smsp.http.base_url
    with socket.create_connection((url.host, url.port), timeout=CONNECT_S) as connection:
        with suppress(OSError):  # It may be refused before it has said all.
            connection.sendall(said)
        yield


def _seconds_of(smsp: Smsp) -> float:
    since = time.monotonic()
    assert smsp.send().outcome == "sent"
    return time.monotonic() - since


def _peak_mib(pid: int, *, anew: bool = False) -> float:
    """The most that a process has had in memory; ``anew``: from now on (Linux: proc(5))."""
    proc = Path(f"/proc/{pid}")
    if anew:
        (proc / "clear_refs").write_text("5")
    lines = (proc / "status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def _client_hello() -> bytes:
    said = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), said, server_hostname="x")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def _certificate(folder: Path) -> dict[str, str]:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    return {
        "SMSP_TLS_CERT": str(folder / "cert.pem"),
        "SMSP_TLS_KEY_FILE": str(folder / "key.pem"),
    }
