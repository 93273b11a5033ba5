"""PURE. What the JSON of several providers has in common.

Owns how a body that is not there is written, how a file becomes text, and which metadata is left
out where there is no room for all. Must not know any
provider: the names of its fields are handed in.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import orjson

from smsp.mail import Attachment, Mail, Mailbox


def bodies(mail: Mail, text: str, html: str) -> dict[str, str]:
    """The bodies under a provider's two names; a space stands for a message without any body."""
    if not mail.html:
        return {text: mail.text or " "}
    return ({text: mail.text} if mail.text else {}) | {html: mail.html}


def filled(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that say something: no empty text, list or object."""
    return {name: value for name, value in fields.items() if value}


def base64(attachment: Attachment) -> str:
    """A file's content as base64 (RFC 4648 §4)."""
    return b64encode(attachment.content).decode()


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
