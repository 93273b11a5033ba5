"""MIME: what the standard library's parser reads is the message that was meant."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.providers.encoding.mime import build
from tests.kit.mails import mailbox, send, sends

CRLF = re.compile(r"\r\n|\r|\n")


def read(message: Submission, **options) -> EmailMessage:
    """The message as a receiver reads it; a defect anywhere in it is a failure."""
    parsed = BytesParser(policy=policy.default).parsebytes(build(message, **options))
    for part in parsed.walk():
        assert not part.defects
        assert not [(name, value) for name, value in part.items() if value.defects]
    return parsed


def addressed(parsed: EmailMessage, name: str) -> list[tuple[str, str]]:
    """The mailboxes of a header: name and address.

    Not by ``Address.display_name``: it loses and adds spaces between encoded-words.
    """
    spelt = [value for header, value in parsed.raw_items() if header == name]
    found = getaddresses([CRLF.sub("", value) for value in spelt])
    return [(str(make_header(decode_header(each))), address) for each, address in found]


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


def body_of(parsed: EmailMessage, kind: str) -> str | None:
    """The text of a body part, its line ends aside."""
    part = parsed.get_body((kind,))
    return None if part is None else one_kind_of_line(part.get_content())


def one_kind_of_line(text: str) -> str:
    """Line ends are LF, and the last one is not there: MIME adds it."""
    return CRLF.sub("\n", text).removesuffix("\n")


@given(sends)
def test_everybody_is_read_back_under_their_name(message):
    """Sender, visible recipients and reply-to are read back, in Unicode; nobody else is named."""
    parsed, mail = read(message), message.mail
    assert addressed(parsed, "From") == meant([mail.sender])
    assert addressed(parsed, "To") == meant(mail.to)
    assert addressed(parsed, "Cc") == meant(mail.cc)
    assert addressed(parsed, "Reply-To") == meant(mail.reply_to)
    assert parsed["Bcc"] is None


@given(sends)
def test_blind_copies_are_named_only_when_asked_for(message):
    """With ``bcc`` they are in a header that the provider is known to remove."""
    assert addressed(read(message, bcc=True), "Bcc") == meant(message.mail.bcc)


@given(sends)
def test_the_bodies_are_read_back(message):
    """Text and HTML keep every character; a body that is empty is not there, unless both are."""
    parsed, mail = read(message), message.mail
    text = mail.text or (None if mail.html else "")
    assert body_of(parsed, "plain") == (None if text is None else one_kind_of_line(text))
    assert body_of(parsed, "html") == (one_kind_of_line(mail.html) if mail.html else None)


@given(sends)
def test_headers_are_read_back(message):
    """With the caller's headers go the subject, our Message-ID and our id."""
    parsed, mail = read(message), message.mail
    assert str(parsed["Subject"]) == mail.subject
    assert parsed["Message-ID"] == message.message_id
    assert parsed["X-SMSP-Id"] == str(message.id)
    assert {name: str(parsed[name]) for name in mail.headers} == dict(mail.headers)


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """Each once, inline ones first; name, type, content id and every byte are as they were."""
    found = [part for part in read(message).walk() if part.get_filename() is not None]
    files = sorted(
        message.mail.attachments, key=lambda each: not (each.inline and message.mail.html)
    )
    assert [_as_meant(part) for part in found] == [
        (each.filename, each.content_type, each.content, each.content_id) for each in files
    ]


def _as_meant(part: EmailMessage):
    content_id = part["Content-ID"]
    return (
        part.get_filename(),
        str(part["Content-Type"]).replace('"', ""),
        part.get_payload(decode=True),
        None if content_id is None else content_id.strip("<>"),
    )


@given(sends)
def test_any_relay_can_carry_it(message):
    """Seven bits, every line ended by CRLF and at most 998 characters long (RFC 5322 §2.1.1)."""
    raw = build(message)
    assert raw.isascii()
    assert b"\0" not in raw
    lines = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998


@given(sends)
def test_the_same_message_has_the_same_bytes(message):
    """Boundaries come from the message's id, and nothing from a clock."""
    assert build(message) == build(message)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_value_adds_a_header_or_a_recipient(name, subject, filename, content_type):
    """Line breaks, should they ever get this far, end no header and open no body."""
    message = send(
        sender=mailbox("app@example.com", name),
        subject=subject,
        headers={"X-Note\r\nX-Evil": subject},
        text="Hi",
        attachments=(Attachment(filename, f"text/{content_type}", b"x", "cid\r\nX-Evil: 1"),),
    )
    parsed = BytesParser(policy=policy.default).parsebytes(build(message))
    assert [each.addr_spec for each in parsed["To"].addresses] == ["bob@example.org"]
    assert [each.addr_spec for each in parsed["From"].addresses] == ["app@example.com"]
    assert "X-Evil" not in {name for part in parsed.walk() for name in part}
    assert len(list(parsed.walk())) == 3


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=950, max_size=998))
def test_a_long_subject_is_folded_or_encoded(subject):
    """No length of a subject makes a line that a relay would cut."""
    message = send(subject=subject)
    assert max(map(len, build(message).split(b"\r\n"))) <= 998
    assert str(read(message)["Subject"]) == subject


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=100, max_size=255))
def test_a_long_file_name_keeps_every_character(filename):
    """It is percent-encoded in sections (RFC 2231 section 3)."""
    parsed = read(send(attachments=(Attachment(filename, "text/plain", b"x"),)))
    assert [part.get_filename() for part in parsed.iter_attachments()] == [filename]


