"""A message on the wire that is valid but for the fields a test names, and what is said of it."""

from __future__ import annotations

import orjson

from smsp.mail.parsing import InvalidMessage, parse

MINIMAL = {"fromaddress": "a@example.org", "toaddress": "b@example.org"}
FILE = {"filename": "a.txt", "contenttype": "text/plain", "content": "aGk="}
ONE_LINE = "must be one line without control characters"


def read(**fields):
    """Parse a message that is valid but for these fields."""
    return parse(orjson.dumps({**MINIMAL, **fields}))


def faults(**fields):
    """What is wrong with these fields, as (field, message) pairs."""
    invalid = read(**fields)
    assert isinstance(invalid, InvalidMessage)
    return [(fault.field, fault.message) for fault in invalid.faults]


def fields_at_fault(**fields):
    """Which fields something is wrong with."""
    return [field for field, _ in faults(**fields)]
