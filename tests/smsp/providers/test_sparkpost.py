"""SparkPost: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses, parseaddr
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Send
from smsp.providers.sparkpost import SparkPost
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

SPARKPOST = SparkPost(api_key="sp-key")
sends = carried_by(SPARKPOST.capabilities)


def payload_of(message: Send) -> Any:
    """What SparkPost reads."""
    return json.loads(SPARKPOST.encode(message).body)


def addressed(content: Any, field: str) -> list[tuple[str, str]]:
    """Mailboxes as the reader of a header takes them."""
    return getaddresses([content[field]] if field in content else [])


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, To, Cc and reply-to are read back, in Unicode."""
    content, mail = payload_of(message)["content"], message.mail
    assert [parseaddr(content["from"])] == meant([mail.sender])
    assert addressed(content, "reply_to") == meant(mail.reply_to)
    assert addressed(content.get("headers", {}), "CC") == meant(mail.cc)


@given(sends)
def test_everybody_sees_the_same_to_and_nobody_a_bcc(message):
    """There is one envelope for each recipient, and they all show To."""
    payload, mail = payload_of(message), message.mail
    addresses = [recipient["address"] for recipient in payload["recipients"]]
    assert [each["email"] for each in addresses] == [each.address for each in mail.recipients]
    assert all(addressed(each, "header_to") == meant(mail.to) for each in addresses)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for a subject or a body that is empty."""
    content, mail = payload_of(message)["content"], message.mail
    assert content["subject"] == (mail.subject or " ")
    assert content.get("html", "") == (mail.html or "")
    assert content.get("text", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_nothing_is_taken_for_a_template(message):
    """Whatever a message holds in curly brackets, nothing of it is substituted."""
    assert payload_of(message)["options"]["perform_substitutions"] is False


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """An attachment keeps its name; an inline one goes by the id that the HTML refers to."""
    content, files = payload_of(message)["content"], message.mail.attachments
    read = {name: content.get(name, []) for name in ("attachments", "inline_images")}
    assert [_as_file(file) for file in read["attachments"]] == [
        (each.filename, each.content_type, each.content) for each in files if not each.inline
    ]
    assert [_as_file(file) for file in read["inline_images"]] == [
        (each.content_id, each.content_type, each.content) for each in files if each.inline
    ]


def _as_file(file: Any) -> tuple[str, str, bytes]:
    return file["name"], file["type"], b64decode(file["data"])


@given(sends)
def test_headers_and_metadata_are_read_back(message):
    """Values of headers are ASCII on the wire; with the metadata goes our id."""
    payload, mail = payload_of(message), message.mail
    headers = payload["content"].get("headers", {})
    headers.pop("CC", None)
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(mail.headers)
    assert payload["metadata"] == {**mail.metadata, "smsp-id": str(message.id)}


@given(sends)
def test_the_campaign_is_the_first_tag_that_fits(message):
    """64 bytes of UTF-8 do."""
    fit = [tag for tag in message.mail.tags if len(tag.encode()) <= 64]
    assert payload_of(message).get("campaign_id") == next(iter(fit), None)


@given(st.text(min_size=1))
def test_no_name_adds_a_recipient(name):
    """A recipient's name, whatever it holds, is one phrase to whoever reads the header."""
    payload = payload_of(send(to=(mailbox("bob@example.org", name),)))
    (recipient,) = payload["recipients"]
    shown = getaddresses([recipient["address"]["header_to"]])
    assert [address for _, address in shown] == ["bob@example.org"]


def test_a_file_without_a_name_or_a_type_gets_one():
    """Both are required."""
    content = payload_of(send(attachments=(Attachment("", "", b"x"),)))["content"]
    (file,) = content["attachments"]
    assert (file["name"], file["type"]) == ("attachment", "application/octet-stream")


def test_what_sparkpost_carries():
    """20 MB a message, one tag; no local part that is not ASCII."""
    can = SPARKPOST.capabilities
    assert (can.bytes_max, can.tags_max, can.smtputf8) == (20_000_000, 1, False)
    assert SPARKPOST.control_headers == ("X-MSYS-*",)
