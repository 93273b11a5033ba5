"""What is left of a large JSON text, and that nothing is lost by it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.condense import (
    BETWEEN_BYTES_MAX,
    LONG_BYTES,
    STRINGS_MAX,
    Condensed,
    TooMany,
    condense,
)

LONG = "x" * (LONG_BYTES + 1)
STRINGS = st.sampled_from(
    ["", "a", "\0", "\0001", '"', "\\", 'a\\"b', LONG, LONG + '\\"', '"' + LONG, "\\" * 9_000]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.floats(0, 9) | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=12,
)


def restored(value, condensed):
    """A value with its long strings put back."""
    match value:
        case str():
            cut_out = condensed.find(value)
            return value if cut_out is None else cut_out.text()
        case list():
            return [restored(each, condensed) for each in value]
        case dict():
            return {restored(k, condensed): restored(v, condensed) for k, v in value.items()}
        case _:
            return value


@given(VALUES, st.sampled_from([b"", b" ", b"\n\t  \r ", b" " * 300]))
def test_nothing_is_lost(value, space):
    """The text that is left, with the long strings put back, is the value that was written."""
    body = space + orjson.dumps(value, option=orjson.OPT_INDENT_2) + space
    condensed = condense(body)
    assert isinstance(condensed, Condensed)
    assert restored(orjson.loads(condensed.text), condensed) == value
    assert condense(bytearray(body)).text == condensed.text


@given(st.binary(max_size=60) | st.text('{}[]":,\\un0 \n', max_size=40).map(str.encode))
def test_what_is_no_json_becomes_none(body):
    """Whatever is cut out and taken together, a parser refuses what is left of it."""
    condensed = condense(body)
    assert isinstance(condensed, Condensed)
    assert is_json(condensed.text) == is_json(body) or condensed.long


def is_json(text):
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@pytest.mark.parametrize("torn", [b"nu  ll", b"1  2", b"tr   ue", b'"a"  "b"', b"[1  2]"])
def test_white_space_keeps_things_apart(torn):
    """What is no JSON because of a space does not become JSON without it."""
    assert not is_json(condense(b'{"a": ' + torn + b"}").text)


def test_white_space_takes_no_room():
    """A body may be made of it, and is JSON all the same."""
    condensed = condense(b'{"a":' + b" \n" * 500_000 + b"null}")
    assert len(condensed.text) < 100
    assert orjson.loads(condensed.text) == {"a": None}


@pytest.mark.parametrize(
    "many",
    [
        b'{"":0},' * (STRINGS_MAX + 1),
        b'"a",' * (STRINGS_MAX + 1),
        b"0," * BETWEEN_BYTES_MAX,
        b"[" * (BETWEEN_BYTES_MAX + 1),
        b" 1 ," * BETWEEN_BYTES_MAX,
        b'"a":1' + b"0" * BETWEEN_BYTES_MAX,
    ],
)
def test_more_than_any_message_has_is_not_read_on(many):
    """However large the body, what was kept of it is bounded by what a message has."""
    found = condense(b'{"x":[' + many * 10)
    assert isinstance(found, TooMany)
    assert found.text.startswith(b'{"x":[')
    assert len(found.text) < 4 * BETWEEN_BYTES_MAX


def test_as_many_strings_as_any_message_has():
    """The bound itself is kept."""
    body = b'{"x":[' + b",".join([b'"a"'] * (STRINGS_MAX - 1)) + b"]}"
    assert isinstance(condense(body), Condensed)


@pytest.mark.parametrize("tail", [b"", b"\\", b"\\\\", b"a" * 9_000, b"\\n" * 200_000 + b"\\"])
def test_a_string_without_an_end(tail):
    """It is none, and the parser says so."""
    assert not is_json(condense(b'{"a":"' + tail).text)
