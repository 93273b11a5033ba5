"""Messages for tests: one by hand, one from a golden case, or any that could come through the door.

The strategies give what ``smsp.mail`` promises and no more: header-bound values without control
characters, bodies and files of any kind.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import idna
from hypothesis import strategies as st

from smsp.mail import Attachment, Mail, Mailbox, Submission

SEND_ID = UUID("6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11")


def mailbox(address: str, name: str = "") -> Mailbox:
    """A mailbox of an address as people write it."""
    local, _, domain = address.rpartition("@")
    return Mailbox(local, domain, idna.encode(domain).decode(), name)


def send(**fields: Any) -> Submission:
    """A message from ``app@example.com`` to ``bob@example.org``, with these fields of ``Mail``."""
    ends = {"sender": mailbox("app@example.com"), "to": (mailbox("bob@example.org"),)}
    return Submission(SEND_ID, Mail(**(ends | fields)))


def send_from_case(case: Mapping[str, Any]) -> Submission:
    """The message a golden case describes in the words of ``POST /email``.

    A mailbox is an address, or a list of a name and an address.
    """
    fields: dict[str, Any] = {
        "sender": _mailbox(case["from"]),
        "to": tuple(map(_mailbox, case["to"])),
        "attachments": tuple(map(_attachment, case.get("attachments", ()))),
        "tags": tuple(case.get("tags", ())),
    }
    fields |= {name: tuple(map(_mailbox, case.get(name, ()))) for name in ("cc", "bcc", "reply_to")}
    plain = ("subject", "text", "html", "headers", "metadata")
    return send(**fields, **{name: case[name] for name in plain if name in case})


def _mailbox(spelt: str | Sequence[str]) -> Mailbox:
    if isinstance(spelt, str):
        return mailbox(spelt)
    name, address = spelt
    return mailbox(address, name)


def _attachment(spelt: Mapping[str, str]) -> Attachment:
    return Attachment(
        filename=spelt["filename"],
        content_type=spelt["contenttype"],
        content=b64decode(spelt["content"]),
        content_id=spelt.get("contentid"),
    )


one_line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
words = one_line.map(str.strip).filter(bool)
tokens = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
local_parts = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", fullmatch=True)
domains = st.sampled_from(["example.com", "mail.example.org", "bücher.example", "例え.test"])
names = st.one_of(st.just(""), words)
mailboxes = st.builds(
    lambda local, domain, name: mailbox(f"{local}@{domain}", name), local_parts, domains, names
)
attachments = st.builds(
    Attachment,
    filename=words,
    content_type=st.sampled_from(["application/pdf", "image/png", "text/plain; charset=utf-8"]),
    content=st.binary(max_size=200),
    content_id=st.none() | tokens,
)
mails = st.builds(
    Mail,
    sender=mailboxes,
    to=st.lists(mailboxes, min_size=1, max_size=4).map(tuple),
    cc=st.lists(mailboxes, max_size=3).map(tuple),
    bcc=st.lists(mailboxes, max_size=3).map(tuple),
    reply_to=st.lists(mailboxes, max_size=3).map(tuple),
    subject=one_line,
    text=st.none() | st.text(max_size=100),
    html=st.none() | st.text(max_size=100),
    headers=st.dictionaries(tokens.map("X-".__add__), one_line, max_size=3),
    attachments=st.lists(attachments, max_size=3).map(tuple),
    tags=st.lists(words, max_size=4).map(tuple),
    metadata=st.dictionaries(words, st.text(max_size=40), max_size=3),
)
sends = st.builds(Submission, st.uuids(version=4), mails)
