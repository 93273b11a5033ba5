"""What a mailbox is, and what is none."""

from __future__ import annotations

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from smsp.mail import Mailbox
from smsp.mail.mailbox import parse_mailbox
from tests.kit.messages import CONTROLS, mailboxes

EXAMPLE = ("example.org", "example.org")


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("alice@example.org", Mailbox("alice", *EXAMPLE)),
        ("Alice <alice@example.org>", Mailbox("alice", *EXAMPLE, "Alice")),
        ("  Alice<alice@example.org> ", Mailbox("alice", *EXAMPLE, "Alice")),
        ("<alice@example.org>", Mailbox("alice", *EXAMPLE)),
        ("J. R. O'Neill (Sales) <j@example.org>", Mailbox("j", *EXAMPLE, "J. R. O'Neill (Sales)")),
        ('"Doe, John" <j@example.org>', Mailbox("j", *EXAMPLE, "Doe, John")),
        (r'"a \"b\" \\ <c>" <j@example.org>', Mailbox("j", *EXAMPLE, r'a "b" \ <c>')),
        ("Jörg Müller <j@example.org>", Mailbox("j", *EXAMPLE, "Jörg Müller")),
        ("田中 👩‍💻 <j@example.org>", Mailbox("j", *EXAMPLE, "田中 👩‍💻")),
        ("jörg@example.org", Mailbox("jörg", *EXAMPLE)),
        ("Alice.Bee@EXAMPLE.org", Mailbox("Alice.Bee", *EXAMPLE)),
        ("o'neill+tag/x=y@example.org", Mailbox("o'neill+tag/x=y", *EXAMPLE)),
        ("a@bücher.example", Mailbox("a", "bücher.example", "xn--bcher-kva.example")),
        ("a@xn--bcher-kva.example", Mailbox("a", "bücher.example", "xn--bcher-kva.example")),
        ("a@bücher.test", Mailbox("a", "bücher.test", "xn--bcher-kva.test")),
        ("a@printer.local", Mailbox("a", "printer.local", "printer.local")),
        ("a@localhost", Mailbox("a", "localhost", "localhost")),
    ],
)
def test_a_mailbox_is_an_address_with_or_without_a_name(text, mailbox):
    """Plain, named, quoted, Unicode, international and special-use: each is read as meant."""
    assert parse_mailbox(text) == mailbox


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no @"),
        ("alice", "has no @"),
        ("alice@", "nothing after the @"),
        ("@example.org", "nothing before the @"),
        ("Alice <>", "has no @"),
        ("Alice <alice>", "has no @"),
        ("a@example.org.", "ends with a dot"),
        ("a..b@example.org", "two periods in a row"),
        (".a@example.org", "start with a period"),
        ("a b@example.org", "invalid characters before the @-sign: SPACE"),
        ("a@exa mple.org", "invalid characters: SPACE"),
        ("a@exam_ple.org", "invalid characters: '_'"),
        ("a@-example.org", "hyphen"),
        ("a@[192.0.2.1]", "invalid characters"),
        ("a@example.org (work)", "invalid characters"),
        ("Alice <alice@example.org", "is not an e-mail address"),
        ("alice@example.org>", "is not an e-mail address"),
        ("a" * 65 + "@example.org", "too long before the @-sign"),
        ("é" * 33 + "@example.org", "more than 64 octets before the @"),
        ("a@" + ".".join(["b" * 60] * 5), "more than 254 octets"),
        ("é" * 31 + "@" + ".".join(["ü" * 20] * 8), "is not an e-mail address"),
        ("a@" + "b" * 64 + ".org", "so many characters"),
        ("n" * 321 + " <a@example.org>", "display name of more than 320"),
        ("n" * 1_001, "at most 1,000 characters"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text, complaint):
    """The complaint says what is wrong, so that nobody has to guess."""
    with pytest.raises(ValueError, match=complaint):
        parse_mailbox(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@example.org, b@example.org",
        "a@example.org,b@example.org",
        "a@example.org; b@example.org",
        "a@example.org b@example.org",
        "A <a@example.org>, B <b@example.org>",
        "a@example.org, B <b@example.org>",
        "a@example.org <b@example.org>",
        "Doe, John <a@example.org>",
        '"A" <a@example.org>, "B" <b@example.org>',
        "Friends: a@example.org, b@example.org;",
        '"A" B <b@example.org>',
        '"A" <a@example.org>" <b@example.org>',
    ],
)
def test_one_string_is_one_mailbox(text):
    """Never a list, a group, or anything a sloppy reader could take for one."""
    with pytest.raises(ValueError, match="must be one mailbox"):
        parse_mailbox(text)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ('"a..b"@example.org', '"a..b"'),
        ('".a."@example.org', '".a."'),
        ('"a b"@example.org', '"a b"'),
        ('"ab"@example.org', "ab"),
    ],
)
def test_a_quoted_local_part_may_hold_dots_and_spaces_anywhere(text, local):
    """Such addresses exist; quotes that nothing needs are dropped (RFC 5321 §4.1.2)."""
    assert parse_mailbox(text).local == local


