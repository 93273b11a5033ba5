"""The short way to a message and the long one end alike; a large body is read as a small one."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smsp.mail import Attachment, Mail
from smsp.mail.accept import accept
from smsp.mail.condense import STRINGS_MAX, Condensed, condense
from smsp.mail.long_string import PIECE_BYTES
from smsp.mail.parsing import (
    FAULTS_MAX,
    WHOLE_BYTES_MAX,
    EmailMessage,
    InvalidJson,
    InvalidMessage,
    _explained,
    is_quick,
    parse,
)
from tests.kit.messages import CONTROLS, messages
from tests.kit.wire import FILE, MINIMAL, faults, read

ODD = st.sampled_from(
    [
        *["", " ", "a" * 127, "a" * 129, "a" * 256, "a" * 999, "a@b.c", "x/y", "=", "aGk=", "aGk"],
        *['"a b"@c.d', "Info@example.org", "A" * 65 + "@b.c", "a@" + "b" * 64 + ".c", "é"],
        *CONTROLS,
    ]
)
ODDS = ODD | st.none() | st.booleans() | st.integers(0, 1) | st.lists(ODD, max_size=2)


@st.composite
def bodies(draw):
    """A message, and perhaps something odd in one place of it, or its text cut or written on."""
    wire, _ = draw(messages())
    place = wire
    for _ in range(draw(st.integers(0, 4))):
        inner = [each for each in place.values() if isinstance(each, dict) and each]
        inner += [each for each in wire.get("attachments") or () if each]
        place = draw(st.sampled_from(inner)) if inner else place
    match draw(st.sampled_from(["as it is", "a value", "a name", "one less"])):
        case "a value":
            place[draw(st.sampled_from([*place]))] = draw(ODDS)
        case "a name":
            place[draw(ODD | st.sampled_from(["subject", "Subject", "contentid"]))] = draw(ODDS)
        case "one less":
            del place[draw(st.sampled_from([*place]))]
    spaced = {"separators": (" ,", " : ")} if draw(st.booleans()) else {}
    body = json.dumps(wire, ensure_ascii=draw(st.booleans()), **spaced).encode()
    return body + draw(st.sampled_from([b"", b"", b" ", b"x", b"}"]))


@given(bodies())
def test_the_short_way_ends_as_the_long_one(body):
    """What is taken without an explanation would be taken with one, and means the same; and all
    that is a message is taken so, unless a name is in capitals."""
    explained = _explained(body, None, ())
    if b'"Subject"' in body:
        assert accept(body, None, ()) is None
    else:
        assert accept(body, None, ()) == (explained if isinstance(explained, Mail) else None)


@given(bodies())
def test_a_large_body_is_read_as_a_small_one(body):
    """With much white space behind it, it is the same; only the line of an error is not told."""
    small, large = parse(body), parse(body + b" " * WHOLE_BYTES_MAX)
    if isinstance(small, InvalidJson):
        assert isinstance(large, InvalidJson)
    else:
        assert large == small


# Names


@pytest.mark.parametrize(
    "twice",
    [
        b'"subject":"a","subject":"b"',
        b'"subject":"a","\\u0073ubject":"a"',
        b'"fromaddress":"a@example.org"',
        b'"headers":{"X-A":"1","X-A":"1"}',
        b'"metadata":{"a":"1","a":"2"}',
        b'"attachments":[{"filename":"a","filename":"b","contenttype":"a/b","content":""}]',
        b'"colour":{"a":{"b":1,"b":1}}',
    ],
)
@pytest.mark.parametrize("padding", [b"", b" " * WHOLE_BYTES_MAX])
def test_a_name_twice_in_one_object_is_no_message(twice, padding):
    """Two readers might take it for two different messages."""
    body = orjson.dumps(MINIMAL)[:-1] + b"," + twice + padding + b"}"
    invalid = parse(body)
    assert isinstance(invalid, InvalidJson)
    assert invalid.message.endswith("twice in one object.")


def test_names_of_fields_in_capitals_are_fields():
    """As for the first SMSP; in an attachment, which it had not, they are unknown."""
    wire = {"FromAddress": "a@example.org", "TOADDRESS": "b@example.org", "Subject": "Hi"}
    assert parse(orjson.dumps(wire)) == read(subject="Hi")
    assert faults(attachments=[{**FILE, "FileName": "b"}]) == [
        ("attachments[0].FileName", "is not a known field: did you mean filename?")
    ]
    assert faults(Colour="red") == [("Colour", "is not a known field")]


def test_two_spellings_of_one_field_are_no_message():
    """One of the two would be lost."""
    invalid = parse(orjson.dumps({**MINIMAL, "subject": "a", "Subject": "b"}))
    words = "The body names one field twice: subject and Subject."
    assert invalid == InvalidJson(words)


# Large


def test_long_texts_and_files_come_out_whole():
    """Beyond the size at which a body is read in pieces, with every kind of escape."""
    text = 'Grüße, "\\"😀\n' * (PIECE_BYTES // 8)
    content = bytes(range(256)) * 2_000
    wire = MINIMAL | {
        "plaintextbody": text,
        "htmlbody": "\0" + text,
        "attachments": [FILE | {"content": b64encode(content).decode()}, FILE],
        "metadata": {"a": "b" * 998},
    }
    meant = replace(
        read(metadata={"a": "b" * 998}),
        text=text,
        html="\0" + text,
        attachments=(
            Attachment("a.txt", "text/plain", content),
            Attachment("a.txt", "text/plain", b"hi"),
        ),
    )
    for body in (orjson.dumps(wire), json.dumps(wire).replace("/", "\\/").encode()):
        assert parse(body) == meant
        assert parse(bytearray(body)) == meant
        assert isinstance(accept_condensed(body), Mail)
    capitals = {name.title(): value for name, value in wire.items()}
    assert parse(orjson.dumps(capitals)) == meant


def accept_condensed(body):
    """The short way of a large body."""
    condensed = condense(body)
    assert isinstance(condensed, Condensed)
    return accept(condensed.text, condensed, ())


HUGE = "x" * (WHOLE_BYTES_MAX + 1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"subject": HUGE}, ("subject", "must hold at most 998 characters")),
        ({"toaddress": [HUGE]}, ("toaddress[0]", "must hold at most 1,000 characters")),
        ({"fromaddress": HUGE}, ("fromaddress", "must hold at most 1,000 characters")),
        ({"headers": {"X-A": HUGE}}, ("headers.X-A", "must hold at most 998 characters")),
        ({"tags": [HUGE]}, ("tags[0]", "must hold at most 128 characters")),
        ({"plaintextbody": [HUGE]}, ("plaintextbody", "must be a string")),
        ({"plaintextbody": {HUGE: 1}}, ("plaintextbody", "must be a string")),
        ({"headers": {HUGE: ""}}, (f"headers.{HUGE[:64]}...", "must hold at most 126 characters")),
        ({HUGE: 1}, (f"{HUGE[:64]}...", "is not a known field")),
        ({"colour": HUGE}, ("colour", "is not a known field")),
        (
            {"attachments": [FILE | {"content": HUGE + "!"}]},
            ("attachments[0].content", "must be base64 with its padding"),
        ),
        (
            {"attachments": [FILE | {"content": HUGE[1:] + "!!!!"}]},
            (
                "attachments[0].content",
                "must be base64 (the alphabet with + and /, no line breaks)",
            ),
        ),
    ],
    ids=lambda value: next(iter(value))[:20] if isinstance(value, dict) else "",
)
def test_what_is_wrong_with_a_large_body_is_told_by_field(fields, told):
    """As of a small one, although its strings are not read whole."""
    assert faults(**fields) == [told]


@pytest.mark.parametrize("broken", [b"\xff", b"\\x", b"\\ud800", b"\n"])
@pytest.mark.parametrize("field", ["plaintextbody", "htmlbody"])
def test_a_long_string_that_is_none(field, broken):
    """It is found when it is read; the body is no JSON then."""
    wire = orjson.dumps(MINIMAL | {field: HUGE})
    invalid = parse(wire.replace(b"xxx", b"x" + broken, 1))
    assert isinstance(invalid, InvalidJson)
    assert invalid.message.startswith("The body is not JSON: ")


# More than any message has


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b'{"x":[' + b'{"":0},' * 50_000 + b"0]}", "x", "holds too much"),
        (b'{"a":1,"b":{"c":[' + b"0," * 200_000 + b"0]}}", "b", "holds too much"),
        (b"[" + b'{"":0},' * 50_000 + b"0]", "", "must be an object"),
        (
            b'{"toaddress":[' + b'"a@b.c",' * 50_000 + b'""]}',
            "toaddress",
            "must name at most 1,000",
        ),
        (
            b'{"CcAddress":[' + b'"a@b.c",' * 50_000 + b'""]}',
            "toaddress",
            "must name at most 1,000",
        ),
    ],
    ids=["objects", "numbers", "list", "to", "cc"],
)
def test_more_than_a_message_has_is_refused_by_the_field_that_has_it(body, field, words):
    """Nothing is made of what comes after."""
    invalid = parse(body)
    assert isinstance(invalid, InvalidMessage)
    (told,) = invalid.faults
    assert told.field == field
    assert told.message.startswith(words)


@pytest.mark.parametrize("tail", [b"", b"]", b"0]} x", b"\xff]}", b'"\\x"]}', b"[" * 300_000])
def test_more_than_a_message_has_that_is_no_json(tail):
    """A body that is not JSON is told so, however much is in it."""
    invalid = parse(b'{"x":[' + b'{"":0},' * 50_000 + tail)
    assert isinstance(invalid, InvalidJson)
    assert invalid.message.startswith("The body is not JSON: ")
    assert invalid.message.isprintable()


def test_the_largest_number_of_strings_is_a_message():
    """Everything that a message may have, in one: less than what a body is read for."""
    boxes = [f"Recipient {n} <r{n}@example.org>" for n in range(1_000)]
    names = {f"X-{n}": "v" * 400 for n in range(100)}
    wire = {
        "fromaddress": "a@example.org",
        "toaddress": boxes,
        "replytoaddress": boxes,
        "subject": "s" * 998,
        "plaintextbody": "t" * WHOLE_BYTES_MAX,
        "htmlbody": "h",
        "headers": names,
        "attachments": [FILE | {"contentid": f"c{n}"} for n in range(100)],
        "tags": [f"t{n}" for n in range(50)],
        "metadata": names,
        "provider": "mailgun",
    }
    body = json.dumps(wire, indent=40).encode()
    assert body.count(b'"') // 2 < STRINGS_MAX
    assert isinstance(parse(body), Mail)


# What takes long


@pytest.mark.parametrize(
    ("body", "quick"),
    [
        (orjson.dumps(MINIMAL), True),
        (orjson.dumps(MINIMAL | {"plaintextbody": "x" * 1_000_000}), True),
        (orjson.dumps(MINIMAL | {"plaintextbody": "x" * 2**20}), False),
        (orjson.dumps(MINIMAL | {"toaddress": ["ann@example.org"] * 390}), True),
        (orjson.dumps(MINIMAL | {"toaddress": ["ann@example.org"] * 400}), False),
        (orjson.dumps(MINIMAL | {"toaddress": ["ann@exämple.org"] * 15}), True),
        (orjson.dumps(MINIMAL | {"toaddress": ["ann@exämple.org"] * 17}), False),
        (orjson.dumps(MINIMAL | {"toaddress": ["ann@XN--a.org"] * 17}), False),
        (json.dumps(MINIMAL | {"toaddress": ["ann@exämple.org"] * 17}).encode(), False),
        (json.dumps(MINIMAL | {"toaddress": ["é"] * 17}).replace("\\u00e9", "\\u0040"), False),
        (b'["' + b'","' * 1_000 + b'"]', False),
        (b"[" + b"{}," * 1_000 + b"{}]", False),
        (b'["' + b"\\n" * 20_000 + b'"]', False),
    ],
)
def test_what_is_quickly_read(body, quick):
    """By its bytes, its strings, and the addresses that may be in it."""
    assert is_quick(body.encode() if isinstance(body, str) else body) is quick


def test_of_many_wrong_mailboxes_no_more_are_looked_at_than_are_told():
    """Each may take a millisecond, and a list has room for a thousand."""

    class Unread(str):
        """What cannot be looked at."""

        __slots__ = ()

        def strip(self, *_):
            raise AssertionError

    wire = MINIMAL | {"toaddress": ["x"] * FAULTS_MAX + [Unread("x")] * 900}
    with pytest.raises(ValidationError) as invalid:
        EmailMessage.model_validate(wire)
    assert invalid.value.error_count() == FAULTS_MAX
