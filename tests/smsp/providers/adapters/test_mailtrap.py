"""Mailtrap: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.providers.adapters.mailtrap import Mailtrap
from tests.kit.carried import carried_by
from tests.kit.mails import send

MAILTRAP = Mailtrap(api_token="mt-token")
sends = carried_by(MAILTRAP.capabilities)


def payload_of(message: Submission) -> Any:
    """What Mailtrap reads."""
    return json.loads(MAILTRAP.encode(message).body)


def as_read(mailboxes: list[Any]) -> list[tuple[str, str]]:
    """Mailboxes as Mailtrap takes them."""
    return [(each.get("name", ""), each["email"]) for each in mailboxes]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


def decoded(value: str) -> str:
    """A header as its reader takes it."""
    return str(make_header(decode_header(value)))


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert as_read([payload["from"]]) == meant([mail.sender])
    assert as_read(payload["to"]) == meant(mail.to)
    assert as_read(payload.get("cc", [])) == meant(mail.cc)
    assert as_read(payload.get("bcc", [])) == meant(mail.bcc)
    reply_to = getaddresses(
        [payload.get("headers", {}).get("Reply-To", "")] if mail.reply_to else []
    )
    assert [(decoded(name), address) for name, address in reply_to] == meant(mail.reply_to)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for what must not be empty."""
    payload, mail = payload_of(message), message.mail
    assert payload["subject"] == (mail.subject or " ")
    assert payload.get("html", "") == (mail.html or "")
    assert payload.get("text", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, type, content and content id are unchanged."""
    assert [_as_read(each) for each in payload_of(message).get("attachments", [])] == [
        (
            each.filename,
            each.content_type,
            each.content,
            "inline" if each.inline else "attachment",
            each.content_id,
        )
        for each in message.mail.attachments
    ]


def _as_read(file: Any) -> tuple[Any, ...]:
    shown = (file["disposition"], file.get("content_id"))
    return file["filename"], file["type"], b64decode(file["content"]), *shown


@given(sends)
def test_headers_are_read_back(message):
    """They are ASCII on the wire, as Mailtrap wants it."""
    headers = payload_of(message).get("headers", {})
    headers.pop("Reply-To", None)
    assert all(value.isascii() for value in headers.values())
    assert {name: decoded(value) for name, value in headers.items()} == dict(message.mail.headers)


@given(sends)
def test_our_id_and_what_there_is_room_for_travel_as_variables(message):
    """Small metadata is read back whole; with it goes our id."""
    variables = payload_of(message)["custom_variables"]
    assert variables.pop("smsp-id") == str(message.id)
    assert variables.items() <= message.mail.metadata.items()


@given(st.dictionaries(st.text(max_size=128), st.text(max_size=998)))
def test_variables_are_at_most_1000_bytes(metadata):
    """What has no room is left out, never our id, and the mail goes all the same."""
    call = MAILTRAP.encode(send(metadata=metadata))
    variables = json.loads(call.body)["custom_variables"]
    assert len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()) <= 1000
    assert variables["smsp-id"] == str(send().id)


def test_the_first_tag_is_the_category():
    """There is one, of at most 255 characters."""
    assert payload_of(send(tags=("x" * 300, "second")))["category"] == "x" * 255


def test_a_file_without_a_name_or_a_type_gets_one():
    """The name is required."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["attachments"]
    assert (file["filename"], file["type"]) == ("attachment", "application/octet-stream")


def test_what_mailtrap_carries():
    """1,000 recipients of each kind and 10 MB a message; one tag."""
    can = MAILTRAP.capabilities
    assert (can.to_max, can.cc_max, can.bcc_max) == (1000, 1000, 1000)
    assert (can.bytes_max, can.tags_max, can.smtputf8) == (10_000_000, 1, False)
    assert MAILTRAP.control_headers == ("X-MT-*",)
