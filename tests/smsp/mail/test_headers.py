"""Which headers a caller may set, and how a caller's text is quoted back."""

from __future__ import annotations

import orjson
import pytest

from smsp.mail import Mail
from smsp.mail.headers import excerpt
from smsp.mail.parsing import FieldError, InvalidMessage, parse
from tests.kit.wire import MINIMAL, faults, fields_at_fault, read

RESERVED = "is reserved and can't be set as a custom header"


def test_a_header_that_only_resembles_a_reserved_one_is_taken():
    """``To`` is reserved, ``Toto`` is not; a pattern with ``*`` needs what stands before it."""
    allowed = {"Toto": "1", "X-Sib": "2", "X-PMX": "3", "List-Unsubscribe": "<https://b.c>"}
    mail = read(headers=allowed)
    assert isinstance(mail, Mail)
    assert mail.headers == allowed


@pytest.mark.parametrize("name", ["", "X A", "X-A:", "X-Ä", " X-A", "Bcc ", "x" * 127])
def test_a_header_name_is_printable_ascii_without_colon(name):
    """RFC 5322 §3.6.8; a space would let a reserved name pass in disguise."""
    assert fields_at_fault(headers={name: "b"})[0].startswith("headers.")


@pytest.mark.parametrize(
    "name",
    [
        "From",
        "sender",
        "TO",
        "Cc",
        "bcc",
        "Reply-To",
        "Subject",
        "Date",
        "Message-Id",
        "Return-Path",
        "Received",
        "Resent-To",
        "Content-Type",
        "content-transfer-encoding",
        "MIME-Version",
        "DKIM-Signature",
        "ARC-Seal",
        "Authentication-Results",
        "X-SMTPAPI",
        "x-smtpapi",
        "X-MSYS-API",
        "X-MC-Template",
        "X-Mailgun-Drop-Message",
        "X-Mailin-Tag",
        "X-Sib-Sandbox",
        "X-SES-CONFIGURATION-SET",
        "X-PM-Message-Stream",
        "X-MJ-TemplateID",
        "X-Mailjet-Campaign",
        "X-MT-Category",
        "X-Postal-Tag",
        "idempotencyKey",
        "IDEMPOTENCYKEY",
        "Idempotency-Key",
        "idempotency-key",
        "IDEMPOTENCY-KEY",
        "Idempotency_Key",
    ],
)
def test_a_reserved_header_is_refused_in_any_case(name):
    """The message's own fields and every provider's switches, whichever provider takes the mail."""
    assert faults(headers={name: "drop"}) == [(f"headers.{name}", RESERVED)]


@pytest.mark.parametrize("name", ["X-New-Switch", "x-new-", "X-ONE"])
def test_adapters_reserve_further_headers(name):
    """Somebody's own adapter names its switches; ``*`` at the end matches the rest."""
    body = orjson.dumps({**MINIMAL, "headers": {name: "1"}})
    assert isinstance(parse(body), Mail)
    assert parse(body, control_headers=("X-New-*", "x-one")) == InvalidMessage(
        (FieldError(f"headers.{name}", RESERVED),)
    )


def test_a_header_given_twice_is_refused():
    """JSON tells two cases of a name apart; a message does not."""
    assert faults(headers={"X-A": "1", "X-B": "2", "x-a": "3", "X-b": "4"}) == [
        ("headers.x-a", "repeats X-A"),
        ("headers.X-b", "repeats X-B"),
    ]


def test_there_are_at_most_one_hundred_headers():
    """And their values are at most a line."""
    assert faults(headers={f"X-{n}": "" for n in range(101)}) == [
        ("headers", "must hold at most 100 entries")
    ]
    assert faults(headers={"X-A": "x" * 999}) == [
        ("headers.X-A", "must hold at most 998 characters")
    ]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("X-Order", "X-Order"),
        ("X-A\r\nBcc", "X-A\ufffd\ufffdBcc"),
        ("\ud800\u202e", "\ufffd\ufffd"),
        ("x" * 8, "xxxxxxxx"),
        ("x" * 9, "xxxxxxxx..."),
    ],
)
def test_a_callers_text_is_quoted_short_and_printable(text, quoted):
    """A fault is told in an answer and perhaps in a log; neither may be broken by it."""
    assert excerpt(text, 8) == quoted
