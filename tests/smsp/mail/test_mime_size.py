"""A message is as large as it is once it is in MIME."""

from __future__ import annotations

import pytest
from hypothesis import given

from smsp.mail import Attachment
from smsp.mail.mime_size import HEAD_BYTES, PART_BYTES, base64_bytes, mime_bytes
from smsp.providers.encoding import mime
from tests.kit.mails import mailbox, send, sends

ASCII = "A line of text that is about as long as lines are.\n" * 20_000
HTML = '<p style="color: red">A paragraph with <a href="https://e.example/?a=1&b=2">links</a>.</p>'
GERMAN = "Größe, Übermaß und ähnliche Wörter stehen hier.\n" * 20_000
JAPANESE = "日本語の文章はこのように続いています。\n" * 20_000
ONE_LINE = "x" * 1_000_000


@given(message=sends)
def test_no_message_is_larger_than_it_is_said_to_be(message):
    """Whatever is in it."""
    assert len(mime.build(message)) <= mime_bytes(message.mail)


@pytest.mark.parametrize("text", [ASCII, HTML * 10_000, GERMAN, JAPANESE, ONE_LINE])
def test_a_body_is_as_large_as_in_the_shorter_encoding(text):
    """A little more is said, lest it be too little; never so much that it would be in vain."""
    text = text[: mime.TRIED_CHARACTERS]
    message = send(text=text, html=text)
    built = len(mime.build(message))

    assert built <= mime_bytes(message.mail) <= 1.1 * built


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 1_000_000])
def test_a_file_is_in_base64_with_line_breaks(size):
    """Four bytes for every three, and CRLF after every 76."""
    message = send(attachments=(Attachment("a.pdf", "application/pdf", b"x" * size),))
    lines = -(-size // 57)

    assert size * 4 / 3 + 2 * lines <= base64_bytes(size) <= size * 4 / 3 + 2 * lines + 78
    assert len(mime.build(message)) <= mime_bytes(message.mail)
    assert mime_bytes(message.mail) - base64_bytes(size) <= HEAD_BYTES + 4 * PART_BYTES


def test_many_recipients_are_long_headers():
    """A thousand names in To are part of what is mailed."""
    everybody = tuple(mailbox(f"{n}@example.org", "Jörg Müßiggänger") for n in range(1_000))
    message = send(to=everybody)
    built = len(mime.build(message))

    assert built <= mime_bytes(message.mail) <= 1.2 * built
