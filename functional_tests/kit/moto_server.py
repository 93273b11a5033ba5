"""moto's server, which plays AWS on loopback: identities to send from, and what was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import Process, running

REGION = "eu-west-1"
START_WITHIN_S = 60.0
# Not checked by moto: it takes the region and the service from it.
_SIGNED = f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{REGION}/ses/aws4_request, Signature=0"


class Moto:
    """A running ``python -m moto.server``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False)

    def verify(self, identity: str) -> None:
        """From now on mail may be sent from this address or domain."""
        self._http.post(
            "/v2/email/identities",
            headers={"Authorization": _SIGNED},
            json={"EmailIdentity": identity},
        ).raise_for_status()

    def taken(self) -> list[dict]:
        """Every raw message, with its ``destinations``, as moto has stored it."""
        return self._http.get("/moto-api/data.json").raise_for_status().json()["ses"]["RawMessage"]

    def forget(self) -> None:
        """No identity, no message."""
        self._http.post("/moto-api/reset").raise_for_status()

    def close(self) -> None:
        """Close our connections to it."""
        self._http.close()


@contextmanager
def moto_server(register: list[Process], log_path: Path) -> Iterator[Moto]:
    """moto on a free port of loopback."""
    process = Process("moto", ["moto.server", "-H", "127.0.0.1", "-p", "0"], {}, log_path)
    with running(process, register):
        found = eventually(lambda: _address(process), "moto has started", within_s=START_WITHIN_S)
        with closing(Moto(found[0])) as moto:
            yield moto


def _address(process: Process) -> re.Match[str] | None:
    process.check_alive()
    return re.search(r"http://127\.0\.0\.1:[1-9]\d*", process.log)
