"""SendGrid: any message that goes in comes out of the JSON as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import given

from smsp.mail import Attachment, Submission
from smsp.providers.adapters.sendgrid import SendGrid
from tests.kit.mails import mailbox, send, sends

SENDGRID = SendGrid(api_key="SG.key")


def payload_of(message: Submission) -> Any:
    """What SendGrid reads."""
    return json.loads(SENDGRID.encode(message).body)


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant, each address once, letter case aside."""
    first = {each.address.casefold(): (each.name, each.address) for each in reversed(mailboxes)}
    return [pair for each in mailboxes if (pair := first.pop(each.address.casefold(), None))]


def as_given(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes, whose names SendGrid quotes itself."""
    return [(each.get("name", ""), each["email"]) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_once_under_their_name(message):
    """Sender, recipients and reply-to are read back; who is named twice keeps the first place."""
    payload, mail = payload_of(message), message.mail
    (people,) = payload["personalizations"]
    copied = [pair for place in ("to", "cc", "bcc") for pair in people.get(place, [])]
    assert all(people.values())
    assert as_given(copied) == meant(mail.recipients)
    assert as_given([payload["from"]]) == meant([mail.sender])
    assert as_given(payload.get("reply_to_list", [])) == meant(mail.reply_to)


@given(sends)
def test_nobody_changes_places(message):
    """A recipient is in to, cc or bcc where the caller named it first."""
    (people,) = payload_of(message)["personalizations"]
    places = {each["email"].casefold(): place for place in people for each in people[place]}
    mail = message.mail
    named = [("bcc", mail.bcc), ("cc", mail.cc), ("to", mail.to)]
    assert places == {each.address.casefold(): place for place, those in named for each in those}


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for a subject or a body that is empty."""
    payload, mail = payload_of(message), message.mail
    bodies = {each["type"]: each["value"] for each in payload["content"]}
    given_bodies = {"text/plain": mail.text, "text/html": mail.html}
    assert payload["subject"] == (mail.subject or " ")
    assert bodies == ({k: v for k, v in given_bodies.items() if v} or {"text/plain": " "})
    assert list(bodies) == sorted(bodies, reverse=True)


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Content, type and content id are unchanged; a name loses what SendGrid forbids in names."""
    files = payload_of(message).get("attachments", [])
    assert [_as_attachment(each) for each in files] == [
        (
            each.filename.replace(";", "_").replace(",", "_"),
            each.content_type.split(";")[0],
            each.content,
            ("inline", each.content_id) if each.inline else ("attachment", None),
        )
        for each in message.mail.attachments
    ]


def _as_attachment(file: Any) -> tuple[Any, ...]:
    shown = (file["disposition"], file.get("content_id"))
    return file["filename"], file["type"], b64decode(file["content"]), shown


@given(sends)
def test_headers_and_metadata_are_read_back(message):
    """With them go our Message-ID and our id; header values are ASCII on the wire."""
    payload, mail = payload_of(message), message.mail
    headers = payload["headers"]
    assert headers.pop("Message-ID") == message.message_id
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(mail.headers)
    assert payload["custom_args"] == {**mail.metadata, "smsp-id": str(message.id)}


@given(sends)
def test_categories_are_tags_that_sendgrid_takes(message):
    """At most 10, each once, in ASCII, and never one that is no tag of the message."""
    categories = payload_of(message).get("categories", [])
    assert categories == [tag for tag in dict.fromkeys(message.mail.tags) if tag.isascii()][:10]


@pytest.mark.parametrize(
    "name",
    ["Doe, John", "O'Nym; Ann", 'John "JD" Doe', "a\\b", "Bob <x@example.net>", "(Paren) [x]:y."],
)
@pytest.mark.parametrize("place", ["sender", "to", "cc", "bcc", "reply_to"])
def test_a_name_has_no_quotes_that_it_was_not_given(name, place):
    """SendGrid puts them into the header; any of ours would be shown to readers."""
    named = mailbox("somebody@example.org", name)
    payload = payload_of(send(**{place: named if place == "sender" else (named,)}))
    people = payload["personalizations"][0]
    shown = {"sender": [payload["from"]], "reply_to": payload.get("reply_to_list")}
    assert shown.get(place, people.get(place)) == [{"email": named.address, "name": name}]


LONG = {f"name-{n}": "x" * 900 for n in range(20)}


def test_custom_arguments_are_bounded():
    """As many whole entries as 10,000 bytes hold, in their order, and our id: the mail goes."""
    arguments = payload_of(send(metadata=LONG))["custom_args"]
    assert len(json.dumps(arguments, separators=(",", ":"))) <= 10_000
    assert list(arguments) == [*list(LONG)[:10], "smsp-id"]
    assert all(LONG[name] == value for name, value in arguments.items() if name != "smsp-id")


def test_a_file_without_a_name_or_a_type_gets_one():
    """Both are required."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b"x"),)))["attachments"]
    assert (file["filename"], file["type"]) == ("attachment", "application/octet-stream")


def test_what_sendgrid_carries():
    """1,000 recipients and 30 MB a message; no local part that is not ASCII."""
    can = SENDGRID.capabilities
    assert (can.recipients_max, can.bytes_max, can.smtputf8) == (1000, 30_000_000, False)
    assert (can.ascii_filenames, can.empty_files) == (True, False)
    assert SENDGRID.control_headers == ("X-SMTPAPI",)
