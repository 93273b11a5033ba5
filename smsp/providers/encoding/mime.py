"""PURE. A message in MIME (RFC 5322, RFC 2045), for providers that take it whole.

Owns the bytes: 7-bit, CRLF, no line above 998 characters, the same for the same message. Only a
local part that is not ASCII stays in UTF-8, for those who take it (RFC 6532).
Must not know any provider, or how the message is sent.

Written out rather than left to ``email.message``, which chooses boundaries by chance and whose
folding of address headers takes names apart (python/cpython issue 121284). The tests read it
back with that library.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from itertools import chain
from urllib.parse import quote

from smsp.mail import Attachment, Mail, Mailbox, Submission, pieces_of
from smsp.providers.encoding.body import LATER_BYTES, AnyBody, Base64Lines, Part, joined, lines_of
from smsp.providers.encoding.headers import ascii_name_addr, encoded_words, quoted, spaced

OUR_ID = "X-SMSP-Id"
"""The header that carries our id for the message, so that a duplicate can be traced."""

TRIED_CHARACTERS = 128 * 1024
"""A text with more is not tried in quoted-printable."""

_LINE_CHARACTERS = 76
"""A line with an encoded-word has no more (RFC 2047 §2); others are to have two more at most."""
_NAME_CHARACTERS_MAX = 126
_WORD_CHARACTERS_MAX = 800
"""A longer word could not be folded below 998 characters with a header's name before it (RFC 5322
§2.1.1)."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A body part: its header lines, and its body, which ends with a line's end."""

    head: tuple[str, ...]
    body: tuple[bytes | Part, ...] = field(repr=False)


def build(
    submission: Submission,
    *,
    bcc: bool = False,
    date: datetime | None = None,
    extra: Iterable[tuple[str, str]] = (),
) -> bytes:
    """The message, to be handed over as it is; see :func:`body_of`."""
    return bytes(body_of(submission, bcc=bcc, date=date, extra=extra))


def body_of(
    submission: Submission,
    *,
    bcc: bool = False,
    date: datetime | None = None,
    extra: Iterable[tuple[str, str]] = (),
) -> AnyBody:
    """The message, whose long texts and files are encoded only as it is handed over.

    ``bcc`` writes the blind copies into a header, for a provider that takes its recipients from
    there and removes it; otherwise they are for the envelope alone. Without ``date`` there is no
    ``Date``, for a provider that writes its own. ``extra`` are headers for the provider.
    """
    content = _content(submission)
    head = chain(_headers(submission, bcc=bcc, date=date), (_header(*pair) for pair in extra))
    lines = (*filter(None, head), "MIME-Version: 1.0", *content.head, "", "")
    return joined(("\r\n".join(lines).encode(), *content.body))


def _headers(submission: Submission, *, bcc: bool, date: datetime | None) -> Iterator[str]:
    mail = submission.mail
    yield _addresses("From", (mail.sender,))
    blind = mail.bcc if bcc else ()
    for name, mailboxes in (
        ("To", mail.to),
        ("Cc", mail.cc),
        ("Bcc", blind),
        ("Reply-To", mail.reply_to),
    ):
        if mailboxes:
            yield _addresses(name, mailboxes)
    yield _header("Subject", mail.subject, encode="=?" in mail.subject)
    if date is not None:
        yield _header("Date", format_datetime(date))
    yield _header("Message-ID", submission.message_id)
    for name, value in mail.headers.items():
        if name.lower() != OUR_ID.lower():  # it must not hide which message this is
            yield _header(name, value)
    yield _header(OUR_ID, str(submission.id))


def _addresses(name: str, mailboxes: Sequence[Mailbox]) -> str:
    first = ascii_name_addr(mailboxes[0], before=len(name) + 2)
    return _folded(f"{name}:", ", ".join((first, *map(ascii_name_addr, mailboxes[1:]))))


def _header(name: str, value: str, *, encode: bool = False) -> str:
    """An unstructured header: as it is if it can be, else in encoded-words.

    An ASCII value stays as it is, so that structured ones (``List-Unsubscribe``) keep their sense.
    Empty for a name that no header can have.
    """
    name = re.sub(r"[^!-9;-~]", "", name)
    if not 0 < len(name) <= _NAME_CHARACTERS_MAX:
        return ""
    value = spaced(value)
    plain = value.isascii() and value == value.strip(" ")
    foldable = max(map(len, value.split(" "))) <= _WORD_CHARACTERS_MAX
    if encode or not plain or not foldable:
        value = " ".join(encoded_words(value, before=len(name) + 2))
    return _folded(f"{name}:", value)


def _folded(start: str, value: str) -> str:
    """``start`` and ``value``, folded at single spaces (RFC 5322 §2.2.3)."""
    first, *words = value.split(" ")
    lines = [f"{start} {first}"]
    for word in words:
        too_long = len(lines[-1]) + 1 + len(word) > _LINE_CHARACTERS
        # A line must not be made of spaces, nor end with one that somebody may strip.
        if word and too_long and not lines[-1].endswith(" "):
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _content(submission: Submission) -> _Part:
    """Files beside the bodies; inline ones go with the HTML, if there is any to show them."""
    mail = submission.mail
    shown = [part for part in mail.attachments if part.inline and mail.html]
    files = [part for part in mail.attachments if not (part.inline and mail.html)]
    # "=_" occurs in neither quoted-printable nor base64 (RFC 2045 §6.7), so this in no body.
    stem = f"=_smsp-{submission.id.hex}"
    bodies = _bodies(mail, shown, stem)
    return _multipart("mixed", (bodies, *map(_file, files)), stem) if files else bodies


