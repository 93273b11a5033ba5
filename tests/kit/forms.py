"""Reads ``multipart/form-data`` with the standard library's mail parser, as a peer would."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser


@dataclass(frozen=True)
class Part:
    """One part of a form. Only a file has a file name and a type."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """The content, as UTF-8."""
        return self.content.decode()


def read_form(content_type: str, body: bytes) -> list[Part]:
    """The parts of a form in their order."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + body)
    assert form.is_multipart()
    assert not form.defects
    return [_part(part) for part in form.get_payload()]


def _part(part: Message) -> Part:
    headers = {name: _unicode(value) for name, value in part.raw_items()}
    assert set(headers) <= {"Content-Disposition", "Content-Type"}
    disposition = policy.default.header_factory(
        "Content-Disposition", headers["Content-Disposition"]
    )
    assert disposition.content_disposition == "form-data"
    assert not disposition.defects
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return Part(
        name=disposition.params["name"],
        content=content,
        filename=disposition.params.get("filename"),
        content_type=headers.get("Content-Type"),
    )


def _unicode(value: str) -> str:
    """The parser keeps bytes that are not ASCII as surrogates."""
    return value.encode("ascii", "surrogateescape").decode()
