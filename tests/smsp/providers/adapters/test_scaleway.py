"""Scaleway: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from smsp.mail import Attachment, Submission
from smsp.providers.adapters.scaleway import Scaleway
from tests.kit.carried import carried_by
from tests.kit.mails import send

PROJECT = "5c1f2a3b-0d4e-4f60-8a7b-9c0d1e2f3a4b"
SCALEWAY = Scaleway(secret_key="scw-secret", project_id=PROJECT)
sends = carried_by(SCALEWAY.capabilities)


def payload_of(message: Submission) -> Any:
    """What Scaleway reads."""
    return json.loads(SCALEWAY.encode(message).body)


def headers_of(message: Submission) -> list[tuple[str, str]]:
    """The additional headers, in their order."""
    return [(each["key"], each["value"]) for each in payload_of(message)["additional_headers"]]


def as_read(mailboxes: list[Any]) -> list[tuple[str, str]]:
    """Mailboxes as Scaleway takes them."""
    return [(each.get("name", ""), each["email"]) for each in mailboxes]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender and recipients of all three kinds are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert as_read([payload["from"]]) == meant([mail.sender])
    assert as_read(payload["to"]) == meant(mail.to)
    assert as_read(payload.get("cc", [])) == meant(mail.cc)
    assert as_read(payload.get("bcc", [])) == meant(mail.bcc)


@given(sends)
def test_answers_go_where_they_should(message):
    """Reply-to is a header, which we encode."""
    spelt = [value for name, value in headers_of(message) if name == "Reply-To"]
    assert all(value.isascii() for value in spelt)
    read = [(str(make_header(decode_header(name))), each) for name, each in getaddresses(spelt)]
    assert read == meant(message.mail.reply_to)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and both bodies are unchanged."""
    payload, mail = payload_of(message), message.mail
    assert (payload["subject"], payload["text"], payload["html"]) == (
        mail.subject,
        mail.text,
        mail.html,
    )


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, type and content are unchanged."""
    assert [_as_read(each) for each in payload_of(message).get("attachments", [])] == [
        (each.filename, each.content_type, each.content) for each in message.mail.attachments
    ]


def _as_read(file: Any) -> tuple[Any, ...]:
    return file["name"], file["type"], b64decode(file["content"])


@given(sends)
def test_headers_are_read_back_and_our_id_is_among_them(message):
    """Scaleway encodes their values itself."""
    given_headers = list(message.mail.headers.items())
    found = [pair for pair in headers_of(message) if pair[0] != "Reply-To"]
    assert found == [*given_headers, ("X-SMSP-Id", str(message.id))]


def test_a_callers_header_does_not_hide_which_message_it_is():
    """A header named like ours is left out."""
    assert headers_of(send(headers={"x-smsp-id": "mine"})) == [("X-SMSP-Id", str(send().id))]


def test_a_file_without_a_name_or_a_type_gets_one():
    """It would have neither otherwise."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["attachments"]
    assert (file["name"], file["type"]) == ("attachment", "application/octet-stream")


def test_what_scaleway_carries():
    """10 recipients, 10 files of known types, 2 MB; every text of 10 characters or more."""
    can = SCALEWAY.capabilities
    assert (can.recipients_max, can.attachments_max, can.bytes_max) == (10, 10, 2_000_000)
    assert (can.text_min, can.inline, can.metadata, can.tags_max) == (10, False, False, 0)
    assert {"pdf", "png", "ics"} < (can.file_extensions or set())


def test_a_project_is_named_by_its_id():
    """A project's name in place of its id is a mistake that is found at start."""
    with pytest.raises(ValidationError, match="project_id"):
        Scaleway(secret_key="scw-secret", project_id="my project")