def test_a_date_is_written_when_given():
    """The moment is an argument: the same message never asks a clock."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read(send(), date=moment)["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert read(send())["Date"] is None


def test_a_callers_header_does_not_hide_which_message_it_is():
    """A header named like ours is left out."""
    parsed = read(send(headers={"x-smsp-id": "mine"}))
    assert parsed.get_all("X-SMSP-Id") == [str(send().id)]


def test_extra_headers_are_for_the_provider():
    """An adapter can add what steers its provider."""
    assert read(send(), extra=[("X-Postal-Tag", "größe")])["X-Postal-Tag"] == "größe"


def test_a_local_part_that_is_not_ascii_stays_in_utf8():
    """Only SMTPUTF8 can carry it (RFC 6532), so only such a message is not ASCII."""
    raw = build(send(to=(mailbox("büro@example.org"),)))
    assert "büro@example.org".encode() in raw


def test_an_attached_message_is_a_file():
    """``message/rfc822`` may not be in base64 (RFC 2046 section 5.2.1); as a file it may."""
    (part,) = read(
        send(attachments=(Attachment("a.eml", "message/rfc822", b"x"),))
    ).iter_attachments()
    assert part.get_content_type() == "application/octet-stream"


WHOLE = """\
From: "The \\"App\\"" <app@example.com>
To: =?utf-8?b?QsOzYg==?= <bob@example.org>, cyd@example.org
Cc: dan@example.org
Bcc: eve@example.org
Reply-To: "Desk" <desk@example.com>
Subject: =?utf-8?b?R3LDvMOfZQ==?=
Date: Fri, 02 Jan 2026 03:04:05 +0000
Message-ID: <6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11@example.com>
List-Unsubscribe: <https://x.example/u>
X-SMSP-Id: 6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11
X-Extra: 1
MIME-Version: 1.0
Content-Type: multipart/mixed;
 boundary="=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-mixed"

--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-mixed
Content-Type: multipart/alternative;
 boundary="=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-alternative"

--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-alternative
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

SGkgPSBHcsO8w59lDQou
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-alternative
Content-Type: multipart/related; type="text/html";
 boundary="=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-related"

--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-related
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<img src=3Dcid:logo>
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-related
Content-Type: image/png
Content-Transfer-Encoding: base64
Content-Disposition: inline;
 filename="logo.png"
Content-ID: <logo>

iVBORw==
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-related--
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-alternative--
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-mixed
Content-Type: application/pdf
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
 filename*=utf-8''gr%C3%B6%C3%9Fe.pdf

JVBERg==
--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-mixed
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
 filename="attachment"


--=_smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-mixed--
"""


def test_a_whole_message():
    """Byte for byte: the lines of RFC 5322, RFC 2045 to 2047, RFC 2231 and RFC 2387."""
    message = send(
        sender=mailbox("app@example.com", 'The "App"'),
        to=(mailbox("bob@example.org", "Bób"), mailbox("cyd@example.org")),
        cc=(mailbox("dan@example.org"),),
        bcc=(mailbox("eve@example.org"),),
        reply_to=(mailbox("desk@example.com", "Desk"),),
        subject="Grüße",
        text="Hi = Grüße\n.",
        html="<img src=cid:logo>",
        headers={"List-Unsubscribe": "<https://x.example/u>", "x-smsp-ID": "mine"},
        attachments=(
            Attachment("logo.png", "image/png", b"\x89PNG", "logo"),
            Attachment("größe.pdf", "application/pdf", b"%PDF"),
            Attachment("", "message/rfc822", b""),
        ),
    )
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    raw = build(message, bcc=True, date=moment, extra=[("X-Extra", "1")])
    assert raw.decode() == WHOLE.replace("\n", "\r\n")


@pytest.mark.parametrize(("letters", "lines"), [(65, 1), (66, 2)])
def test_a_line_has_76_characters_at_most(letters, lines):
    """With the header's name, and what stands between; then it is folded."""
    field = re.search(
        rb"(?m)^Subject:.*\r\n(?: .*\r\n)*", build(send(subject="a" * letters + " b"))
    )
    assert field[0].count(b"\r\n") == lines


@pytest.mark.parametrize(
    ("letters", "begins"), [(60, 'filename="aa'), (61, "filename*0*=utf-8''aa")]
)
def test_a_file_name_of_60_characters_stays_as_it_is(letters, begins):
    """A longer one is in sections, so that its line stays short."""
    raw = build(send(attachments=(Attachment("a" * letters, "text/plain", b"x"),)))
    assert f"Content-Disposition: attachment;\r\n {begins}".encode() in raw


@pytest.mark.parametrize(("letters", "begins"), [(200, '"aa'), (201, "=?utf-8?b?")])
def test_a_name_of_200_characters_stays_as_it_is(letters, begins):
    """A longer one may have no space at which a line could be folded."""
    raw = build(send(to=(mailbox("bob@example.org", "a" * letters),)))
    assert f"\r\nTo: {begins}".encode() in raw


def test_the_parts_stand_as_readers_expect_them():
    """mixed(alternative(text, related(html, image)), file): the order of RFC 2046 and RFC 2387."""
    message = send(
        text="Hi",
        html="<img src=cid:logo>",
        attachments=(
            Attachment("logo.png", "image/png", b"1", "logo"),
            Attachment("a.pdf", "application/pdf", b"2"),
        ),
    )
    assert [part.get_content_type() for part in read(message).walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
