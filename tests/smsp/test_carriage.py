"""What a provider says that it cannot carry is not put to it."""

from __future__ import annotations

import pytest

from smsp.carriage import content_bytes, why_not_carried
from smsp.mail import Attachment
from smsp.outcome import Reason
from smsp.providers.protocols import Capabilities
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
        ({"bytes_max": 43}, Reason.TOO_LARGE),
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
        bytes_max=44,
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


@pytest.mark.parametrize(("size", "on_the_wire"), [(0, 0), (1, 4), (3, 4), (4, 8)])
def test_files_count_as_base64(size, on_the_wire):
    """As they travel: four bytes for every three, the last ones filled up."""
    mail = send(attachments=(Attachment("a", "text/plain", b"x" * size),), text="é").mail

    assert content_bytes(mail) == on_the_wire + 2


def test_a_request_that_repeats_its_recipients_counts_them_as_often():
    """Where each recipient's entry has the whole of To in it, a thousand make a large request."""
    crowd = tuple(mailbox(f"recipient-{n}@example.org", "Recipient") for n in range(100))
    mail = send(to=crowd).mail
    limits = {"bytes_max": 100 * 100 * 38}

    assert why_not_carried(mail, Capabilities(**limits)) is None
    assert why_not_carried(mail, Capabilities(**limits, repeats_to=True)) is Reason.TOO_LARGE
    assert why_not_carried(send().mail, Capabilities(**limits, repeats_to=True)) is None


def test_nothing_is_looked_at_after_the_first_reason():
    """It is asked for each provider, and what comes later takes longer."""

    class Unread:
        """What has no length, and no entries."""

    mail = send(to=(BOB, EVE)).mail
    object.__setattr__(mail, "attachments", Unread())

    with pytest.raises(TypeError):
        why_not_carried(mail, Capabilities(attachments_max=1))
    assert why_not_carried(mail, Capabilities(to_max=1)) is Reason.TOO_MANY_RECIPIENTS
