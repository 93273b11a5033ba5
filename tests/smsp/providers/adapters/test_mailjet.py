"""Mailjet: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import given

from smsp.mail import Attachment, Submission
from smsp.mail.outcome import Reason
from smsp.providers.adapters.mailjet import Mailjet
from smsp.sending.eligibility import why_not_carried
from tests.kit.carried import carried_by
from tests.kit.mails import send

MAILJET = Mailjet(api_key="mj-key", secret_key="mj-secret")
sends = carried_by(MAILJET.capabilities)


def message_of(sent: Submission) -> Any:
    """What Mailjet reads; there is never more than one message in a call."""
    payload = json.loads(MAILJET.encode(sent).body)
    assert set(payload) == {"Messages"}
    (message,) = payload["Messages"]
    return message


def as_read(mailboxes: list[Any]) -> list[tuple[str, str]]:
    """Mailboxes as Mailjet takes them."""
    return [(each.get("Name", ""), each["Email"]) for each in mailboxes]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(sent):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    message, mail = message_of(sent), sent.mail
    assert as_read([message["From"]]) == meant([mail.sender])
    assert as_read(message["To"]) == meant(mail.to)
    assert as_read(message.get("Cc", [])) == meant(mail.cc)
    assert as_read(message.get("Bcc", [])) == meant(mail.bcc)
    assert as_read([message["ReplyTo"]] if "ReplyTo" in message else []) == meant(mail.reply_to)


@given(sends)
def test_the_content_is_read_back(sent):
    """Subject and bodies are unchanged; without any body the text is one space."""
    message, mail = message_of(sent), sent.mail
    assert message.get("Subject", "") == mail.subject
    assert message.get("HTMLPart", "") == (mail.html or "")
    assert message.get("TextPart", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_files_are_read_back_byte_for_byte(sent):
    """Inline ones have a list of their own, and keep the id that the HTML refers to."""
    message, files = message_of(sent), sent.mail.attachments
    attached = [_as_attachment(file) for file in message.get("Attachments", [])]
    inlined = [_as_attachment(file) for file in message.get("InlinedAttachments", [])]
    sent_as = [replace(each, content_type=each.content_type.partition(";")[0]) for each in files]
    assert attached == [each for each in sent_as if not each.inline]
    assert inlined == [each for each in sent_as if each.inline]


def _as_attachment(file: Any) -> Attachment:
    content = b64decode(file["Base64Content"])
    return Attachment(file["Filename"], file["ContentType"], content, file.get("ContentID"))


@given(sends)
def test_headers_are_read_back(sent):
    """Values are ASCII on the wire."""
    headers = message_of(sent).get("Headers", {})
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(sent.mail.headers)


@given(sends)
def test_metadata_is_read_back_with_our_id(sent):
    """Our id is also what a message can be found by; the first tag is the campaign."""
    message = message_of(sent)
    assert message["CustomID"] == str(sent.id)
    payload = json.loads(message["EventPayload"])
    assert payload == {**sent.mail.metadata, "smsp-id": str(sent.id)}
    assert message.get("CustomCampaign") == next(iter(sent.mail.tags), None)


def test_a_file_without_a_name_or_a_type_gets_one():
    """Both are required."""
    (file,) = message_of(send(attachments=(Attachment("", "", b"x"),)))["Attachments"]
    assert (file["Filename"], file["ContentType"]) == ("attachment", "application/octet-stream")


def test_what_mailjet_carries():
    """50 recipients, one Reply-To, 15 MB, 255 characters of subject, one tag."""
    can = MAILJET.capabilities
    assert (can.recipients_max, can.reply_to_max, can.bytes_max) == (50, 1, 15_000_000)
    assert (can.subject_max, can.tags_max, can.smtputf8) == (255, 1, False)
    assert MAILJET.control_headers == ("X-MJ-*", "X-Mailjet-*")


# https://dev.mailjet.com/email/guides/send-api-v31/, "List of forbidden headers", but for those
# that are refused at the door.
FORBIDDEN = (
    "Delivered-To",
    "DomainKey-Status",
    "List-Id",
    "Received-SPF",
    "User-Agent",
    "X-CSA-Complaints",
    "X-Feedback-Id",
    "X-Mailer",
)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_header_passes_mailjet_over(name):
    """It would be the end of the message there (send-0011), and is none of its faults."""
    mail = send(headers={name: "1"}).mail
    assert why_not_carried(mail, MAILJET.capabilities) is Reason.HEADER_NOT_TAKEN
