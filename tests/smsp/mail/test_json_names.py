"""How many names a JSON text has, and which of them an object has twice."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.json_names import differ, last_field, repeated

NAMES = st.sampled_from(["a", "A", "b", "", 'q"', 'q":', "x: ", "\\", "é", "\n:"])
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
WRITTEN = st.sampled_from(
    [
        orjson.dumps,
        lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2),
        lambda value: json.dumps(value, separators=(" , ", " \n\t: ")).encode(),
    ]
)


def names_in(value):
    """How many names there are in a value."""
    match value:
        case dict():
            return len(value) + sum(map(names_in, value.values()))
        case list():
            return sum(map(names_in, value))
        case _:
            return 0


@given(VALUES, WRITTEN)
def test_names_are_counted(value, write):
    """In whichever way they are written, and whatever looks like one in a string."""
    text = write(value)
    assert not differ(text, names_in(value))
    assert differ(text, names_in(value) - 1)


@given(VALUES, WRITTEN)
def test_names_that_are_there_once_are_not_found(value, write):
    """But for those of the outermost object, which are the same in capitals."""
    assert repeated(write([value])) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b'{"a":1,"a":2}', ("a", "a")),
        (b'{"a" : 1 , "b":{}, "\\u0061"\n:2}', ("a", "a")),
        (b'[{"b":{"c":[],"c":"d"}}]', ("c", "c")),
        (b'{"Subject":1,"subject":2}', ("Subject", "subject")),
        (b'{"a":[{"x":1},{"x":2}],"b":{"x":1},"x":0}', None),
        (b'{"a":{"X":1,"x":2}}', None),
        (b'{"\xc3\x84":1,"\xc3\xa4":2}', None),
        (b'{"a":"\\"a\\":1,\\"a\\":2"}', None),
    ],
)
def test_a_name_twice_in_one_object(text, names):
    """It is found however it is spelt; of the outermost object's, ASCII case is no difference."""
    assert repeated(text) == names


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'{"a":1,"toaddress":["x","y":{"z":', "toaddress"),
        (b' {"a":{"b":{}},"c', "a"),
        (b'{"\\x":1', ""),
        (b"{", ""),
        (b"[[[", None),
        (b"]]", None),
        (b"", None),
    ],
)
def test_where_a_text_was_cut_off(text, field):
    """The last field of the message, whatever stands in it."""
    assert last_field(text) == field
