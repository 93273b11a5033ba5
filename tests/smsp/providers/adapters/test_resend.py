"""Resend: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from email.header import decode_header, make_header
from email.utils import getaddresses, parseaddr
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.mail.outcome import Reason
from smsp.providers.adapters.resend import Resend
from smsp.sending.eligibility import why_not_carried
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

RESEND = Resend(api_key="re_key")
sends = carried_by(RESEND.capabilities)


def payload_of(message: Submission) -> Any:
    """What Resend reads."""
    return json.loads(RESEND.encode(message).body)


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


def as_read(spelt: list[str]) -> list[tuple[str, str]]:
    """Mailboxes as the reader of a header takes them, encoded-words and all."""
    parsed = (parseaddr(each) for each in spelt)
    return [(str(make_header(decode_header(name))), address) for name, address in parsed]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    payload, mail = payload_of(message), message.mail
    assert [parseaddr(payload["from"])] == meant([mail.sender])
    fields = {"to": mail.to, "cc": mail.cc, "bcc": mail.bcc, "reply_to": mail.reply_to}
    for field, mailboxes in fields.items():
        assert as_read(payload.get(field, [])) == meant(mailboxes)


@given(sends)
def test_recipients_are_named_without_quotes(message):
    """Resend has refused names in quotes; those that would need any are encoded."""
    assert not any('"' in each for each in payload_of(message)["to"])


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; a space stands for a subject or a body that is empty."""
    payload, mail = payload_of(message), message.mail
    assert payload["subject"] == (mail.subject or " ")
    assert payload.get("html", "") == (mail.html or "")
    assert payload.get("text", "") == (mail.text or ("" if mail.html else " "))


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Name, content, type and content id are unchanged."""
    files = payload_of(message).get("attachments", [])
    assert [_as_attachment(file) for file in files] == list(message.mail.attachments)


def _as_attachment(file: Any) -> Attachment:
    content = b64decode(file["content"])
    return Attachment(file["filename"], file["content_type"], content, file.get("content_id"))


@given(sends)
def test_headers_are_read_back(message):
    """Values are ASCII on the wire."""
    headers = payload_of(message).get("headers", {})
    assert all(value.isascii() for value in headers.values())
    decoded = {name: str(make_header(decode_header(value))) for name, value in headers.items()}
    assert decoded == dict(message.mail.headers)


@given(sends)
def test_tags_and_metadata_that_fit_are_read_back_with_our_id(message):
    """They are pairs of words without spaces, and ours is the last."""
    tags = {each["name"]: each["value"] for each in payload_of(message)["tags"]}
    pairs = {**dict.fromkeys(message.mail.tags, "true"), **message.mail.metadata}
    fit = {
        name: value
        for name, value in pairs.items()
        if re.fullmatch(r"[\w-]+", name + value, re.ASCII) and value
    }
    assert tags == fit | {"smsp-id": str(message.id)}


def test_our_id_is_kept_when_there_are_too_many_tags():
    """Resend takes 75."""
    tags = payload_of(send(tags=tuple(f"tag-{number}" for number in range(100))))["tags"]
    assert len(tags) == 75
    assert tags[-1]["name"] == "smsp-id"


@given(st.text(min_size=1))
def test_no_name_adds_a_mailbox(name):
    """A name, whatever it holds, is one phrase to whoever reads the field."""
    box = mailbox("bob@example.org", name)
    payload = payload_of(send(sender=box, to=(box,)))
    for spelt in (payload["from"], *payload["to"]):
        assert [address for _, address in getaddresses([spelt])] == ["bob@example.org"]
        assert not set(spelt) & set("\r\n\0")


def test_a_key_travels_in_a_header_and_changes_nothing_else():
    """The key is for Resend's HTTP API, not for the mail."""
    call = RESEND.encode(send(text="Hi"))
    keyed = RESEND.keyed(call, UUID(int=7))
    assert keyed.headers == (*call.headers, ("Idempotency-Key", str(UUID(int=7))))
    assert (keyed.method, keyed.url, keyed.body) == (call.method, call.url, call.body)


def test_a_file_without_a_name_gets_one():
    """A name is required; the type may follow from it."""
    (file,) = payload_of(send(attachments=(Attachment("", "", b""),)))["attachments"]
    assert file == {"filename": "attachment", "content": ""}


@pytest.mark.parametrize(
    ("filename", "content_type", "carried", "told"),
    [
        ("data.txt", "text/csv", False, None),
        ("photo.jpg", "image/png", False, None),
        ("data.csv", "text/csv; charset=utf-8", True, "text/csv; charset=utf-8"),
        ("data.custom", "text/x-custom", True, "text/x-custom"),
        ("README", "text/plain", True, "text/plain"),
        ("photo.jpg", "image/jpg", True, None),
        ("letter.pdf", "application/octet-stream", True, None),
    ],
)
def test_a_file_whose_type_contradicts_its_name_is_not_put_to_it(
    filename, content_type, carried, told
):
    """Resend would say that it has sent the mail, and keep it; a doubtful type is not told."""
    message = send(attachments=(Attachment(filename, content_type, b"1"),))
    reason = None if carried else Reason.FILE_TYPE_MISMATCH
    assert why_not_carried(message.mail, RESEND.capabilities) is reason
    if carried:
        (file,) = payload_of(message)["attachments"]
        assert file.get("content_type") == told


def test_what_resend_carries():
    """50 recipients in To and 40 MB a message, 75 tags with our own."""
    can = RESEND.capabilities
    assert (can.to_max, can.bytes_max, can.tags_max) == (50, 40_000_000, 74)
    assert not can.smtputf8


def test_a_long_name_is_made_of_encoded_words():
    """With one space between them, which is not part of the name (RFC 2047 §6.2)."""
    (spelt,) = payload_of(send(to=(mailbox("bob@example.org", "ü" * 60),)))["to"]
    *words, address = spelt.split(" ")
    assert address == "<bob@example.org>"
    assert len(words) > 1
    assert all(word.startswith("=?utf-8?b?") and word.endswith("?=") for word in words)
