"""What the JSON of several providers has in common."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment
from smsp.providers.encoding.json_fields import base64, bodies, email_and_name, filled, within
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


OURS = {"id": "1234"}
entries = st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=6)


def json_bytes(value: object) -> int:
    """As they travel: without spaces, in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@given(metadata=entries, bytes_max=st.integers(json_bytes(OURS), 120))
def test_metadata_that_has_room_is_kept_and_ours_always(metadata, bytes_max):
    """Nothing is cut, the order stays, and what is left out would not have fitted."""
    kept = within(bytes_max, metadata, OURS)
    assert json_bytes(kept) <= bytes_max
    assert list(kept.items())[-1] == ("id", "1234")
    others = {name: value for name, value in kept.items() if name not in OURS}
    assert list(others.items()) == [each for each in metadata.items() if each in others.items()]
    left_out = metadata.keys() - kept.keys()
    assert all(json_bytes(kept | {name: metadata[name]}) > bytes_max for name in left_out)


def test_all_of_the_metadata_fits_exactly():
    """To the last byte."""
    metadata = {"a": "b", "ü": '"\n'}
    size = json_bytes(metadata | OURS)
    assert within(size, metadata, OURS) == metadata | OURS
    assert within(size - 1, metadata, OURS) == {"a": "b"} | OURS


def test_an_entry_that_is_called_like_ours_is_left_out():
    """It must not hide which message this is."""
    assert within(1_000, {"id": "mine", "a": "b"}, OURS) == {"a": "b", "id": "1234"}
