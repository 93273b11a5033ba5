"""What a message can say about itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from uuid import UUID

import pytest

from smsp.mail import Attachment, Mail, Mailbox, Submission, fingerprint, is_large
from smsp.mail.mime_size import mime_bytes

ALICE = Mailbox("alice", "bücher.example", "xn--bcher-kva.example", "Alice")
BOB = Mailbox("bob", "example.org", "example.org")
JOERG = Mailbox("jörg", "example.org", "example.org")


def test_a_provider_is_told_the_idna_form_of_a_domain():
    """The address has its domain in ASCII, whatever the caller wrote."""
    assert ALICE.address == "alice@xn--bcher-kva.example"


def test_only_a_local_part_outside_ascii_needs_smtputf8():
    """An international domain travels as IDNA; an international local part can't."""
    assert JOERG.needs_smtputf8
    assert not ALICE.needs_smtputf8


def test_a_mailbox_reads_as_people_write_it():
    """With a name it is name and angle brackets, without one the bare address."""
    assert str(ALICE) == "Alice <alice@xn--bcher-kva.example>"
    assert str(BOB) == "bob@example.org"


def test_everybody_who_gets_a_copy_is_a_recipient():
    """To, cc and bcc count; reply-to does not."""
    mail = Mail(sender=BOB, to=(ALICE,), cc=(BOB,), bcc=(JOERG,), reply_to=(ALICE,))
    assert mail.recipients == (ALICE, BOB, JOERG)


def test_a_content_id_makes_an_attachment_inline():
    """Without one it is a file to save."""
    assert Attachment("logo.png", "image/png", b"", content_id="logo").inline
    assert not Attachment("logo.png", "image/png", b"").inline


def test_the_content_of_an_attachment_stays_out_of_its_repr():
    """A repr ends up in logs and tracebacks; somebody's file must not."""
    assert "secret" not in repr(Attachment("a.txt", "text/plain", b"secret"))


def test_a_message_without_extras_has_empty_ones():
    """No headers, no metadata, no attachments, no tags: nothing an adapter must test for None."""
    mail = Mail(sender=BOB, to=(ALICE,))
    assert (mail.headers, mail.metadata, mail.attachments, mail.tags) == ({}, {}, (), ())


def test_a_message_can_not_be_changed():
    """What was checked at the door is what is sent."""
    mail = Mail(sender=BOB, to=(ALICE,))
    with pytest.raises(FrozenInstanceError):
        mail.subject = "another"
    with pytest.raises(TypeError):
        mail.headers["Bcc"] = "eve@example.net"


def test_every_attempt_carries_the_same_message_id():
    """It is made of our id and the sender's domain, so a receiver can tell a duplicate."""
    send = Submission(UUID("12345678-1234-4234-8234-123456789abc"), Mail(sender=ALICE, to=(BOB,)))
    assert send.message_id == "<12345678-1234-4234-8234-123456789abc@xn--bcher-kva.example>"


@pytest.mark.parametrize("long", ["a" * 200_000, "é" * 100_000, "😀" * 70_000])
def test_the_fingerprint_is_of_all_of_a_long_text(long):
    """Which is not put together for it; text and HTML are not taken for each other."""
    mails = [
        Mail(sender=BOB, to=(BOB,), **{body: text})
        for body in ("text", "html")
        for text in (long, long + "a", long[:-1], "b" + long[1:])
    ]
    assert len(set(map(fingerprint, mails))) == 8
    assert fingerprint(mails[0]) == fingerprint(replace(mails[0]))


@pytest.mark.parametrize(
    ("text", "size", "kind"),
    [
        ("", 0, 1),
        ("a" * 99_999, 99_999, 1),
        ("é" * 99_999, 199_998, 1),
        ("😀" * 99_999, 399_996, 4),
    ],
)
def test_how_large_a_message_is(text, size, kind):
    """Its bodies in UTF-8; and in memory, where a character may take four bytes."""
    mail = Mail(
        sender=BOB, to=(BOB,), html=text, attachments=(Attachment("a", "b/c", b"x" * 1_000),)
    )
    assert (mail.text_bytes, mail.html_bytes) == (0, size)
    assert mail.mime_bytes == mime_bytes(mail)
    assert 0 <= mail.held_bytes - len(text) * kind - 1_000 < 1_000


def test_recipients_take_more_memory_than_their_bytes():
    """Each is an object, and its name is there several times before it is sent."""
    crowd = tuple(replace(BOB, local=f"bob{n}", name="n" * 300) for n in range(100))
    assert 200_000 < Mail(sender=BOB, to=crowd).held_bytes < 300_000
    strings = {"X-A": "v" * 998}
    assert Mail(sender=BOB, to=(BOB,), headers=strings, metadata=strings).held_bytes > 10_000


def test_the_fingerprint_is_of_the_message_and_not_of_its_spelling():
    """The order of headers makes no other message; any other difference does."""
    mail = Mail(
        sender=BOB,
        to=(BOB,),
        subject="a",
        headers={"X-A": "1", "X-B": "2"},
        attachments=(Attachment("a.txt", "text/plain", b"x"),),
    )
    same = replace(mail, headers={"X-B": "2", "X-A": "1"})
    others = (
        replace(mail, subject="b"),
        replace(mail, text=""),
        replace(mail, headers={"X-A": "2", "X-B": "1"}),
        replace(mail, metadata={"X-A": "1"}),
        replace(mail, attachments=(Attachment("a.txt", "text/plain", b"y"),)),
        replace(mail, attachments=(Attachment("b.txt", "text/plain", b"x"),)),
        replace(mail, provider="mailgun"),
        replace(mail, cc=(BOB,), to=()),
    )

    assert fingerprint(same) == fingerprint(mail)
    assert len({fingerprint(mail), *map(fingerprint, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("fields", "large"),
    [
        ({"text": "a" * 1_000_000, "html": "a" * 48_576}, False),
        ({"text": "a" * 1_000_000, "html": "a" * 48_577}, True),
        ({"text": "a", "attachments": (Attachment("a", "b/c", b"x" * 1_048_576),)}, True),
        ({"to": (BOB,) * 1_499, "tags": ("a",)}, False),
        ({"to": (BOB,) * 1_499, "tags": ("a", "b")}, True),
        *(({name: (BOB,) * 1_500}, True) for name in ("cc", "bcc", "reply_to")),
        ({"tags": ("a",) * 1_500}, True),
        ({"attachments": (Attachment("a", "b/c", b""),) * 1_500}, True),
        *(({name: {str(n): "" for n in range(1_500)}}, True) for name in ("headers", "metadata")),
        ({"subject": "s" * 800, "tags": ("t",) * 16, "metadata": {"n": "v" * 15_583}}, False),
        ({"subject": "s" * 800, "tags": ("t",) * 16, "metadata": {"n": "v" * 15_584}}, True),
        ({"subject": "s" * 800, "tags": ("t",) * 16, "headers": {"n": "v" * 15_584}}, True),
        ({"cc": (replace(BOB, name="n" * 16_385),) * 1}, False),
        ({"cc": (replace(BOB, name="n" * 965),) * 17}, True),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_is_gone_through_in_a_thread(fields, large):
    """Above 1 MiB of bodies and files, 1,500 recipients, headers and the like, or 16 KiB of what
    stands in headers, where that is more than a few things."""
    assert is_large(Mail(**({"sender": BOB, "to": (BOB,)} | fields))) is large
