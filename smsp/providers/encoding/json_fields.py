"""PURE. What the JSON of several providers has in common.

Owns how a body that is not there is written, how a file becomes text, which metadata is left out
where there is no room for all, and how the large values of a JSON text are left to be encoded
later. Must not know any provider: the names of its fields are handed in.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping

import orjson

from smsp.mail import Attachment, Mail, Mailbox
from smsp.providers.encoding.body import (
    LATER_BYTES,
    AnyBody,
    Base64,
    Base64Body,
    Part,
    Text,
    joined,
    json_text,
    parts_of,
)

# Stands in the text for a value that is encoded later. No message has a name with NUL in it, and a
# quote in a string has a backslash before it, so this stands nowhere else.
_LATER_TEXT = orjson.dumps({"\0": 0})
_LATER = orjson.Fragment(_LATER_TEXT)


def json_body(fields: Mapping[str, object]) -> AnyBody:
    """The fields as JSON; values that are parts of a body are strings, encoded when written."""
    later: list[Part] = []

    def left_out(value: object) -> object:
        if not isinstance(value, Base64 | Base64Body | Text):
            raise TypeError(f"no value of JSON: {type(value)}")
        later.append(value)
        return _LATER

    text = orjson.dumps(fields, default=left_out, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    return joined(_filled_in(text, later)) if later else text


def with_member(body: AnyBody, within: str, name: str, value: str) -> AnyBody:
    """A JSON body with one more member in an object of the outermost one, which must have some."""
    start = b'"%b":{' % within.encode()
    member = orjson.dumps({name: value})[1:-1] + b","
    parts = list(parts_of(body))
    for at, part in enumerate(parts):
        if isinstance(part, bytes) and start in part:
            parts[at] = part.replace(start, start + member, 1)
            return joined(parts)
    raise ValueError(f"no object {within}")


def _filled_in(text: bytes, later: list[Part]) -> Iterator[bytes | Part]:
    first, *others = text.split(_LATER_TEXT)
    yield first + b'"'
    for part, between in zip(later, others, strict=True):
        yield part
        last = part is later[-1]
        yield b'"' + between + (b"" if last else b'"')


def bodies(mail: Mail, text: str, html: str) -> dict[str, str]:
    """The bodies under a provider's two names; a space stands for a message without any body."""
    if not mail.html:
        return {text: mail.text or " "}
    return ({text: mail.text} if mail.text else {}) | {html: mail.html}


def body_parts(mail: Mail, text: str, html: str) -> dict[str, object]:
    """The same for :func:`json_body`: long ones are encoded when they are written."""
    return {name: json_text(body) for name, body in bodies(mail, text, html).items()}


def filled(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that say something: no empty text, list or object."""
    return {name: value for name, value in fields.items() if value}


def base64(attachment: Attachment) -> str:
    """A file's content as base64 (RFC 4648 §4)."""
    return b64encode(attachment.content).decode()


def base64_part(attachment: Attachment) -> str | Base64:
    """The same for :func:`json_body`: a large one is encoded when it is written."""
    large = len(attachment.content) > LATER_BYTES
    return Base64(attachment.content) if large else base64(attachment)


def email_and_name(mailbox: Mailbox) -> dict[str, str]:
    """A mailbox as ``{"email": ..., "name": ...}``, without a name that is not there."""
    return {"email": mailbox.address} | ({"name": mailbox.name} if mailbox.name else {})


def within(bytes_max: int, metadata: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, and in their order as many entries of the metadata as there is room for, as JSON.

    A mail is worth more than its labels: the others are left out. Ours come last, and a caller's
    entry of such a name never hides them.
    """
    room = bytes_max - len(orjson.dumps(dict(ours)))
    kept: dict[str, str] = {}
    for name, value in metadata.items():
        # Beside others it has a comma in place of its two brackets.
        room_needed = len(orjson.dumps({name: value})) - 1
        if name not in ours and room_needed <= room:
            kept[name] = value
            room -= room_needed
    return kept | dict(ours)
