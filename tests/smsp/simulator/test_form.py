"""Reading form bodies: as RFC 7578 has them, and never a failure on anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator.form import Field, parse_form

MULTIPART = 'multipart/form-data; boundary="b"'
TWO_PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nb\xc3\xb6b@x\r\n'
    b'--b\r\ncontent-disposition: form-data; name="attachment"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n--\xff\r\n--b--\r\n"
)


def test_the_parts_of_a_multipart_form():
    """A field and a file; the content is whatever stands between the boundaries."""
    fields = parse_form(MULTIPART, TWO_PARTS)
    assert fields == (
        Field("to", "böb@x".encode()),
        Field("attachment", b"\x00\r\n--\xff", "a.bin"),
    )
    assert fields[0].text == "böb@x"


def test_a_url_encoded_form():
    """The other encoding of forms, with repeated names kept."""
    fields = parse_form("application/x-www-form-urlencoded", b"to=a%40x&to=b%40x&text=")
    assert fields == (Field("to", b"a@x"), Field("to", b"b@x"), Field("text", b""))


def test_a_form_without_fields():
    """Only the closing boundary: a form, and an empty one."""
    assert parse_form(MULTIPART, b"--b--") == ()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("application/json", b"{}"),
        ("multipart/form-data", TWO_PARTS),
        (MULTIPART, b""),
        (MULTIPART, TWO_PARTS[:-10]),
        (MULTIPART, b"--b\r\n\r\nno name\r\n--b--"),
        (MULTIPART, b"--b\r\nno blank line\r\n--b--"),
        ("application/x-www-form-urlencoded", b"\xff"),
    ],
)
def test_what_is_no_form(content_type, body):
    """Another content type, no boundary, a body cut short, a part without a name."""
    assert parse_form(content_type, body) is None


@given(st.text(), st.binary())
def test_no_content_type_makes_it_fail(content_type, body):
    """A peer can claim anything about its body."""
    assert isinstance(parse_form(content_type, body), tuple | None)


@given(st.text(), st.lists(st.binary(), max_size=5))
def test_no_part_makes_it_fail(boundary, parts):
    """Nor can any bytes between boundaries."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--"
    assert isinstance(parse_form(MULTIPART, body), tuple | None)
    assert isinstance(parse_form(f"multipart/form-data; boundary={boundary}", body), tuple | None)
