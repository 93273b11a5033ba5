"""What a field of POST /email may hold: one line, base64, a media type, and how much of it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from smsp.mail import Attachment, Mail
from smsp.mail.parsing import InvalidMessage
from tests.kit.messages import CONTROLS
from tests.kit.wire import FILE, ONE_LINE, faults, fields_at_fault, read


def test_an_attachment_is_decoded_once_at_the_door():
    """Adapters get the bytes; a content id makes it inline."""
    mail = read(attachments=[FILE, {**FILE, "contentid": "logo"}])
    assert isinstance(mail, Mail)
    assert mail.attachments == (
        Attachment("a.txt", "text/plain", b"hi"),
        Attachment("a.txt", "text/plain", b"hi", "logo"),
    )


@pytest.mark.parametrize(
    "contenttype",
    [
        "application/octet-stream",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "image/svg+xml",
        "text/csv;charset=utf-8",
        'text/plain; charset="utf-8"; name="a \\"b\\".txt"',
        "message/rfc822",
    ],
)
def test_a_content_type_may_have_parameters(contenttype):
    """RFC 6838 names, with parameters as tokens or quoted strings."""
    mail = read(attachments=[{**FILE, "contenttype": contenttype}])
    assert isinstance(mail, Mail)
    assert mail.attachments[0].content_type == contenttype


def test_an_empty_file_may_be_attached():
    """Nothing in base64 is nothing."""
    mail = read(attachments=[{**FILE, "content": ""}])
    assert isinstance(mail, Mail)
    assert mail.attachments[0].content == b""


def test_a_large_attachment_comes_through_whole():
    """A megabyte of every byte there is."""
    content = bytes(range(256)) * 4_096
    mail = read(attachments=[{**FILE, "content": b64encode(content).decode()}])
    assert isinstance(mail, Mail)
    assert mail.attachments[0].content == content


def test_the_bodies_may_hold_any_text():
    """They are no headers: line breaks and control characters belong to the caller."""
    mail = read(plaintextbody="a\r\nb\0", htmlbody="<p>\n</p>")
    assert isinstance(mail, Mail)
    assert (mail.text, mail.html) == ("a\r\nb\0", "<p>\n</p>")


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_character_passes_into_a_header(control):
    """Subject, display name, header value, file name, tag and metadata: each is named."""
    text = f"a{control}b"
    assert faults(
        fromaddress=f"{text} <a@example.org>",
        toaddress=[f'"{text}" <b@example.org>'],
        replytoaddress=f"{text}@example.org",
        subject=text,
        headers={"X-A": text},
        attachments=[{**FILE, "filename": text}],
        tags=[text],
        metadata={"a": text},
    ) == [
        ("fromaddress", ONE_LINE),
        ("toaddress[0]", ONE_LINE),
        ("replytoaddress", ONE_LINE),
        ("subject", ONE_LINE),
        ("headers.X-A", ONE_LINE),
        ("attachments[0].filename", ONE_LINE),
        ("tags[0]", ONE_LINE),
        ("metadata.a", ONE_LINE),
    ]


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_character_passes_as_or_into_a_name(control):
    """Header names, metadata names, content types and content ids; the path shows none of them."""
    invalid = read(
        headers={f"X-A{control}Bcc": "eve@example.net"},
        metadata={f"a{control}": "b"},
        attachments=[{**FILE, "contenttype": f"a/b;{control}c=d", "contentid": f"a{control}"}],
        provider=f"a{control}",
    )
    assert isinstance(invalid, InvalidMessage)
    assert len(invalid.faults) == 5
    assert all(str(fault).isprintable() for fault in invalid.faults)


@pytest.mark.parametrize("field", ["toaddress", "ccaddress", "bccaddress", "replytoaddress"])
def test_a_comma_list_in_one_string_is_refused(field):
    """One string is one mailbox, as a field and as an entry of a list."""
    one = "must be one mailbox: several go in a list, each a string of its own"
    assert faults(**{field: "a@b.c, d@e.f"}) == [(field, one)]
    assert faults(**{field: ["x@y.z", "a@b.c,d@e.f"]}) == [(f"{field}[1]", one)]


def test_an_attachment_needs_name_type_and_content():
    """Each missing one is named; the content id is optional."""
    assert faults(attachments=[FILE, {}, "a"]) == [
        ("attachments[1].filename", "is required"),
        ("attachments[1].contenttype", "is required"),
        ("attachments[1].content", "is required"),
        ("attachments[2]", "must be an object"),
    ]


@pytest.mark.parametrize(
    "content",
    ["a", "aGk", "aGk=\n", "aGk= ", "a Gk=", "aG\nk=", "aGk==", "aGk=aGk=", "a-_=", "é===", "a===",
     "====", "YWJj=", "YWJj====", "=aGk", 1, None],
)  # fmt: skip
def test_base64_is_taken_strictly(content):
    """What one reader skips another trips over: padding, alphabet and end are as RFC 4648 says."""
    assert fields_at_fault(attachments=[{**FILE, "content": content}]) == ["attachments[0].content"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("filename", ""),
        ("filename", "../../etc/passwd"),
        ("filename", "a\\b.txt"),
        ("filename", "x" * 256),
        ("contenttype", ""),
        ("contenttype", "text"),
        ("contenttype", "text/"),
        ("contenttype", "text/plain; charset"),
        ("contenttype", 'text/plain; name="a'),
        ("contenttype", "text/plain, text/html"),
        ("contenttype", "téxt/plain"),
        ("contenttype", "a/" + "b" * 128),
        ("contenttype", "Multipart/mixed"),
        ("contentid", ""),
        ("contentid", "<logo>"),
        ("contentid", "my logo"),
        ("contentid", "löwe"),
    ],
)
def test_the_words_of_an_attachment_are_checked(field, value):
    """They become MIME headers, and a file name must not become a path."""
    assert fields_at_fault(attachments=[{**FILE, field: value}]) == [f"attachments[0].{field}"]


def test_tags_and_metadata_are_short():
    """1 to 128 characters for a tag or a name, a line for a value."""
    assert faults(tags=["", "x" * 129, 1], metadata={"x" * 129: "", "a": "x" * 999}) == [
        ("tags[0]", "must hold at least 1 character"),
        ("tags[1]", "must hold at most 128 characters"),
        ("tags[2]", "must be a string"),
        ("metadata." + "x" * 64 + "...", "must hold at most 128 characters"),
        ("metadata.a", "must hold at most 998 characters"),
    ]
