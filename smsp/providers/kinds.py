"""What a provider is, in types: the pure adapter, the two values that cross the wire, the port.

An *adapter* turns a message into an HTTP call and an HTTP reply into an outcome. It is a
frozen value whose fields are its settings, and it never awaits. A *provider* is what a circuit
calls: an adapter bound to a network client, or the in-process mock. A *connector* is a kind of
provider that speaks no HTTP, and so brings its provider itself.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol, Self, TypeGuard, runtime_checkable
from uuid import UUID

from actors import Progress
from smsp.mail import Mailbox, Submission
from smsp.mail.outcome import Outcome
from smsp.providers.encoding.body import AnyBody


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP/1.1 request. ``url`` is absolute. ``headers`` carry credentials: never logged.

    ``body`` may be plain bytes always; a large one is better left in parts (``json_body`` of
    :mod:`smsp.providers.encoding.json_fields` does so), which are encoded as they are written.
    """

    method: Literal["GET", "POST"]
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: AnyBody = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One HTTP answer whose status line arrived whole.

    ``headers`` have lower-case names. ``complete`` is false when the body was cut short or was
    longer than we read: ``body`` is then what came. ``received_at`` is Unix time in seconds, for
    providers that name an absolute moment. ``request_written`` is false when the provider
    answered before it had our last byte. ``recipients`` are those of the message that this is the
    answer about, in the order to, cc, bcc; there are none when it is about a probe.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = True
    received_at: float = 0.0
    request_written: bool = True
    recipients: tuple[Mailbox, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ProbeCall:
    """One step of a probe, and how to read its answer. ``Sent`` and ``Rejected`` pass.

    ``sends`` tells a dummy message on the send path from a cheap status call. A status call
    answered 401 or 403 is passed over when a send step follows: a key may be allowed to send only.
    """

    call: HttpCall
    decode: Callable[[HttpReply], Outcome]
    sends: bool


def _no_patterns() -> Mapping[str, re.Pattern[str]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can carry. A message that it cannot is not put to it at all.

    ``None`` for a bound: it has none tighter than SMSP's own door.
    """

    recipients_max: int | None = None
    to_max: int | None = None
    cc_max: int | None = None
    bcc_max: int | None = None
    reply_to_max: int | None = None
    bytes_max: int | None = None
    """Bytes of the whole message as it is mailed, in MIME."""
    body_bytes_max: int | None = None
    """UTF-8 bytes of each body."""
    subject_max: int | None = None
    """Characters."""
    text_min: int | None = None
    """Characters that subject, text and HTML must each have, and both bodies be there."""
    headers_max: int | None = None
    """Custom headers; 0: it takes none."""
    header_bytes_max: int | None = None
    """UTF-8 bytes of the custom headers and of the reply-to addresses, with their names."""
    headers_refused: frozenset[str] = frozenset()
    """Custom headers that it takes from nobody, lower-case."""
    header_fields: Mapping[str, re.Pattern[str]] = field(default_factory=_no_patterns)
    """Custom headers, lower-case, that do not count because it has fields for them, and what a
    value must match to fit there."""
    template_mark: str | None = None
    """What opens an expression of its template language, which cannot be turned off in the
    subject, in headers and in the mailboxes that they show."""
    attachments_max: int | None = None
    file_extensions: frozenset[str] | None = None
    """The only file name extensions it takes, lower-case, without the dot."""
    fitting_file_types: bool = False
    """A file's type must not contradict the extension of its name."""
    inline: bool = True
    smtputf8: bool = False
    """Takes a local part that is not ASCII (RFC 6531)."""
    needs_html: bool = False
    ascii_headers: bool = False
    """Custom header values must be ASCII."""
    ascii_filenames: bool = False
    empty_files: bool = True
    """Takes attachments without content."""
    repeats_to: bool = False
    """Its request has the whole of To again for each recipient, which counts as bytes."""
    tags_max: int | None = None
    """Tags passed on; surplus ones are left out, and never keep a message from going."""
    metadata: bool = True
    """Whether metadata is passed on; where not, it is left out."""
    metadata_bytes_max: int | None = None
    """Bytes of metadata passed on, our id included; what is above that is left out."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an operator should know before choosing a provider; the README's table is made of it."""

    title: str
    regions: tuple[str, ...]
    probe: str
    """What ``SMSP_<NAME>_PROBE=auto`` does, in a few words."""
    probe_cost: Literal["none", "counted", "charged"]
    """``counted``: a probe counts against a plan or quota; ``charged``: it costs money."""
    self_hosted: bool = False
    """It has no address of its own: ``SMSP_<NAME>_BASE_URL`` is required."""
    refuses_reserved: bool = False
    """It takes no mail for the domains that are set aside for examples and tests (RFC 2606)."""


class Adapter(Protocol):
    """The pure half of a provider."""

    facts: ClassVar[Facts]
    capabilities: ClassVar[Capabilities]
    control_headers: ClassVar[tuple[str, ...]]
    """Header names (``*`` at the end matches the rest) that would steer this provider."""

    def encode(self, submission: Submission) -> HttpCall:
        """Say it in the provider's words. The same ``send`` always gives the same bytes."""

    def decode(self, reply: HttpReply) -> Outcome:
        """Read the provider's answer. Never raises; never ``Sent`` from nonsense.

        Where it tells of recipients who were refused, see
        :mod:`smsp.providers.adapters.refused_recipients`.
        """

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """The steps that test whether this provider would send; all must pass, in order."""


@runtime_checkable
class IdempotentAdapter(Adapter, Protocol):
    """An adapter whose provider recognises a repeated request by a key of ours.

    Only Resend, Brevo and SparkPost document that. With it, a doubt can be resolved by asking
    again.
    """

    def keyed(self, call: HttpCall, key: UUID) -> HttpCall:
        """The same call, carrying the key."""


def is_idempotent(adapter: Adapter) -> TypeGuard[IdempotentAdapter]:
    """Whether it does. Asked for every message, and ``isinstance`` looks at every member."""
    return hasattr(adapter, "keyed")


@runtime_checkable
class SigningAdapter(Adapter, Protocol):
    """An adapter whose provider wants every call signed, with the moment in it.

    Signing comes last, once the call has the host that is really called; ``encode`` stays free
    of clocks.
    """

    def sign(self, call: HttpCall, at: datetime) -> HttpCall:
        """The same call with a signature; ``at`` has a time zone."""


def is_signing(adapter: Adapter) -> TypeGuard[SigningAdapter]:
    """Whether it does. Asked for every call, and ``isinstance`` looks at every member."""
    return hasattr(adapter, "sign")


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """Credentials that expire, as a source of credentials gives them."""

    key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class CredentialsSource(Protocol):
    """Gives credentials that expire: keeps them until they do, and then fetches others."""

    def missing(self) -> str | None:
        """What must be installed before anything can be fetched; ``None`` if nothing must."""

    def fetch(self) -> TemporaryCredentials | None:
        """The credentials in force, ``None`` if there are none. Blocks, perhaps for seconds."""


@runtime_checkable
class CredentialedAdapter(Adapter, Protocol):
    """An adapter whose credentials may be left out of its settings, and are fetched then."""

    credentials: ClassVar[tuple[str, ...]]
    """The settings that may be left out, by their names."""

    def credentials_source(self) -> CredentialsSource | None:
        """Where they are fetched; ``None`` if they are in the settings."""

    def with_credentials(self, credentials: TemporaryCredentials) -> Self:
        """The same adapter with credentials."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """``setting`` is why all that is said to ``host`` is said without encryption."""

    setting: str
    host: str


@runtime_checkable
class Connector(Protocol):
    """A kind of provider that is not reached by HTTP. A frozen value like an adapter, but whole."""

    facts: ClassVar[Facts]
    capabilities: ClassVar[Capabilities]
    control_headers: ClassVar[tuple[str, ...]]
    call_timeout_s: ClassVar[float]
    """The default of ``SMSP_<NAME>_TIMEOUT``: on another wire another patience is right."""

    def exposure(self) -> Exposure | None:
        """What would be seen on the way, if anything."""

    def provider(
        self, *, poll_address: Mailbox, timeout_s: float, max_in_flight: int, tls: ssl.SSLContext
    ) -> AbstractAsyncContextManager[Provider]:
        """The provider, with whatever it holds open; closed at the end."""


Kind = Adapter | Connector
"""What can be registered. Its fields are its settings."""


class Provider(Protocol):
    """What a circuit calls. One per configured name."""

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Make the attempt; tell ``progress`` the moment the last byte has been written."""

    async def probe(self) -> Outcome:
        """Send the dummy message. ``Sent`` or ``Rejected`` means the provider is alive."""
