"""Postal: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given

from smsp.mail import Attachment, Submission
from smsp.providers.adapters.postal import Postal
from tests.kit.carried import carried_by
from tests.kit.mails import send

POSTAL = Postal(api_key="postal-key")
sends = carried_by(POSTAL.capabilities)
NOTHING_SHOWN = "\u200b"


def payload_of(message: Submission) -> Any:
    """What Postal reads."""
    return json.loads(POSTAL.encode(message).body)


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert getaddresses([payload["from"]]) == meant([mail.sender])
    assert getaddresses(payload["to"]) == meant(mail.to)
    assert getaddresses(payload.get("cc", [])) == meant(mail.cc)
    assert getaddresses(payload.get("bcc", [])) == meant(mail.bcc)
    reply_to = [payload["reply_to"]] if "reply_to" in payload else []
    assert getaddresses(reply_to) == meant(mail.reply_to)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; only a text that shows nothing has one character more."""
    payload, mail = payload_of(message), message.mail
    assert payload.get("subject", "") == mail.subject
    assert payload.get("html_body", "") == (mail.html or "")
    assert payload.get("plain_body", "").removesuffix(NOTHING_SHOWN) == (
        mail.text or ""
    ).removesuffix(NOTHING_SHOWN)


@pytest.mark.parametrize(("text", "html"), [(None, None), (" ", None), ("", "\n"), (None, "\t")])
def test_a_message_that_shows_nothing_is_not_refused_for_it(text, html):
    """Postal refuses white space alone: a zero-width space, which is none, goes with it."""
    assert payload_of(send(text=text, html=html))["plain_body"] == (text or "") + NOTHING_SHOWN


def test_a_text_beside_html_may_be_absent():
    """One body is enough."""
    payload = payload_of(send(html="<p>Hi"))
    assert "plain_body" not in payload
    assert payload["html_body"] == "<p>Hi"


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, type and content are unchanged."""
    assert [_as_read(each) for each in payload_of(message).get("attachments", [])] == [
        (each.filename, each.content_type, each.content) for each in message.mail.attachments
    ]


def _as_read(file: Any) -> tuple[Any, ...]:
    return file["name"], file["content_type"], b64decode(file["data"])


@given(sends)
def test_headers_are_read_back_and_our_id_is_among_them(message):
    """Values are ASCII on the wire."""
    headers = payload_of(message)["headers"]
    assert headers.pop("X-SMSP-Id") == str(message.id)
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(message.mail.headers)


def test_a_callers_header_does_not_hide_which_message_it_is():
    """A header named like ours is left out."""
    payload = payload_of(send(headers={"x-smsp-id": "mine"}))
    assert payload["headers"] == {"X-SMSP-Id": str(send().id)}


def test_a_file_without_a_name_or_a_type_gets_one():
    """The name is required."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["attachments"]
    assert (file["name"], file["content_type"]) == ("attachment", "application/octet-stream")


def test_what_postal_carries():
    """50 recipients of each kind, one reply-to, one tag; nothing inline."""
    can = POSTAL.capabilities
    assert (can.to_max, can.cc_max, can.bcc_max, can.reply_to_max) == (50, 50, 50, 1)
    assert (can.inline, can.tags_max, can.metadata, can.smtputf8) == (False, 1, False, False)
    assert POSTAL.facts.self_hosted
