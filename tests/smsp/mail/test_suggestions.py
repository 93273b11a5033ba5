"""What a caller is told who calls a field by another name."""

from __future__ import annotations

import pytest

from smsp.mail.parsing import EmailMessage
from smsp.mail.suggestions import NAME_CHARACTERS_MAX, meant
from smsp.mail.wire import EmailAttachment
from tests.kit.wire import FILE, faults

UNKNOWN = "is not a known field"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("from", "fromaddress"),
        ("sender", "fromaddress"),
        ("from_email", "fromaddress"),
        ("fromEmail", "fromaddress"),
        ("fromaddres", "fromaddress"),
        ("fromadress", "fromaddress"),
        ("to", "toaddress"),
        ("To", "toaddress"),
        ("recipient", "toaddress"),
        ("recipients", "toaddress"),
        ("to_address", "toaddress"),
        ("toaddr", "toaddress"),
        ("cc", "ccaddress"),
        ("bcc", "bccaddress"),
        ("reply_to", "replytoaddress"),
        ("replyTo", "replytoaddress"),
        ("Reply-To", "replytoaddress"),
        ("subjekt", "subject"),
        ("title", "subject"),
        ("text", "plaintextbody"),
        ("text_body", "plaintextbody"),
        ("plaintextbdoy", "plaintextbody"),
        ("html", "htmlbody"),
        ("htmlContent", "htmlbody"),
        ("body", "plaintextbody or htmlbody"),
        ("content", "plaintextbody or htmlbody"),
        ("attachment", "attachments"),
        ("attachement", "attachments"),
        ("files", "attachments"),
        ("category", "tags"),
        ("tag", "tags"),
        ("custom_args", "metadata"),
        ("header", "headers"),
    ],
)
def test_a_field_by_another_name(name, field):
    """What other APIs call it, in whichever spelling, or a slip: the fault tells ours."""
    assert faults(**{name: "x"}) == [(name, f"{UNKNOWN}: did you mean {field}?")]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("name", "filename"),
        ("FileName", "filename"),
        ("fielname", "filename"),
        ("type", "contenttype"),
        ("content_type", "contenttype"),
        ("data", "content"),
        ("base64_content", "content"),
        ("cid", "contentid"),
    ],
)
def test_a_field_of_a_file_by_another_name(name, field):
    """The same, of the fields that a file has."""
    told = [(f"attachments[0].{name}", f"{UNKNOWN}: did you mean {field}?")]
    assert faults(attachments=[{**FILE, name: "x"}]) == told


@pytest.mark.parametrize(
    "name", ["colour", "template_id", "send_at", "messageid", "priority", "id", "", "_", "t" * 1000]
)
def test_a_name_like_no_other(name):
    """Nothing is guessed that is not likely."""
    ((_, told),) = faults(**{name: "x"})
    assert told == UNKNOWN


def test_names_of_a_message_are_not_those_of_a_file():
    """Each has fields of its own."""
    assert faults(attachments=[{**FILE, "to": "x"}]) == [("attachments[0].to", UNKNOWN)]
    assert faults(cid="x") == [("cid", UNKNOWN)]


def test_a_name_that_is_too_long_for_a_slip():
    """It is not compared with anything."""
    assert NAME_CHARACTERS_MAX == 32
    longest = f"subject{'-' * 25}"
    assert meant(longest, of_file=False) == "subject"
    assert meant(f"{longest}-", of_file=False) is None


def test_a_fault_that_names_another_field_suggests_none():
    """Only an unknown name has been meant otherwise."""
    assert faults(subject=1) == [("subject", "must be a string")]


@pytest.mark.parametrize(
    ("model", "of_file"), [(EmailMessage, False), (EmailAttachment, True)], ids=["message", "file"]
)
def test_what_is_suggested_is_a_field(model, of_file):
    """Ours are known by their own names, and no other name leads away from them."""
    for field in model.model_fields:
        assert meant(field.upper(), of_file=of_file) == field
