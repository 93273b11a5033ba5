"""What a provider says that it cannot carry is not put to it."""

from __future__ import annotations

import re

import pytest

from smsp.mail import Attachment
from smsp.mail.mime_size import mime_bytes
from smsp.mail.outcome import Reason
from smsp.providers import KINDS
from smsp.providers.protocols import Capabilities
from smsp.sending.eligibility import why_not_carried
from tests.kit.mails import mailbox, send

BOB, EVE = mailbox("bob@example.org"), mailbox("eve@example.org")
NOTE = Attachment("note.txt", "text/plain", b"1234")
LOGO = Attachment("logo.png", "image/png", b"1", "logo")
ABROAD = Attachment("résumé.pdf", "application/pdf", b"1")
MISNAMED = Attachment("note.txt", "text/csv", b"1")
RICH = {
    "to": (BOB, EVE),
    "cc": (BOB, EVE),
    "bcc": (BOB, EVE),
    "reply_to": (BOB, EVE),
    "subject": "A subject of some length",
    "text": "short",
    "html": "<p>a longer one</p>",
    "headers": {"X-One": "1", "X-Two": "zwölf"},
    "attachments": (NOTE, LOGO, ABROAD, MISNAMED),
}

RICH_BYTES = mime_bytes(send(**RICH).mail)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"recipients_max": 5}, Reason.TOO_MANY_RECIPIENTS),
        ({"to_max": 1}, Reason.TOO_MANY_RECIPIENTS),
        ({"cc_max": 1}, Reason.TOO_MANY_RECIPIENTS),
        ({"bcc_max": 1}, Reason.TOO_MANY_RECIPIENTS),
        ({"reply_to_max": 1}, Reason.TOO_MANY_REPLY_TO),
        ({"subject_max": 23}, Reason.SUBJECT_TOO_LONG),
        ({"text_min": 6}, Reason.TEXT_TOO_SHORT),
        ({"headers_max": 1}, Reason.TOO_MANY_HEADERS),
        ({"ascii_headers": True}, Reason.NEEDS_ASCII_HEADERS),
        ({"attachments_max": 3}, Reason.TOO_MANY_ATTACHMENTS),
        ({"inline": False}, Reason.NO_INLINE),
        ({"file_extensions": frozenset({"txt", "pdf"})}, Reason.FILE_TYPE),
        ({"fitting_file_types": True}, Reason.FILE_TYPE_MISMATCH),
        ({"ascii_filenames": True}, Reason.NEEDS_ASCII_FILENAMES),
        ({"bytes_max": RICH_BYTES - 1}, Reason.TOO_LARGE),
    ],
)
def test_each_limit_has_its_reason(limits, reason):
    """One below what the message needs is too little."""
    assert why_not_carried(send(**RICH).mail, Capabilities(**limits)) is reason


def test_what_fits_exactly_is_carried():
    """Every limit at just what the message needs."""
    limits = Capabilities(
        recipients_max=6,
        to_max=2,
        cc_max=2,
        bcc_max=2,
        reply_to_max=2,
        subject_max=24,
        text_min=5,
        headers_max=2,
        attachments_max=4,
        file_extensions=frozenset({"txt", "png", "pdf"}),
        bytes_max=RICH_BYTES,
        needs_html=True,
    )

    assert why_not_carried(send(**RICH).mail, limits) is None


def test_what_a_provider_leaves_out_keeps_no_message_back():
    """Surplus tags and metadata are no reason."""
    mail = send(tags=("a", "b"), metadata={"a": "b"}).mail

    assert why_not_carried(mail, Capabilities(tags_max=1, metadata=False)) is None


def test_a_provider_that_needs_html_gets_no_plain_text():
    """SMSP does not make up a body."""
    limits = Capabilities(needs_html=True)

    assert why_not_carried(send(text="only").mail, limits) is Reason.NEEDS_HTML


