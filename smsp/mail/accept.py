"""PURE. The short way: a text that is a message becomes a Mail, without what could explain.

Decodes into no more than a message has, so that wrong ones are given up at the first member that
no message has. What it takes, :mod:`smsp.mail.wire` takes as well, and means the same by it;
what it does not take is for that to judge and to explain. The tests hold the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
from msgspec import UNSET, UnsetType

from smsp.mail import Attachment, Mail
from smsp.mail.condense import Condensed
from smsp.mail.fields import (
    CONTENT_ID_CHARACTERS_MAX,
    CONTENT_TYPE_CHARACTERS_MAX,
    ENTRIES_MAX,
    FILE_NAME_CHARACTERS_MAX,
    HEADER_NAME_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    LINE_CHARACTERS_MAX,
    PROVIDER_NAME,
    RECIPIENTS_MAX,
    TAGS_MAX,
    base64,
    content_id,
    content_type,
    file_name,
)
from smsp.mail.headers import custom_header_name, one_line
from smsp.mail.json_names import differ
from smsp.mail.mailbox import each_once, parse_mailbox

_Mailboxes = str | list[str] | None | UnsetType
_Text = str | None | UnsetType
_Strings = dict[str, str] | None | UnsetType

_PROVIDER_NAME = re.compile(PROVIDER_NAME.strip("^$"))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    filename: str
    contenttype: str
    content: str
    contentid: _Text = UNSET


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    fromaddress: str
    toaddress: str | list[str]
    ccaddress: _Mailboxes = UNSET
    bccaddress: _Mailboxes = UNSET
    replytoaddress: _Mailboxes = UNSET
    subject: _Text = UNSET
    plaintextbody: _Text = UNSET
    htmlbody: _Text = UNSET
    headers: _Strings = UNSET
    attachments: list[_File] | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    metadata: _Strings = UNSET
    provider: _Text = UNSET


_decode = msgspec.json.Decoder(_Message).decode
_NO_STRINGS: Mapping[str, str] = MappingProxyType({})
_OPTIONAL_FIELDS = tuple(
    one.name for one in msgspec.structs.fields(_Message) if one.default is UNSET
)


def accept(
    text: bytes | bytearray, long: Condensed | None, control_headers: Sequence[str]
) -> Mail | None:
    """The message, or None if this is not the way to learn what it is.

    ``long`` has the strings that were cut out of the text, if any were.
    """
    try:
        wire = _decode(text)
        return None if differ(text, _names(wire)) else _mail(wire, long, control_headers)
    except (ValueError, msgspec.DecodeError):  # of a single value, or of the text
        return None


def _names(wire: _Message) -> int:
    """How many names were read."""
    names = 2
    for field in _OPTIONAL_FIELDS:
        names += getattr(wire, field) is not UNSET
    for strings in (wire.headers, wire.metadata):
        names += len(strings) if strings else 0
    for file in wire.attachments or ():
        names += 3 + (file.contentid is not UNSET)
    return names


def _mail(wire: _Message, long: Condensed | None, control_headers: Sequence[str]) -> Mail:
    """The message. Raises ValueError, which nobody reads."""
    to, cc, bcc = _list(wire.toaddress), _list(wire.ccaddress), _list(wire.bccaddress)
    if not to:
        raise ValueError("nobody gets it")
    _within(len(to) + len(cc) + len(bcc), RECIPIENTS_MAX)
    reply_to = _list(wire.replytoaddress)
    _within(len(reply_to), RECIPIENTS_MAX)
    once = each_once(*(tuple(map(parse_mailbox, each)) for each in (to, cc, bcc)))
    return Mail(
        sender=parse_mailbox(wire.fromaddress),
        to=once[0],
        cc=once[1],
        bcc=once[2],
        reply_to=tuple(map(parse_mailbox, reply_to)),
        subject=_line(wire.subject or ""),
        text=_text(wire.plaintextbody, long),
        html=_text(wire.htmlbody, long),
        headers=_headers(wire.headers, control_headers),
        attachments=_attachments(wire.attachments, long),
        tags=_tags(wire.tags),
        metadata=_metadata(wire.metadata),
        provider=_provider(wire.provider),
    )


def _list(mailboxes: _Mailboxes) -> list[str]:
    return [mailboxes] if isinstance(mailboxes, str) else mailboxes or []


def _text(text: _Text, long: Condensed | None) -> str | None:
    if not isinstance(text, str):
        return None
    cut_out = None if long is None else long.find(text)
    return text if cut_out is None else cut_out.text()


def _headers(headers: _Strings, control_headers: Sequence[str]) -> Mapping[str, str]:
    if not headers:
        return _NO_STRINGS
    _within(len(headers), ENTRIES_MAX)
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header twice")
    for name, value in headers.items():
        _within(len(name), HEADER_NAME_CHARACTERS_MAX)
        custom_header_name(name, control_headers)
        _line(value)
    return MappingProxyType(headers)


def _attachments(
    files: list[_File] | UnsetType | None, long: Condensed | None
) -> tuple[Attachment, ...]:
    if not files:
        return ()
    _within(len(files), ENTRIES_MAX)
    return tuple(_attachment(file, long) for file in files)


def _attachment(file: _File, long: Condensed | None) -> Attachment:
    _within(len(file.filename), FILE_NAME_CHARACTERS_MAX, at_least=1)
    _within(len(file.contenttype), CONTENT_TYPE_CHARACTERS_MAX)
    return Attachment(
        file_name(file.filename),
        content_type(file.contenttype),
        _content(file.content, long),
        _content_id(file.contentid),
    )


def _content(content: str, long: Condensed | None) -> bytes:
    cut_out = None if long is None else long.find(content)
    return base64(content) if cut_out is None else cut_out.base64()


def _content_id(text: _Text) -> str | None:
    if not isinstance(text, str):
        return None
    _within(len(text), CONTENT_ID_CHARACTERS_MAX)
    return content_id(text)


def _tags(tags: list[str] | UnsetType | None) -> tuple[str, ...]:
    if not tags:
        return ()
    _within(len(tags), TAGS_MAX)
    return tuple(map(_label, tags))


def _metadata(metadata: _Strings) -> Mapping[str, str]:
    if not metadata:
        return _NO_STRINGS
    _within(len(metadata), ENTRIES_MAX)
    for name, value in metadata.items():
        _label(name)
        _line(value)
    return MappingProxyType(metadata)


def _provider(name: _Text) -> str | None:
    if not isinstance(name, str):
        return None
    if not _PROVIDER_NAME.fullmatch(name):
        raise ValueError("no provider's name")
    return name


def _line(text: str) -> str:
    _within(len(text), LINE_CHARACTERS_MAX)
    return one_line(text)


def _label(text: str) -> str:
    _within(len(text), LABEL_CHARACTERS_MAX, at_least=1)
    return one_line(text)


def _within(amount: int, at_most: int, *, at_least: int = 0) -> None:
    if not at_least <= amount <= at_most:
        raise ValueError("too many or too few")
