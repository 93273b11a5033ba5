"""What the JSON of several providers has in common."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment
from smsp.providers.payload import base64, bodies, email_and_name, filled
from tests.kit.mails import mailbox, send


@pytest.mark.parametrize(
    ("text", "html", "expected"),
    [
        ("Hi", None, {"t": "Hi"}),
        ("Hi", "<p>Hi", {"t": "Hi", "h": "<p>Hi"}),
        (None, "<p>Hi", {"h": "<p>Hi"}),
        ("", "<p>Hi", {"h": "<p>Hi"}),
        (None, None, {"t": " "}),
        ("", "", {"t": " "}),
    ],
)
def test_a_space_stands_for_a_message_without_any_body(text, html, expected):
    """Text goes before HTML, and neither is sent empty."""
    assert bodies(send(text=text, html=html).mail, "t", "h") == expected


def test_fields_that_say_nothing_are_left_out():
    """Empty texts, lists and objects are not sent."""
    assert filled({"a": "", "b": [], "c": {}, "d": " ", "e": [0]}) == {"d": " ", "e": [0]}


@given(st.binary())
def test_a_file_in_base64_is_read_back(content):
    """Every byte of it, without line breaks."""
    text = base64(Attachment("a", "b", content))
    assert b64decode(text, validate=True) == content


def test_a_mailbox_without_a_name_has_no_empty_one():
    """Some providers refuse a name that is empty."""
    assert email_and_name(mailbox("a@b.example")) == {"email": "a@b.example"}
    assert email_and_name(mailbox("a@b.example", "A")) == {"email": "a@b.example", "name": "A"}