@pytest.mark.parametrize("field", ["sender", "to", "cc", "bcc", "reply_to"])
def test_an_international_local_part_needs_a_provider_that_takes_it(field):
    """Wherever in the message it is."""
    joerg = mailbox("jörg@example.org")
    mail = send(**{field: joerg if field == "sender" else (joerg,)}).mail

    assert why_not_carried(mail, Capabilities()) is Reason.NEEDS_SMTPUTF8
    assert why_not_carried(mail, Capabilities(smtputf8=True)) is None


THREAD = {"header_fields": {"in-reply-to": re.compile("<[^>]+>")}, "headers_max": 0}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"In-Reply-To": "<a@example.com>"}, None),
        ({"in-reply-to": "<a@example.com>"}, None),
        ({"In-Reply-To": "whatever it was"}, Reason.TOO_MANY_HEADERS),
        ({"In-Reply-To": "<a@example.com>", "X-One": "1"}, Reason.TOO_MANY_HEADERS),
    ],
)
def test_a_header_with_a_field_of_its_own_does_not_count(headers, reason):
    """If its value fits there."""
    assert why_not_carried(send(headers=headers).mail, Capabilities(**THREAD)) is reason


@pytest.mark.parametrize("name", ["X-Mailer", "x-mailer", "X-MAILER"])
def test_a_header_that_a_provider_takes_from_nobody(name):
    """However it is spelt: the provider is passed over, and the message goes another way."""
    limits = Capabilities(headers_refused=frozenset({"x-mailer"}))

    assert why_not_carried(send(headers={name: "1"}).mail, limits) is Reason.HEADER_NOT_TAKEN
    assert why_not_carried(send(headers={f"{name}-2": "1"}).mail, limits) is None


CURLY = mailbox("bob@example.org", "Bob {{x}}")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello {{name}}"},
        {"subject": "{{"},
        {"headers": {"X-One": "1", "X-Two": "a{{b"}},
        {"headers": {"X-{{1}}": "1"}},
        {"sender": CURLY},
        {"to": (BOB, CURLY)},
        {"cc": (CURLY,)},
        {"reply_to": (CURLY,)},
        {"to": (mailbox("{{bob}}@example.org"),)},
    ],
)
def test_what_a_provider_would_take_for_its_template_language(fields):
    """Wherever readers would see what it made of that."""
    mail = send(**fields).mail

    assert why_not_carried(mail, Capabilities(template_mark="{{")) is Reason.TEMPLATE_SYNTAX
    assert why_not_carried(mail, Capabilities()) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "{one} { {two} }}"},
        {"text": "{{x}}", "html": "{{y}}"},
        {"bcc": (CURLY,)},
        {"tags": ("{{x}}",), "metadata": {"a": "{{x}}"}},
    ],
)
def test_what_no_header_shows_is_no_template(fields):
    """Bodies can be exempted, a blind copy is written nowhere, and one bracket opens nothing."""
    assert why_not_carried(send(**fields).mail, Capabilities(template_mark="{{")) is None


def test_headers_are_measured_with_their_names_and_the_reply_to():
    """In UTF-8: some providers count them together."""
    mail = send(headers={"X-One": "é"}, reply_to=(mailbox("a@b.example", "Ann"),)).mail
    needed = len("X-One") + 2 + len('"Ann <a@b.example>", ')

    assert why_not_carried(mail, Capabilities(header_bytes_max=needed)) is None
    assert (
        why_not_carried(mail, Capabilities(header_bytes_max=needed - 1)) is Reason.HEADERS_TOO_LARGE
    )


@pytest.mark.parametrize("body", ["text", "html"])
def test_each_body_may_be_bounded(body):
    """Each for itself, in UTF-8."""
    other = "html" if body == "text" else "text"
    mail = send(**{body: "é" * 10, other: "e" * 20}).mail

    assert why_not_carried(mail, Capabilities(body_bytes_max=20)) is None
    assert why_not_carried(mail, Capabilities(body_bytes_max=19)) is Reason.TOO_LARGE


