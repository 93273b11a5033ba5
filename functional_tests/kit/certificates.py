"""Certificates of servers that a caller trusts, and of such that none should."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme

HOST = "localhost"
FAULTS = ("wrong name", "unknown authority", "expired", "not yet valid")
_EXPIRED = datetime(2020, 1, 1, tzinfo=UTC)
_NOT_YET = datetime(2090, 1, 1, tzinfo=UTC)


class Certificates:
    """Those of one authority that is trusted, and of one that is not."""

    def __init__(self, folder: Path) -> None:
        self.authority_path = folder / "authority.pem"
        """Whoever is to trust the authority is told this file."""
        self._authority, self._stranger = trustme.CA(), trustme.CA()
        self._authority.cert_pem.write_to_path(self.authority_path)

    def server(self, fault: str = "") -> ssl.SSLContext:
        """A server's side of TLS, for :data:`HOST`; or with one of :data:`FAULTS`."""
        issuer = self._stranger if fault == "unknown authority" else self._authority
        name = "localhost.example.org" if fault == "wrong name" else HOST
        times = {}
        if fault == "expired":
            times["not_after"] = _EXPIRED
        if fault == "not yet valid":
            times["not_before"] = _NOT_YET
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(name, **times).configure_cert(context)
        return context
