"""The JSON object of POST /email: its fields, their kinds, and how it is documented."""

from __future__ import annotations

import orjson
import pytest

from smsp.mail import Mail
from smsp.mail.parsing import EmailMessage, parse
from tests.kit.wire import FILE, MINIMAL, faults, read


def test_an_unknown_field_is_refused_by_name():
    """A misspelt field would be lost in silence otherwise; inside an attachment too."""
    assert faults(toadress="b@example.org", attachments=[{**FILE, "mimetype": "a/b"}]) == [
        ("attachments[0].mimetype", "is not a known field: did you mean contenttype?"),
        ("toadress", "is not a known field: did you mean toaddress?"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fromaddress", None, "must be a string"),
        ("fromaddress", ["a@example.org"], "must be a string"),
        ("fromaddress", "alice", "is not an e-mail address: it has no @"),
        ("fromaddress", "alice@", "is not an e-mail address: nothing after the @"),
        ("toaddress", None, "must be a mailbox or a list of mailboxes"),
        ("toaddress", 1, "must be a mailbox or a list of mailboxes"),
        ("toaddress", {"email": "b@c.d"}, "must be a mailbox or a list of mailboxes"),
        ("toaddress", [], "must hold at least 1 entry"),
        ("subject", 1, "must be a string"),
        ("subject", "x" * 999, "must hold at most 998 characters"),
        ("plaintextbody", ["x"], "must be a string"),
        ("htmlbody", True, "must be a string"),
        ("headers", ["X-A: b"], "must be an object of strings"),
        ("attachments", FILE, "must be a list"),
        ("attachments", [FILE] * 101, "must hold at most 100 entries"),
        ("tags", "a", "must be a list"),
        ("tags", ["a"] * 51, "must hold at most 50 entries"),
        ("metadata", "a", "must be an object of strings"),
        ("metadata", {str(n): "" for n in range(101)}, "must hold at most 100 entries"),
        ("provider", 1, "must be a string"),
        ("provider", "Mailgun", "must match ^[a-z][a-z0-9-]{0,31}$"),
        ("provider", "a" * 33, "must match ^[a-z][a-z0-9-]{0,31}$"),
        ("provider", "a\n", "must match ^[a-z][a-z0-9-]{0,31}$"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(field, value, message):
    """Types are not coerced and limits are told."""
    assert faults(**{field: value}) == [(field, message)]


def test_null_is_an_absent_field():
    """Many clients write what they do not set; nothing is read into that."""
    optional = EmailMessage.model_fields.keys() - MINIMAL.keys()
    assert read(**dict.fromkeys(optional)) == read()


def test_an_object_of_very_many_fields_is_not_looked_into():
    """Every unknown field is a fault, and a body has room for a million of them."""
    many = {f"field{n}": 1 for n in range(1_000)}
    assert faults(**many) == [("", "must hold at most 100 entries")]
    assert faults(attachments=[many]) == [("attachments[0]", "must hold at most 100 entries")]


def test_the_schema_describes_every_field_with_an_example():
    """It is the documentation of POST /email."""
    schema = EmailMessage.model_json_schema()
    parts = schema["$defs"]["EmailAttachment"]["properties"]
    for name, field in (schema["properties"] | parts).items():
        assert field["description"], name
        assert field["examples"], name


def test_the_examples_of_the_schema_are_valid():
    """Whoever copies one gets a message that is taken."""
    schema = EmailMessage.model_json_schema()
    for example in schema["examples"]:
        assert isinstance(parse(orjson.dumps(example)), Mail)
    for name, field in schema["properties"].items():
        for example in field["examples"]:
            assert isinstance(read(**{name: example}), Mail)
    for name, field in schema["$defs"]["EmailAttachment"]["properties"].items():
        for example in field["examples"]:
            assert isinstance(read(attachments=[{**FILE, name: example}]), Mail)


def test_the_schema_is_closed_and_asks_for_two_fields():
    """Unknown fields are refused, and only sender and recipient are required."""
    schema = EmailMessage.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["fromaddress", "toaddress"]
