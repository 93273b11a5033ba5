"""Postmark: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.providers.adapters.postmark import Postmark
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

POSTMARK = Postmark(server_token="pm-token")
sends = carried_by(POSTMARK.capabilities)


def payload_of(message: Submission) -> Any:
    """What Postmark reads."""
    return json.loads(POSTMARK.encode(message).body)


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    fields = {"From": (mail.sender,), "To": mail.to, "Cc": mail.cc, "Bcc": mail.bcc}
    for field, mailboxes in (fields | {"ReplyTo": mail.reply_to}).items():
        assert getaddresses([payload[field]] if field in payload else []) == meant(mailboxes)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; without any body the text is one space."""
    payload, mail = payload_of(message), message.mail
    assert payload.get("Subject", "") == mail.subject
    assert payload.get("HtmlBody", "") == (mail.html or "")
    assert payload.get("TextBody", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, content, type and content id are unchanged."""
    files = payload_of(message).get("Attachments", [])
    assert [_as_attachment(file) for file in files] == list(message.mail.attachments)


def _as_attachment(file: Any) -> Attachment:
    content_id = file["ContentID"].removeprefix("cid:") if "ContentID" in file else None
    return Attachment(file["Name"], file["ContentType"], b64decode(file["Content"]), content_id)


@given(sends)
def test_headers_are_read_back(message):
    """With them go our Message-ID and the wish to keep it; values are ASCII on the wire."""
    headers = {each["Name"]: each["Value"] for each in payload_of(message)["Headers"]}
    assert headers.pop("Message-ID") == message.message_id
    assert headers.pop("X-PM-KeepID") == "true"
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(message.mail.headers)


@given(sends)
def test_metadata_that_fits_is_read_back_with_our_id(message):
    """Names of up to 20 and values of up to 80 characters, each name once, letter case aside."""
    metadata = payload_of(message)["Metadata"]
    assert metadata.pop("smsp-id") == str(message.id)
    given_entries = message.mail.metadata.items()
    fit = [(name, value) for name, value in given_entries if len(name) <= 20 and len(value) <= 80]
    assert set(metadata.items()) <= set(fit)
    assert {name.casefold() for name in metadata} == {name.casefold() for name, _ in fit}


@given(sends)
def test_the_first_tag_is_the_tag(message):
    """Postmark has one; the others are left out."""
    assert payload_of(message).get("Tag") == next(iter(message.mail.tags), None)


@given(st.text(min_size=1))
def test_no_name_adds_a_recipient(name):
    """A recipient's name, whatever it holds, is one phrase to whoever reads the field."""
    payload = payload_of(send(to=(mailbox("bob@example.org", name),)))
    assert [address for _, address in getaddresses([payload["To"]])] == ["bob@example.org"]


def test_a_file_without_a_name_or_a_type_gets_one():
    """Both are required."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["Attachments"]
    assert (file["Name"], file["ContentType"]) == ("attachment", "application/octet-stream")


def test_what_postmark_carries():
    """50 recipients and 10 MB a message, one tag; no local part that is not ASCII."""
    can = POSTMARK.capabilities
    assert (can.recipients_max, can.bytes_max, can.tags_max) == (50, 10_000_000, 1)
    assert can.body_bytes_max == 5_000_000
    assert not can.smtputf8
    assert POSTMARK.control_headers == ("X-PM-*",)
