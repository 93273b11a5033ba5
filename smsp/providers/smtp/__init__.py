"""SMTP: any server that takes mail for submission (RFC 6409), a provider's or one's own.

SMTP     https://www.rfc-editor.org/rfc/rfc5321
Secure   https://www.rfc-editor.org/rfc/rfc3207 (STARTTLS), https://www.rfc-editor.org/rfc/rfc8314
Log-in   https://www.rfc-editor.org/rfc/rfc4954

Owns what an operator says of such a server, and what it can carry.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from smsp.mail import Mailbox
from smsp.providers.credentials import ADAPTER_CONFIG
from smsp.providers.kinds import Capabilities, Exposure, Facts, Provider
from smsp.providers.smtp.provider import SmtpProvider
from smsp.providers.smtp.session import Security, Terms

_PORTS = MappingProxyType({"starttls": 587, "tls": 465, "none": 25})
# A name in its ASCII form, or an IPv4 or IPv6 address; no scheme, no port, no brackets.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]{2,45}")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("must be a host name or an IP address, without a port")
    return text


def _printable(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII characters")
    return text


def _printable_secret(secret: SecretStr) -> SecretStr:
    _printable(secret.get_secret_value())
    return secret


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Smtp:
    """One server, and the account there if it asks for one.

    Without encryption nothing is said to another machine, unless an operator insists. There is
    no ``opportunistic`` security: a server that does not offer what is asked for gets no mail.

    A local part that is not ASCII needs a server with SMTPUTF8. That is known only once it has
    been asked, so such a message is put to it, and is not sent (``needs_smtputf8``) where it lacks.
    Tags and metadata have no place in a message's standard headers and are left out.
    """

    host: Annotated[str, AfterValidator(_host), Field(description="name or address of the server")]
    port: Annotated[
        int | None,
        Field(
            ge=1,
            le=65535,
            description="its port; not set: 587, or with `tls` 465, or with `none` 25",
        ),
    ] = None
    username: Annotated[
        Annotated[str, AfterValidator(_printable)] | None,
        Field(description="user to log in as; not set: no log-in"),
    ] = None
    password: Annotated[
        Annotated[SecretStr, AfterValidator(_printable_secret)] | None,
        Field(description="password, a secret", validate_default=True),
    ] = None
    security: Annotated[
        Security,
        Field(
            description="`starttls`, required of the server; `tls` from the first byte; or `none`, "
            "to this machine only unless `_ALLOW_PLAINTEXT`"
        ),
    ] = "starttls"

    facts: ClassVar[Facts] = Facts(
        title="SMTP",
        regions=(),
        probe="a dialogue as far as `RCPT TO`, then `RSET`",
        probe_cost="none",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(smtputf8=True, tags_max=0, metadata=False)
    control_headers: ClassVar[tuple[str, ...]] = ()
    call_timeout_s: ClassVar[float] = 15.0

    @field_validator("password")
    @classmethod
    def _both_or_neither(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "username" in info.data and (info.data["username"] is None) != (password is None):
            raise ValueError("goes with USERNAME: set both or neither")
        return password

    def exposure(self) -> Exposure | None:
        """``SECURITY=none`` shows mail and password to everybody on the way."""
        return Exposure("SECURITY", self.host) if self.security == "none" else None

    @asynccontextmanager
    async def provider(
        self, *, poll_address: Mailbox, timeout_s: float, max_in_flight: int, tls: ssl.SSLContext
    ) -> AsyncIterator[Provider]:
        """The server. Each message has a connection of its own, so nothing is held open between
        them, and ``max_in_flight`` bounds nothing here that a circuit does not."""
        login = None
        if self.username is not None and self.password is not None:
            login = (self.username, self.password.get_secret_value())
        port = self.port or _PORTS[self.security]
        yield SmtpProvider(
            terms=Terms(self.host, port, self.security, tls, timeout_s, login),
            poll_address=poll_address,
            now=partial(datetime.now, UTC),
        )
