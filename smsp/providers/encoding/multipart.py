"""PURE. Form data as ``multipart/form-data`` (RFC 7578), for providers whose API is a form.

Owns the bytes on the wire. Must not know any provider, or what the fields mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

from smsp.providers.encoding.body import AnyBody, Part, joined, raw, utf8
from smsp.providers.encoding.headers import escaped


@dataclass(frozen=True, slots=True)
class Field:
    """A named value, sent as UTF-8. Its line endings are left as they are."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    """A named file."""

    name: str
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """An encoded form: the body, and the ``Content-Type`` that says how to read it."""

    content_type: str
    body: AnyBody = field(repr=False)


def encode(parts: Sequence[Field | File], seed: UUID) -> Form:
    """The form made of ``parts``, in their order. The same parts and seed give the same bytes.

    The boundary comes from ``seed`` rather than from chance, and occurs in no part.
    """
    sections = [(_head(part), _content(part)) for part in parts]
    boundary = _boundary(sections, seed)
    body: list[bytes | Part] = []
    for head, content in sections:
        body += (b"--", boundary, b"\r\n", head, b"\r\n\r\n", content, b"\r\n")
    body += (b"--", boundary, b"--\r\n")
    return Form(f"multipart/form-data; boundary={boundary.decode()}", joined(body))


def _head(part: Field | File) -> bytes:
    match part:
        case Field():
            head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
        case File():
            head = (
                f'Content-Disposition: form-data; name="{_quoted(part.name)}"; '
                f'filename="{_quoted(part.filename)}"\r\n'
                f"Content-Type: {_percent_encoded(part.content_type)}"
            )
    return head.encode()


def _content(part: Field | File) -> bytes | Part:
    match part:
        case Field():
            return utf8(part.value)
        case File():
            return raw(part.content)


def _boundary(sections: Sequence[tuple[bytes, bytes | Part]], seed: UUID) -> bytes:
    candidates = (f"smsp-{seed.hex}-{n}".encode() for n in count())
    return next(
        candidate
        for candidate in candidates
        if not any(candidate in head or _holds(content, candidate) for head, content in sections)
    )


def _holds(content: bytes | Part, wanted: bytes) -> bool:
    if isinstance(content, bytes):
        return wanted in content
    end = b""
    for piece in content.pieces():
        if wanted in end + piece:
            return True
        end = (end + piece)[1 - len(wanted) :]
    return False


def _quoted(value: str) -> str:
    """A value between double quotes: raw UTF-8 (RFC 7578 §5.1), with quoted pairs.

    Not ``filename*=``, which RFC 7578 §4.2 forbids. Browsers write a quote as ``%22``, and
    receivers that do not undo it would show that to people.
    """
    return escaped(_percent_encoded(value))


def _percent_encoded(value: str) -> str:
    """No value can end its header: control characters are percent-encoded."""
    return "".join(c if c >= " " and c != "\x7f" else f"%{ord(c):02X}" for c in value)
