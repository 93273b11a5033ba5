"""What tests of SMTP share: TLS, from both sides."""

from __future__ import annotations

import ssl

import pytest
import trustme


@pytest.fixture(scope="module")
def both_sides() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS as the server has it, and as we do."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example.com").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
