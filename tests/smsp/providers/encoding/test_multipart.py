"""Forms: what a peer reads is what was put in, and no value can pretend to be a header."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.encoding.body import LATER_BYTES, PIECE_BYTES
from smsp.providers.encoding.multipart import Field, File, encode
from tests.kit.forms import Part, read_form
from tests.kit.mails import one_line

SEED = UUID("6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11")

fields = st.builds(Field, one_line, st.text())
files = st.builds(File, one_line, one_line, st.just("application/pdf"), st.binary())


def test_a_field_and_a_file_on_the_wire():
    """A form is the parts between boundaries, each with its disposition (RFC 7578 §4)."""
    form = encode(
        [Field("subject", "Grüße"), File("attachment", "ü.txt", "text/plain", b"\x00\xff")], SEED
    )
    boundary = b"smsp-6d0b5f0e3c1b4c1e9c3a2f6a3c8f0a11-0"
    assert form.content_type == f"multipart/form-data; boundary={boundary.decode()}"
    assert form.body == b"\r\n".join(
        [
            b"--" + boundary,
            b'Content-Disposition: form-data; name="subject"',
            b"",
            "Grüße".encode(),
            b"--" + boundary,
            'Content-Disposition: form-data; name="attachment"; filename="ü.txt"'.encode(),
            b"Content-Type: text/plain",
            b"",
            b"\x00\xff",
            b"--" + boundary + b"--",
            b"",
        ]
    )


@given(st.lists(fields | files, min_size=1, max_size=6), st.uuids())
def test_a_form_is_read_as_it_was_written(parts, seed):
    """The standard library's parser gives back every name, file name and byte, in order."""
    form = encode(parts, seed)
    assert read_form(form.content_type, form.body) == list(map(_read, parts))


def _read(part):
    match part:
        case Field():
            return Part(part.name, part.value.encode())
        case File():
            return Part(part.name, part.content, part.filename, part.content_type)


@given(st.lists(fields | files, max_size=4), st.uuids())
def test_the_same_form_has_the_same_bytes(parts, seed):
    """Nothing about a form is left to chance."""
    assert encode(parts, seed) == encode(parts, seed)


def test_a_boundary_never_occurs_in_the_content():
    """Content that holds the boundary, even by intent, gets another boundary around it."""
    hostile = f"\r\n--smsp-{SEED.hex}-0--\r\n"
    form = encode([Field("text", hostile), Field("html", f"smsp-{SEED.hex}-1")], SEED)
    assert form.content_type.endswith(f"smsp-{SEED.hex}-2")
    parts = read_form(form.content_type, form.body)
    assert [part.text for part in parts] == [hostile, f"smsp-{SEED.hex}-1"]


@pytest.mark.parametrize("before", [0, 1, 100, PIECE_BYTES - 20, PIECE_BYTES, 2 * PIECE_BYTES - 1])
@pytest.mark.parametrize("kind", ["field", "file"])
def test_nor_does_it_in_what_is_large(kind, before):
    """What is encoded only as it is sent is searched as well, across its pieces too."""
    hostile = b"x" * before + f"smsp-{SEED.hex}-0".encode() + b"x" * LATER_BYTES
    parts = {
        "field": Field("text", hostile.decode()),
        "file": File("attachment", "a.txt", "text/plain", hostile),
    }
    form = encode([parts[kind]], SEED)
    assert not isinstance(form.body, bytes)
    assert form.content_type.endswith(f"smsp-{SEED.hex}-1")
    assert [part.content for part in read_form(form.content_type, bytes(form.body))] == [hostile]


@given(st.text(), st.text(), st.text())
def test_no_value_can_end_its_header(name, filename, content_type):
    """With any characters in them, names and types stay in the one header they belong to."""
    form = encode([File(name, filename, f"text/{content_type}", b"content")], SEED)
    (part,) = read_form(form.content_type, form.body)
    assert part.content == b"content"


def test_line_breaks_and_quotes_in_a_file_name_stay_in_it():
    """A file name adds no header: breaks are percent-encoded, quotes and backslashes paired."""
    name = 'a"b\\c\r\nX-Evil: 1'
    form = encode([File("attachment", name, "text/plain", b"")], SEED)
    assert rb'filename="a\"b\\c%0D%0AX-Evil: 1"' in form.body


def test_no_parts_are_an_empty_form():
    """A form without parts is still well-formed."""
    form = encode([], SEED)
    assert form.body == f"--smsp-{SEED.hex}-0--\r\n".encode()