def _bodies(mail: Mail, shown: Sequence[Attachment], stem: str) -> _Part:
    """Text, HTML, or the choice of both with the better one last (RFC 2046 §5.1.4)."""
    if not mail.html:
        return _text("plain", mail.text or "")
    html = _text("html", mail.html)
    if shown:
        html = _multipart("related", (html, *map(_file, shown)), stem, '; type="text/html"')
    if not mail.text:
        return html
    return _multipart("alternative", (_text("plain", mail.text), html), stem)


def _multipart(kind: str, parts: Iterable[_Part], stem: str, parameter: str = "") -> _Part:
    boundary = f"{stem}-{kind}"
    body: list[bytes | Part] = []
    for part in parts:
        lines = (f"--{boundary}", *part.head, "", "")
        # The line's end at the end of a body belongs to the boundary after it (RFC 2046 §5.1.1).
        body += ("\r\n".join(lines).encode(), *part.body)
    body.append(f"--{boundary}--\r\n".encode())
    content_type = f'Content-Type: multipart/{kind}{parameter};\r\n boundary="{boundary}"'
    return _Part((content_type,), tuple(body))


def _text(subtype: str, text: str) -> _Part:
    """Text with CRLF line ends, in whichever encoding is shorter (RFC 2045 §6.7, §6.8); a long one
    in base64, since to try both takes long, and quoted-printable is not to be had in pieces."""
    content_type = f"Content-Type: text/{subtype}; charset=utf-8"
    if len(text) > TRIED_CHARACTERS:
        head = (content_type, "Content-Transfer-Encoding: base64")
        return _Part(head, (_long_text(text),))
    data = _unix(text).encode()
    readable = b2a_qp(data, istext=True).replace(b"\n", b"\r\n") + b"\r\n"
    encoded = _base64(data.replace(b"\n", b"\r\n"))
    encoding, body = min(("quoted-printable", readable), ("base64", encoded), key=_length)
    return _Part((content_type, f"Content-Transfer-Encoding: {encoding}"), (body,))


def _unix(text: str) -> str:
    """The text with LF line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _long_text(text: str) -> Part:
    def with_crlf() -> Iterator[bytes]:
        held = ""
        for piece in pieces_of(text):
            lines = held + piece
            held = "\r" if lines.endswith("\r") else ""  # What follows may belong to it.
            yield _unix(lines.removesuffix(held)).replace("\n", "\r\n").encode()
        yield b"\r\n" if held else b""

    return Base64Lines(with_crlf, sum(map(len, with_crlf())))


def _length(choice: tuple[str, bytes]) -> int:
    return len(choice[1])


def _file(attachment: Attachment) -> _Part:
    disposition = "inline" if attachment.inline else "attachment"
    filename = _filename(attachment.filename or "attachment")
    head = [
        f"Content-Type: {_media_type(attachment.content_type)}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition};\r\n {filename}",
    ]
    content_id = re.sub(r"[^!-;=?-~]", "", attachment.content_id or "")
    if content_id:
        head.append(f"Content-ID: <{content_id[:_WORD_CHARACTERS_MAX]}>")
    content = attachment.content
    body = _base64(content) if len(content) <= LATER_BYTES else lines_of(content)
    return _Part(tuple(head), (body,))


def _media_type(content_type: str) -> str:
    """The type, if it is one that may be in base64: a message or multipart may not (RFC 2046)."""
    plain = re.fullmatch(r"(?!message/|multipart/)[!-~]+/[ -~]+", content_type, re.IGNORECASE)
    fits = len(content_type) <= _WORD_CHARACTERS_MAX
    return content_type if plain and fits else "application/octet-stream"


def _filename(name: str) -> str:
    """A short ASCII name in quotes; any other percent-encoded, in sections (RFC 2231 §3, §4)."""
    if name.isascii() and len(name) <= _SECTION_CHARACTERS_MAX and "=?" not in name:
        return f"filename={quoted(name)}"
    sections = _sections(name)
    if len(sections) == 1:
        return f"filename*=utf-8''{sections[0]}"
    sections[0] = f"utf-8''{sections[0]}"
    return ";\r\n ".join(f"filename*{n}*={section}" for n, section in enumerate(sections))


_SECTION_CHARACTERS_MAX = 60


def _sections(name: str) -> list[str]:
    """The percent-encoded name in pieces, no character torn apart."""
    sections = [""]
    for character in (quote(character, safe="") for character in name):
        if len(sections[-1]) + len(character) > _SECTION_CHARACTERS_MAX:
            sections.append("")
        sections[-1] += character
    return sections


def _base64(content: bytes) -> bytes:
    return encodebytes(content).replace(b"\n", b"\r\n") or b"\r\n"
