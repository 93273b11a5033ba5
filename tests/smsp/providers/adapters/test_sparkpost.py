"""SparkPost: any message that it can carry comes out of the JSON as it was."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from email.utils import getaddresses, parseaddr
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.mail.outcome import Reason
from smsp.providers.adapters.sparkpost import SparkPost
from smsp.sending.eligibility import why_not_carried
from tests.kit.carried import carried_by
from tests.kit.mails import SEND_ID, mailbox, send

SPARKPOST = SparkPost(api_key="sp-key")
sends = carried_by(SPARKPOST.capabilities)


def payload_of(message: Submission) -> Any:
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
    """Values of headers are in Unicode, as they were; with the metadata goes our id."""
    payload, mail = payload_of(message), message.mail
    headers = payload["content"].get("headers", {})
    headers.pop("CC", None)
    assert headers == dict(mail.headers)
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


def test_headers_have_no_encoded_words():
    """SparkPost wants them in UTF-8, and encodes them itself."""
    content = payload_of(send(headers={"X-Campaign": "Frühling"}))["content"]
    assert content["headers"] == {"X-Campaign": "Frühling"}


@pytest.mark.parametrize("text", ["Hello {{name}}", "{{{x}}}", "{{"])
def test_what_would_be_substituted_in_a_header_is_not_put_to_it(text):
    """Not even with substitutions switched off, which is for bodies alone."""
    can = SPARKPOST.capabilities
    assert why_not_carried(send(subject=text).mail, can) is Reason.TEMPLATE_SYNTAX
    assert why_not_carried(send(headers={"X-A": text}).mail, can) is Reason.TEMPLATE_SYNTAX
    named = send(to=(mailbox("bob@example.org", text),))
    assert why_not_carried(named.mail, can) is Reason.TEMPLATE_SYNTAX
    bodies = send(text=text, html=text)
    assert why_not_carried(bodies.mail, can) is None
    assert payload_of(bodies)["options"]["perform_substitutions"] is False


def test_metadata_is_bounded():
    """10 KB in all, whole entries in their order, and our id: the mail goes."""
    metadata = {f"name-{n}": "ü" * 450 for n in range(20)}
    kept = payload_of(send(metadata=metadata))["metadata"]
    assert len(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()) <= 10_000
    assert list(kept) == [*list(metadata)[:10], "smsp-id"]


def test_the_key_is_a_header_that_sparkpost_takes():
    """Of ``[A-Za-z0-9._-]{1,255}``; the body stays as it was."""
    call = SPARKPOST.encode(send())
    keyed = SPARKPOST.keyed(call, SEND_ID)
    assert dict(keyed.headers)["Idempotency-Key"] == str(SEND_ID)
    assert re.fullmatch("[A-Za-z0-9._-]{1,255}", str(SEND_ID))
    assert (keyed.url, keyed.body) == (call.url, call.body)


def test_the_sink_of_a_domain_in_unicode():
    """The poll's own domain stays in front of the sink's, in the form that DNS knows."""
    *_, message = SPARKPOST.probe(mailbox("poll@bücher.example"))
    (recipient,) = json.loads(message.call.body)["recipients"]
    assert recipient["address"]["email"] == "poll@xn--bcher-kva.example.sink.sparkpostmail.com"
