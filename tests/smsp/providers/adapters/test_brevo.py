"""Brevo: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Submission
from smsp.providers.adapters.brevo import Brevo
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

BREVO = Brevo(api_key="xkeysib-key")
sends = carried_by(BREVO.capabilities)


def payload_of(message: Submission) -> Any:
    """What Brevo reads."""
    return json.loads(BREVO.encode(message).body)


def as_read(mailboxes: list[Any]) -> list[tuple[str, str]]:
    """Mailboxes as Brevo takes them, encoded-words and all."""
    return [
        (str(make_header(decode_header(each.get("name", "")))), each["email"]) for each in mailboxes
    ]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


def same(read: list[tuple[str, str]], mailboxes) -> bool:
    """Whether these are the mailboxes; a name that is too long, once encoded, may be missing."""
    pairs = zip(read, meant(mailboxes), strict=True)
    return all(
        address == other and (name == given_name or (not name and len(given_name.encode()) > 30))
        for (name, address), (given_name, other) in pairs
    )


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert same(as_read([payload["sender"]]), [mail.sender])
    assert same(as_read(payload["to"]), mail.to)
    assert same(as_read(payload.get("cc", [])), mail.cc)
    assert same(as_read(payload.get("bcc", [])), mail.bcc)
    assert same(as_read([payload["replyTo"]] if "replyTo" in payload else []), mail.reply_to)


@given(st.text())
def test_a_name_has_at_most_70_characters(name):
    """A longer one would be refused, and with it the mail."""
    (recipient,) = payload_of(send(to=(mailbox("bob@example.org", name),)))["to"]
    assert recipient["email"] == "bob@example.org"
    assert len(recipient.get("name", "")) <= 70


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for an empty subject."""
    payload, mail = payload_of(message), message.mail
    assert payload["subject"] == (mail.subject or " ")
    assert payload["htmlContent"] == mail.html
    assert payload.get("textContent", "") == (mail.text or "")


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name and content are unchanged; the type follows from the name."""
    files = payload_of(message).get("attachment", [])
    assert [(file["name"], b64decode(file["content"])) for file in files] == [
        (each.filename, each.content) for each in message.mail.attachments
    ]


@given(sends)
def test_headers_and_tags_are_read_back(message):
    """Beside them there is one header of ours."""
    payload, mail = payload_of(message), message.mail
    headers = payload["headers"]
    del headers["X-Mailin-custom"]
    assert headers == dict(mail.headers)
    assert payload.get("tags", []) == list(mail.tags)


@given(sends)
def test_metadata_in_plain_ascii_is_read_back_with_our_id(message):
    """The header is a line of printable ASCII without any escape, whatever the metadata."""
    header = payload_of(message)["headers"]["X-Mailin-custom"]
    assert header.isascii()
    assert header.isprintable()
    assert "\\" not in header
    plain = {
        name: value
        for name, value in message.mail.metadata.items()
        if json.dumps([name, value]) == f'["{name}", "{value}"]' and "\x7f" not in name + value
    }
    assert json.loads(header) == plain | {"smsp-id": str(message.id)}


def test_a_key_stands_among_the_headers_and_changes_nothing_else():
    """That is where Brevo looks for it."""
    call = BREVO.encode(send(html="Hi", headers={"X-A": "b"}))
    keyed = BREVO.keyed(call, UUID(int=7))
    before, after = json.loads(call.body), json.loads(keyed.body)
    assert after["headers"].pop("idempotencyKey") == str(UUID(int=7))
    assert after == before
    assert (keyed.method, keyed.url, keyed.headers) == (call.method, call.url, call.headers)


def test_what_brevo_carries():
    """99 recipients, one Reply-To, 20 MB, files by their extension; HTML, and nothing inline."""
    can = BREVO.capabilities
    assert (can.recipients_max, can.reply_to_max, can.bytes_max) == (99, 1, 20_000_000)
    assert (can.needs_html, can.inline, can.ascii_headers, can.smtputf8) == (
        True,
        False,
        True,
        False,
    )
    assert "pdf" in can.file_extensions
    assert "exe" not in can.file_extensions
    assert "sender.ip" in BREVO.control_headers


def test_a_body_that_is_not_there_is_left_out():
    """Nothing is put in its place, whichever of the two it is."""
    assert {"textContent", "htmlContent"} & set(payload_of(send(html="<p>Hi</p>"))) == {
        "htmlContent"
    }
    assert {"textContent", "htmlContent"} & set(payload_of(send(text="Hi"))) == {"textContent"}