def test_a_provider_that_refuses_files_without_content():
    """A message with one goes to another."""
    mail = send(attachments=(NOTE, Attachment("empty.txt", "text/plain", b""))).mail

    assert why_not_carried(mail, Capabilities(empty_files=False)) is Reason.EMPTY_FILE
    assert why_not_carried(mail, Capabilities()) is None


@pytest.mark.parametrize(
    ("kind", "size"),
    [("postmark", 7_400_000), ("mailtrap", 7_400_000), ("sparkpost", 14_900_000)],
)
def test_line_breaks_of_base64_count(kind, size):
    """In base64 alone they would just fit; on the way they are 2.6 % larger."""
    limits = KINDS[kind].capabilities
    mail = send(attachments=(Attachment("a.pdf", "application/pdf", b"x" * size),)).mail

    assert 4 * size / 3 < limits.bytes_max
    assert why_not_carried(mail, limits) is Reason.TOO_LARGE
    smaller = send(attachments=(Attachment("a.pdf", "application/pdf", b"x" * (size // 50 * 48)),))
    assert why_not_carried(smaller.mail, limits) is None


def test_a_request_that_repeats_its_recipients_counts_them_as_often():
    """Where each recipient's entry has the whole of To in it, a thousand make a large request."""
    crowd = tuple(mailbox(f"recipient-{n}@example.org", "Recipient") for n in range(100))
    mail = send(to=crowd).mail
    limits = {"bytes_max": 100 * 100 * 38}

    assert why_not_carried(mail, Capabilities(**limits)) is None
    assert why_not_carried(mail, Capabilities(**limits, repeats_to=True)) is Reason.TOO_LARGE
    assert why_not_carried(send().mail, Capabilities(**limits, repeats_to=True)) is None


def test_what_a_repeated_recipient_takes():
    """For each recipient the whole of To: every mailbox as it is written, with its quotes, a comma
    and a space."""
    mail = send(to=(mailbox("ann@example.org", "Änn"), BOB), cc=(EVE,)).mail
    all_of_to = len("Änn <ann@example.org>".encode()) + 4 + len("bob@example.org") + 4
    needed = mime_bytes(mail) + 3 * all_of_to

    exactly, less = (
        Capabilities(bytes_max=bound, repeats_to=True) for bound in (needed, needed - 1)
    )
    assert why_not_carried(mail, exactly) is None
    assert why_not_carried(mail, less) is Reason.TOO_LARGE


@pytest.mark.parametrize("short", ["subject", "text", "html"])
def test_each_text_must_be_long_enough(short):
    """Where a provider takes none that is shorter; what is not there is the shortest."""
    texts = dict.fromkeys(("subject", "text", "html"), "1234567890")
    limits = Capabilities(text_min=10)

    assert why_not_carried(send(**texts).mail, limits) is None
    assert why_not_carried(send(**(texts | {short: "123456789"})).mail, limits) is not None
    del texts[short]
    assert why_not_carried(send(**texts).mail, limits) is Reason.TEXT_TOO_SHORT


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("a.pdf", None),
        ("A.PDF", None),
        ("a.exe.pdf", None),
        ("a.pdf.exe", Reason.FILE_TYPE),
        ("a.", Reason.FILE_TYPE),
        ("", Reason.FILE_TYPE),
    ],
)
def test_the_last_extension_counts(filename, reason):
    """However it is spelt."""
    limits = Capabilities(file_extensions=frozenset({"pdf"}))
    files = (Attachment("b.pdf", "application/pdf", b"1"), Attachment(filename, "a/b", b"1"))

    assert why_not_carried(send(attachments=files).mail, limits) is reason


def test_nothing_is_looked_at_after_the_first_reason():
    """It is asked for each provider, and what comes later takes longer."""

    class Unread:
        """What has no length, and no entries."""

    mail = send(to=(BOB, EVE)).mail
    object.__setattr__(mail, "attachments", Unread())

    with pytest.raises(TypeError):
        why_not_carried(mail, Capabilities(attachments_max=1))
    assert why_not_carried(mail, Capabilities(to_max=1)) is Reason.TOO_MANY_RECIPIENTS
