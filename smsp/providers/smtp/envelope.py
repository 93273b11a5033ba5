"""PURE. What is said to an SMTP server of one message: its envelope, and its text as it travels.

Owns the rule that nothing of a message can become a command. Must not know sockets or answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from smsp.mail import Mail, Mailbox
from smsp.providers.encoding.body import AnyBody, Body

END = b".\r\n"
"""The line that ends a message (RFC 5321 §4.5.2)."""

# RFC 5321 §4.1.2, and §3.3 of RFC 6531 for what is not ASCII: a dot-string, or a quoted-string
# without escapes, which is all that comes through the door. No control character, no bracket; a
# space between quotes only.
_UNICODE = r"\u00a0-\ud7ff\ue000-\U0010ffff"
_ATOMS = rf"[!#-'*+\-./0-9=?A-Z^-~{_UNICODE}]+"
_QUOTED = rf'"[ !#-;=?-\[\]-~{_UNICODE}]+"'
_PATH = re.compile(rf"(?:{_ATOMS}|{_QUOTED})@[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom a server is to carry a message, each recipient once.

    ``utf8`` tells that an address, in the envelope or in a header, needs SMTPUTF8 (RFC 6531).
    """

    sender: str
    recipients: tuple[str, ...]
    utf8: bool

    @property
    def encoding(self) -> str:
        """How the commands that name them are written."""
        return "utf-8" if self.utf8 else "ascii"


def envelope_of(mail: Mail) -> Envelope:
    """The envelope of a message. Raises ``ValueError`` for an address that fits no command."""
    named = (mail.sender, *mail.recipients, *mail.reply_to)
    return Envelope(
        sender=_path(mail.sender),
        recipients=tuple(dict.fromkeys(map(_path, mail.recipients))),
        utf8=any(mailbox.needs_smtputf8 for mailbox in named),
    )


def parameters(envelope: Envelope, size_bytes: int, features: Collection[str]) -> Iterator[str]:
    """What is added to ``MAIL FROM``, by the extensions that the server offers (lower-case).

    The size as RFC 1870 §6 has it: of the message before dots are doubled.
    """
    if "size" in features:
        yield f"SIZE={size_bytes}"
    if envelope.utf8:
        # The bodies have seven bits, the headers have not; servers of SMTPUTF8 have 8BITMIME, too.
        yield from ("BODY=8BITMIME", "SMTPUTF8")


def transparent(message: bytes) -> bytes:
    """The message as it is written after ``DATA``, without :data:`END`, which stands nowhere in it.

    Dots that begin a line are doubled (RFC 5321 §4.5.2), the last line is ended. A lone CR or LF,
    which some servers take for a line's end and others do not, becomes CRLF: between the two a
    second message could be hidden.
    """
    return b"".join(transparent_pieces((message,)))


def transparent_pieces(message: Iterable[bytes]) -> Iterator[bytes]:
    """The same of a message that comes in pieces, cut wherever."""
    held, line_begins = b"", True
    for piece in message:
        text = held + piece
        held = b"\r" if text.endswith(b"\r") else b""  # What follows may belong to it.
        text = _crlf(text.removesuffix(held))
        if text:
            doubled = text.replace(b"\r\n.", b"\r\n..")
            yield b"." + doubled if line_begins and doubled.startswith(b".") else doubled
            line_begins = text.endswith(b"\r\n")
    if held or not line_begins:
        yield b"\r\n"


def transparent_body(message: AnyBody) -> AnyBody:
    """The same of a message that may be encoded as it is written."""
    return Body((_Dotted(message),)) if isinstance(message, Body) else transparent(message)


@dataclass(frozen=True, slots=True)
class _Dotted:
    message: Body

    @property
    def size(self) -> int:
        """Known only by going through all of it; nobody is told it."""
        return sum(map(len, self.pieces()))

    def pieces(self) -> Iterator[bytes]:
        """What is written."""
        return transparent_pieces(self.message.pieces())


def _crlf(text: bytes) -> bytes:
    if text.count(b"\r\n") == text.count(b"\r") == text.count(b"\n"):
        return text
    return re.sub(rb"\r\n?|\n", b"\r\n", text)


def _path(mailbox: Mailbox) -> str:
    if not _PATH.fullmatch(mailbox.address):
        raise ValueError("an address that fits no SMTP command")
    return mailbox.address
