"""The door of POST /email: what becomes a message, and how everything else is refused."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Mail, Mailbox
from smsp.mail.parsing import (
    FAULTS_MAX,
    EmailMessage,
    FieldError,
    InvalidJson,
    InvalidMessage,
    parse,
)
from tests.kit.messages import CONTROLS, messages
from tests.kit.wire import FILE, ONE_LINE, faults, read

# What is taken


def test_the_four_fields_of_the_first_smsp_are_a_message():
    """A client of the first server works unchanged."""
    assert read(subject="Hello", plaintextbody="Hi.") == Mail(
        sender=Mailbox("a", "example.org", "example.org"),
        to=(Mailbox("b", "example.org", "example.org"),),
        subject="Hello",
        text="Hi.",
    )


def test_two_mailboxes_are_enough():
    """Subject and bodies are optional; a message without a body is a message."""
    mail = read()
    assert isinstance(mail, Mail)
    assert (mail.subject, mail.text, mail.html) == ("", None, None)


@given(messages())
def test_any_valid_message_is_read_as_it_was_meant(pair):
    """Every field reaches the Mail, and nothing else does."""
    wire, mail = pair
    assert parse(orjson.dumps(wire)) == mail


def test_one_thousand_recipients_are_taken():
    """To, cc and bcc together, and the lists of each."""
    many = [f"a{number}@b.c" for number in range(1_000)]
    mail = read(toaddress=many[:400], ccaddress=many[400:700], bccaddress=many[700:])
    assert isinstance(mail, Mail)
    assert len(mail.recipients) == 1_000


# What is not JSON


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"fromaddress": "a@example.org", "toaddress": "b@exam',
        b"fromaddress=a@example.org",
        b'{"subject": "\xff"}',
        b'{"subject": "\\ud800"}',
        b'{"subject": NaN}',
        b"{'subject': 'x'}",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_json_says_so(body):
    """Truncated, not UTF-8, half a surrogate pair, endless nesting: one kind of answer."""
    invalid = parse(body)
    assert isinstance(invalid, InvalidJson)
    assert invalid.message.startswith("The body is not JSON: ")
    assert invalid.message.isprintable()


@pytest.mark.parametrize("body", [b"null", b"[]", b'"a"', b"1", b"true"])
def test_json_that_is_no_object_is_a_fault_of_the_whole_message(body):
    """It has no field to name."""
    assert parse(body) == InvalidMessage((FieldError("", "must be an object"),))


# What is refused, by field


def test_the_two_required_fields_are_asked_for_together():
    """All faults are told at once."""
    assert parse(b"{}") == InvalidMessage(
        (FieldError("fromaddress", "is required"), FieldError("toaddress", "is required"))
    )


def test_faults_of_several_fields_are_told_together():
    """Shape and content alike, each by the path to its field."""
    assert faults(
        toaddress=["b@example.org", "c"],
        subject="a\r\nBcc: eve@example.net",
        headers={"X-Order": 1},
        attachments=[{**FILE, "content": "?"}],
        colour="red",
    ) == [
        ("toaddress[1]", "is not an e-mail address: it has no @"),
        ("subject", ONE_LINE),
        ("headers.X-Order", "must be a string"),
        ("attachments[0].content", "must be base64 with its padding"),
        ("colour", "is not a known field"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"toaddress": ["a@b.c"] * 1_001},
        {"ccaddress": ["a@b.c"] * 1_000},
        {"toaddress": ["a@b.c"] * 500, "ccaddress": ["a@b.c"] * 500, "bccaddress": "a@b.c"},
    ],
)
def test_one_thousand_and_one_recipients_are_too_many(fields):
    """To, cc and bcc are counted together, before any of them is read."""
    message = "must name at most 1,000 recipients together with cc and bcc"
    assert faults(**fields) == [("toaddress", message)]


def test_a_name_that_looks_like_a_mark_of_the_parser_is_named_all_the_same():
    """``[key]`` is a header name like any other."""
    assert faults(headers={"[key]": 1}, attachments=[{**FILE, "[key]": 1}]) == [
        ("headers.[key]", "must be a string"),
        ("attachments[0].[key]", "is not a known field"),
    ]


# How faults are told


def test_only_the_first_faults_are_told():
    """An answer is bounded, however much is wrong."""
    assert len(faults(tags=[1] * 50)) == FAULTS_MAX


def test_a_fault_reads_as_a_sentence():
    """The message continues the field's name; a fault of the whole says so."""
    assert str(FieldError("toaddress[2]", "must be a string")) == "toaddress[2] must be a string"
    assert str(FieldError("", "must be an object")) == "The message must be an object"
    assert str(parse(b"{}")) == "fromaddress is required; toaddress is required"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.text(max_size=20)
    | st.sampled_from(CONTROLS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from([*EmailMessage.model_fields]) | st.text(max_size=9)


@given(st.binary(max_size=60) | st.dictionaries(FIELDS, VALUES, max_size=6).map(orjson.dumps))
def test_any_bytes_are_answered_by_a_value(body):
    """Nothing is raised, and what is told is printable, short and bounded."""
    match parse(body):
        case InvalidJson(message):
            told = [message]
        case InvalidMessage(faults):
            assert 1 <= len(faults) <= FAULTS_MAX
            told = [str(fault) for fault in faults]
        case Mail():
            told = []
    assert all(text.isprintable() and len(text) < 500 for text in told)


@st.composite
def tampered(draw):
    """A valid message with a line break, NUL or comma put into any one string of it."""
    wire, _ = draw(messages())
    path, text = draw(st.sampled_from(list(_strings(wire))))
    at = draw(st.integers(0, len(text)))
    _put(wire, path, text[:at] + draw(st.sampled_from([*CONTROLS, ",", "<", '"'])) + text[at:])
    return wire


@given(tampered())
def test_no_header_bound_value_of_a_mail_holds_a_line_break(wire):
    """Whatever is slipped into whichever field: it is refused, or harmless; nobody is added."""
    mail = parse(orjson.dumps(wire))
    if isinstance(mail, Mail):
        assert not [text for text in _header_bound(mail) if set(text) & set("\r\n\0")]
        assert len(mail.recipients) == sum(
            1 if isinstance(field, str) else len(field)
            for field in map(wire.get, ("toaddress", "ccaddress", "bccaddress"))
            if field
        )
    else:
        assert isinstance(mail, InvalidMessage)


def _strings(value, path=()):
    match value:
        case str():
            yield path, value
        case list():
            for index, inner in enumerate(value):
                yield from _strings(inner, (*path, index))
        case dict():
            for key, inner in value.items():
                yield from _strings(inner, (*path, key))


def _put(value, path, text):
    *way, last = path
    for step in way:
        value = value[step]
    value[last] = text


def _header_bound(mail):
    for mailbox in (mail.sender, *mail.recipients, *mail.reply_to):
        yield from (mailbox.name, mailbox.local, mailbox.domain, mailbox.ascii_domain)
    for part in mail.attachments:
        yield from (part.filename, part.content_type, part.content_id or "")
    yield from (mail.subject, *mail.headers, *mail.headers.values())
    yield from (*mail.tags, *mail.metadata, *mail.metadata.values(), mail.provider or "")
