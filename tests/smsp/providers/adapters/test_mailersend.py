"""MailerSend: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.mail.outcome import Reason
from smsp.providers.adapters.mailersend import MailerSend
from smsp.sending.eligibility import why_not_carried
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

MAILERSEND = MailerSend(api_token="mlsn.token")
sends = carried_by(MAILERSEND.capabilities)


def payload_of(message: Submission) -> Any:
    """What MailerSend reads."""
    return json.loads(MAILERSEND.encode(message).body)


def as_read(mailboxes: list[Any]) -> list[tuple[str, str]]:
    """Mailboxes as MailerSend takes them."""
    return [(each.get("name", ""), each["email"]) for each in mailboxes]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


def without_separators(mailboxes) -> list[tuple[str, str]]:
    """Recipients as they were meant, with spaces for what MailerSend forbids in their names."""
    return [(re.sub("[;,]", " ", name), address) for name, address in meant(mailboxes)]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert as_read([payload["from"]]) == meant([mail.sender])
    assert as_read(payload["to"]) == without_separators(mail.to)
    assert as_read(payload.get("cc", [])) == without_separators(mail.cc)
    assert as_read(payload.get("bcc", [])) == without_separators(mail.bcc)
    assert as_read([payload["reply_to"]] if "reply_to" in payload else []) == meant(mail.reply_to)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for what must not be empty."""
    payload, mail = payload_of(message), message.mail
    assert payload["subject"] == (mail.subject or " ")
    assert payload.get("html", "") == (mail.html or "")
    assert payload.get("text", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, content and content id are unchanged; the type is told by the name."""
    assert [_as_read(each) for each in payload_of(message).get("attachments", [])] == [
        (each.filename, each.content, "inline" if each.inline else "attachment", each.content_id)
        for each in message.mail.attachments
    ]


def _as_read(file: Any) -> tuple[Any, ...]:
    return file["filename"], b64decode(file["content"]), file["disposition"], file.get("id")


@given(sends)
def test_at_most_five_tags_travel(message):
    """Each once; surplus ones are left out rather than the mail refused."""
    unique = list(dict.fromkeys(message.mail.tags))
    assert payload_of(message).get("tags", []) == unique[:5]


@given(st.text())
def test_no_name_adds_a_recipient(name):
    """Neither of the characters that would separate recipients is in a name."""
    (recipient,) = payload_of(send(to=(mailbox("bob@example.org", name),)))["to"]
    assert not set(recipient.get("name", "")) & set(";,")


def test_a_file_without_a_name_gets_one():
    """The name is required."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["attachments"]
    assert file["filename"] == "attachment"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"In-Reply-To": "<a@example.com>"}, None),
        ({"in-reply-to": " <a@example.com> ", "REFERENCES": "<a@example.com><b@c>\t<d@e>"}, None),
        ({"In-Reply-To": "<a@example.com> <b@example.com>"}, Reason.TOO_MANY_HEADERS),
        ({"In-Reply-To": "your letter of yesterday"}, Reason.TOO_MANY_HEADERS),
        ({"References": "<a@example.com> and others"}, Reason.TOO_MANY_HEADERS),
        ({"References": ""}, Reason.TOO_MANY_HEADERS),
        ({"X-Other": "<a@example.com>"}, Reason.TOO_MANY_HEADERS),
    ],
)
def test_only_the_headers_of_a_thread_are_carried(headers, reason):
    """If they hold what the fields for them take: one id that is answered, ids referred to."""
    assert why_not_carried(send(headers=headers).mail, MAILERSEND.capabilities) is reason


def test_a_name_of_nothing_but_separators_is_none():
    """The address is what counts."""
    assert payload_of(send(to=(mailbox("bob@example.org", ";,"),)))["to"] == [
        {"email": "bob@example.org"}
    ]


def test_what_mailersend_carries():
    """50 recipients, 10 copies and 10 blind ones, one reply-to; no headers, no metadata."""
    can = MAILERSEND.capabilities
    assert (can.to_max, can.cc_max, can.bcc_max, can.reply_to_max) == (50, 10, 10, 1)
    assert (can.headers_max, can.metadata, can.smtputf8) == (0, False, False)
