"""PURE. What a message is, once it has come through the door.

Owns the value that travels from the door to the adapters. It is complete and valid by
construction of :mod:`smsp.mail.parsing`; nothing here parses, checks or knows a provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from sys import getsizeof
from types import MappingProxyType
from uuid import UUID

from smsp.mail.mime_size import mime_bytes

LARGE_BYTES = 2**20
LARGE_THINGS = 1_500
LARGE_CHARACTERS = 16 * 1024
"""A message with more than one of these is gone through in a thread: of bodies and files, which
take little time, since they are left as they are until they are written; of recipients, headers
and the like; and of the characters in those, which may all have to be encoded one by one."""
PIECE_CHARACTERS = 64 * 1024

# As measured: see functional_tests/test_memory_of_bodies.py.
_MAILBOX_BYTES, _COPIES = 500, 6

# Whose characters need not be counted: none of them has more than a thousand.
_FEW_THINGS = 16


def _no_strings() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with an optional display name (RFC 5322 §3.4, ``mailbox``).

    ``local`` and ``domain`` are Unicode; ``ascii_domain`` is the domain's IDNA form.
    """

    local: str
    domain: str
    ascii_domain: str
    name: str = ""

    @property
    def address(self) -> str:
        """The addr-spec with its domain in IDNA form: what a provider is told."""
        return f"{self.local}@{self.ascii_domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the local part is not ASCII, which only some providers take (RFC 6531)."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with the message; with a ``content_id`` it is shown inline."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None

    @property
    def inline(self) -> bool:
        """Whether the HTML body refers to this part as ``cid:content_id`` (RFC 2392)."""
        return self.content_id is not None


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as the caller meant it. Header-bound values hold no CR, LF or NUL."""

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=_no_strings)
    attachments: tuple[Attachment, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=_no_strings)
    provider: str | None = None
    """The caller's pin: the only provider that may take this message."""
    text_bytes: int = field(init=False, repr=False, compare=False)
    html_bytes: int = field(init=False, repr=False, compare=False)
    mime_bytes: int = field(init=False, repr=False, compare=False)
    """The sizes of both bodies in UTF-8, and of the whole message as it is mailed. Known from the
    start, since every provider has a bound for them, and to count takes long."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text_bytes", _utf8_bytes(self.text or ""))
        object.__setattr__(self, "html_bytes", _utf8_bytes(self.html or ""))
        object.__setattr__(self, "mime_bytes", mime_bytes(self))

    @property
    def held_bytes(self) -> int:
        """About how much memory the message takes on its way. Bodies and files are there once; the
        rest several times, as strings and in a provider's words, and each mailbox is an object."""
        bodies = sum(getsizeof(body) for body in (self.text, self.html) if body)
        files = sum([len(part.content) for part in self.attachments])
        mailboxes = len(self.recipients) + len(self.reply_to)
        return bodies + files + _MAILBOX_BYTES * mailboxes + _COPIES * _characters(self)

    @property
    def recipients(self) -> tuple[Mailbox, ...]:
        """Everybody who gets a copy: to, cc and bcc."""
        return self.to + self.cc + self.bcc


@dataclass(frozen=True, slots=True)
class Submission:
    """The question put to a circuit: send this message, known to us by this id.

    ``id`` is the UUIDv4 that ``POST /email`` answers with. It travels with the message
    (as custom argument, variable or header) so that a duplicate can be traced; to a provider that
    recognises repetitions, one made of the caller's key travels in its place.
    ``request_key`` ties the log lines of one HTTP request together. ``owner`` is the name of the
    API key that sent it, ``idempotency_key`` the caller's own name for the message, if it has one.
    """

    id: UUID
    mail: Mail
    request_key: str = ""
    owner: str = ""
    idempotency_key: str | None = None

    @property
    def message_id(self) -> str:
        """The ``Message-ID`` header: the same on every attempt, so receivers can de-duplicate."""
        return f"<{self.id}@{self.mail.sender.ascii_domain}>"


def is_large(mail: Mail) -> bool:
    """Whether it takes so long to go through this message that others would notice: by its bytes,
    or by what has to be written with care, such as recipients and headers."""
    things = len(mail.to) + len(mail.cc) + len(mail.bcc) + len(mail.reply_to) + len(mail.headers)
    things += len(mail.attachments) + len(mail.tags) + len(mail.metadata)
    bodies = len(mail.text or "") + len(mail.html or "")
    bytes_ = bodies + sum([len(part.content) for part in mail.attachments])
    if things > LARGE_THINGS or bytes_ > LARGE_BYTES:
        return True
    return things > _FEW_THINGS and _characters(mail) > LARGE_CHARACTERS


def _characters(mail: Mail) -> int:
    """How many there are in all that stands in headers, but for addresses."""
    characters = len(mail.subject)
    for mailboxes in (mail.to, mail.cc, mail.bcc, mail.reply_to):
        characters += sum([len(mailbox.name) for mailbox in mailboxes])
    for strings in (mail.headers, mail.metadata):
        characters += sum([len(name) + len(value) for name, value in strings.items()])
    return characters


def pieces_of(text: str) -> Iterator[str]:
    """The text, so much of it at a time that no single step with it takes long."""
    return (text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS))


def fingerprint(mail: Mail) -> bytes:
    """A digest (SHA-256) that two messages share only if they are the same message.

    The parsed message is compared, its provider included, not the bytes it came in: the order of
    JSON's members and the spelling of an escape make no other message.
    """
    digest = sha256()
    for part in mail.attachments:
        digest.update(sha256(part.content).digest())
    attachments = [(part.filename, part.content_type, part.content_id) for part in mail.attachments]
    bodies = [_digest(body) if body else body for body in (mail.text, mail.html)]
    # repr of strings, numbers, None, tuples and dataclasses of them is unambiguous.
    rest = [getattr(mail, name) for name in _COMPARED]
    maps = [sorted(mail.headers.items()), sorted(mail.metadata.items())]
    digest.update(repr((rest, bodies, attachments, maps)).encode("utf-8", "surrogatepass"))
    return digest.digest()


_COMPARED = tuple(
    one.name
    for one in fields(Mail)
    if one.compare and one.name not in ("text", "html", "headers", "metadata", "attachments")
)
"""What is the same or another as it stands."""


def _digest(text: str) -> str | bytes:
    """Stands for the text; a short one for itself."""
    if len(text) <= PIECE_CHARACTERS:
        return text
    digest = sha256()
    for piece in pieces_of(text):
        digest.update(piece.encode("utf-8", "surrogatepass"))
    return digest.digest()


def _utf8_bytes(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces_of(text))
