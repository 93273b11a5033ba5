"""PURE. HTML form bodies: ``multipart/form-data`` (RFC 7578) and URL-encoded.

Owns the split of a body into fields. Must not know what any field means. The standard
library's e-mail parser would do for the first, at many times the cost per message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

FIELDS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``filename`` is ``None`` unless the part is a file."""

    name: str
    content: bytes = field(repr=False)
    filename: str | None = None

    @property
    def text(self) -> str:
        """The content as text; bytes that are no UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")


def parse_form(content_type: str, body: bytes) -> tuple[Field, ...] | None:
    """The fields in their order; ``None`` when the body is no form of this content type."""
    kind = _parameters("content-type", content_type)
    match kind.get_content_type():
        case "application/x-www-form-urlencoded":
            return _url_encoded(body)
        case "multipart/form-data":
            boundary = kind.get_param("boundary")
            return _multipart(boundary, body) if isinstance(boundary, str) and boundary else None
        case _:
            return None


def _parameters(name: str, value: str) -> Message:
    header = Message()
    header[name] = value
    return header


def _url_encoded(body: bytes) -> tuple[Field, ...] | None:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return None
    return tuple(Field(name, value.encode()) for name, value in pairs)


def _multipart(boundary: str, body: bytes) -> tuple[Field, ...] | None:
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # A delimiter begins with a line break; the first one may stand at the very start.
    _, *parts = (b"\r\n" + body).split(delimiter, FIELDS_MAX + 1)
    if not parts or parts.pop()[:2] != b"--":
        return None
    fields = tuple(_fields(parts))
    return fields if len(fields) == len(parts) else None


def _fields(parts: list[bytes]) -> Iterator[Field]:
    for part in parts:
        head, blank_line, content = part.partition(b"\r\n\r\n")
        if not blank_line:
            return
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-disposition":
                yield from _named(value, content)
                break


def _named(disposition: str, content: bytes) -> Iterator[Field]:
    header = _parameters("content-disposition", disposition.strip())
    name = header.get_param("name", header="content-disposition")
    if isinstance(name, str):
        yield Field(name, content, header.get_filename())