@pytest.mark.parametrize("delimiter", list('<>,;:@\\"()[]'))
def test_a_quoted_local_part_may_not_hold_a_delimiter(delimiter):
    """RFC 5321 allows it, but a provider that reads lists from strings might not see the quotes."""
    with pytest.raises(ValueError, match="between quotes"):
        parse_mailbox(f'"a{delimiter}b"@example.org')


@pytest.mark.parametrize("control", [*CONTROLS, "\ud800"])
@pytest.mark.parametrize(
    "text", ["A{}B <a@example.org>", '"A{}" <a@example.org>', "a{}@example.org", "a@example.org{}"]
)
def test_no_control_character_passes_in_any_part(text, control):
    """CR, LF and NUL above all: they would begin a header of the caller's own."""
    with pytest.raises(ValueError, match="must be one line without control characters"):
        parse_mailbox(text.format(control))


@given(mailboxes())
def test_every_valid_mailbox_is_read_as_it_was_meant(pair):
    """Name, local part and both forms of the domain come out as they went in."""
    text, mailbox = pair
    assert parse_mailbox(text) == mailbox


@given(st.text(max_size=60) | st.text('aé@<>"\\,. ', max_size=20))
@example('"' + "\\a" * 400_000 + '" <a@b.c>')
@example("a@" + "\u0660" * 200)
@example("<" * 500_000)
def test_any_text_is_a_mailbox_or_a_printable_complaint(text):
    """Nothing but ValueError is raised, and its text is fit for a message and a log."""
    complaint = ""
    try:
        parse_mailbox(text)
    except ValueError as error:
        complaint = str(error)
    assert complaint.isprintable()
    assert len(complaint) < 250


@given(
    st.text("aZz09._+-'é", min_size=1, max_size=12),
    st.text("aZz09.-_éß。", min_size=1, max_size=20)
    | st.sampled_from(["xn--bcher-kva.de", "xn--a.de", "ab--c.de", "A.De", "b" * 64, "1.2.3.4"]),
)
@example("INFO", "example.org")
@example("a" * 64, "example.org")
@example("a" * 65, "example.org")
@example("a", "b" * 63 + ".org")
@example("a", ".".join(["b" * 49] * 5) + ".cc")
@example("a", ".".join(["b" * 49] * 5) + ".ccc")
def test_the_short_way_for_plain_addresses_agrees_with_the_long_one(local, domain):
    """Whatever our patterns decide, email-validator decides the same, with the same parts."""
    text = f"{local}@{domain}"
    assert _ours(text) == _theirs(text)


def test_special_use_domains_are_allowed_without_changing_a_library_for_everybody():
    """email-validator's own list is as long as before: another user of it sees no difference."""
    parse_mailbox("a@shop.test")
    assert {"test", "local", "localhost", "invalid"} <= set(SPECIAL_USE_DOMAIN_NAMES)


def _ours(text):
    try:
        mailbox = parse_mailbox(text)
    except ValueError:
        return None
    return mailbox.local, mailbox.domain, mailbox.ascii_domain


def _theirs(text):
    try:
        valid = validate_email(
            text, strict=True, check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        return None
    return valid.local_part, valid.domain, valid.ascii_domain
