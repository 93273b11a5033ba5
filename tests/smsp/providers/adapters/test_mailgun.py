"""Mailgun: any message that goes in comes out of the form as it was."""

from __future__ import annotations

from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Submission
from smsp.mail.outcome import Reason
from smsp.providers.adapters.mailgun import Mailgun
from smsp.sending.eligibility import why_not_carried
from tests.kit.forms import Part, read_form
from tests.kit.mails import mailbox, send, sends

MAILGUN = Mailgun(api_key="key-mailgun", domain="mg.example.com")


def form_of(message: Submission) -> list[Part]:
    """What Mailgun reads."""
    call = MAILGUN.encode(message)
    return read_form(dict(call.headers)["Content-Type"], call.body)


def values(parts: list[Part], name: str) -> list[str]:
    """All values of one field."""
    return [part.text for part in parts if part.name == name]


def addressed(spelt: list[str]) -> list[tuple[str, str]]:
    """Mailboxes as a reader of the field takes them: name and address."""
    return getaddresses(spelt)


def meant(mailboxes) -> list[tuple[str, str]]:
    """Mailboxes as they were meant."""
    return [(each.name, each.address) for each in mailboxes]


@given(sends)
def test_everybody_gets_the_mail_under_their_name(message):
    """Sender, recipients of all three kinds and reply-to are read back, in Unicode."""
    parts, mail = form_of(message), message.mail
    assert addressed(values(parts, "from")) == meant([mail.sender])
    assert addressed(values(parts, "to")) == meant(mail.to)
    assert addressed(values(parts, "cc")) == meant(mail.cc)
    assert addressed(values(parts, "bcc")) == meant(mail.bcc)
    assert addressed(values(parts, "h:Reply-To")) == meant(mail.reply_to)


@given(sends)
def test_the_content_is_read_back(message):
    """Subject and bodies are unchanged; without any body the text is one space."""
    parts, mail = form_of(message), message.mail
    assert values(parts, "subject") == [mail.subject]
    assert values(parts, "html") == list(filter(None, [mail.html]))
    assert values(parts, "text") == list(filter(None, [mail.text, "" if mail.html else " "]))[:1]


@given(sends)
def test_files_are_read_back_byte_for_byte(message):
    """An attachment keeps its name; an inline one goes by the id that the HTML refers to."""
    files = [part for part in form_of(message) if part.filename is not None]
    assert files == [_as_part(each) for each in message.mail.attachments]


def _as_part(file: Attachment) -> Part:
    name, filename = ("inline", file.content_id) if file.inline else ("attachment", file.filename)
    return Part(name, file.content, filename, file.content_type)


@given(sends)
def test_headers_tags_and_metadata_are_read_back(message):
    """With them go our Message-ID and our id for the message."""
    parts, mail = form_of(message), message.mail
    said = {part.name: part.text for part in parts if part.name.startswith(("h:", "v:"))}
    said.pop("h:Reply-To", None)
    headers = {f"h:{name}": value for name, value in mail.headers.items()}
    variables = {f"v:{name}": value for name, value in mail.metadata.items()}
    ours = {"h:Message-Id": message.message_id, "v:smsp-id": str(message.id)}
    assert said == headers | variables | ours
    tags = {tag.lower(): tag for tag in mail.tags if tag.isascii()}
    assert values(parts, "o:tag") == list(tags.values())


@given(st.text(), st.text(), st.text())
def test_no_value_adds_a_field(name, filename, key):
    """Line breaks and quotes, should they ever get this far, stay where they are."""
    message = send(
        sender=mailbox("app@example.com", name),
        text="Hi",
        metadata={key: "value"},
        attachments=(Attachment(filename, "text/plain\r\nX-Evil: 1", b"content"),),
    )
    fields = [part.name.partition(":")[0] for part in form_of(message)]
    ours = ["v"] if key != "smsp-id" else []
    assert fields == ["from", "to", "subject", "text", "h", "v", *ours, "attachment"]


def test_a_file_without_a_name_gets_one():
    """Mailgun drops files without a name, silently."""
    (file,) = [part for part in form_of(_with_nameless_file()) if part.filename is not None]
    assert (file.name, file.filename) == ("attachment", "attachment")


def _with_nameless_file() -> Submission:
    return send(attachments=(Attachment("", "text/plain", b"x"),))


LONG = {f"name-{n}": "x" * 900 for n in range(30)}


def options_of(message: Submission) -> list[Part]:
    """What counts towards the 16 KB of options."""
    return [part for part in form_of(message) if part.name.startswith(("h:", "o:", "v:"))]


@pytest.mark.parametrize(
    "headers", [{}, {"X-Long": "y" * 998}, {f"X-{n}": "y" * 998 for n in range(14)}]
)
def test_options_are_bounded(headers):
    """Headers and our id go; of the metadata, what there is room for in 16 KB."""
    message = send(headers=headers, metadata=LONG, tags=("invoice",))
    assert why_not_carried(message.mail, MAILGUN.capabilities) is None
    options = options_of(message)
    names = [part.name for part in options]
    size = sum(len(part.name) + len(part.text.encode()) for part in options)
    assert 16_000 - 1_000 < size <= 16_000
    assert {f"h:{name}" for name in headers} < set(names)
    assert names[-1] == "v:smsp-id"
    kept = [name for name in names if name.startswith("v:name")]
    assert kept == [f"v:{name}" for name in LONG][: len(kept)]


@pytest.mark.parametrize(("surplus", "kept"), [(0, True), (1, False)])
def test_a_label_fits_to_the_last_byte(surplus, kept):
    """Each label takes the room of its name and its value, and what is over finds none."""
    fixed = options_of(send())
    used = sum(len(part.name) + len(part.text.encode()) for part in fixed)
    first, second = "v:first", "v:second"
    half = (16_000 - used - len(first) - len(second)) // 2
    rest = 16_000 - used - len(first) - len(second) - half
    metadata = {"first": "x" * half, "second": "ü" * (rest // 2) + "x" * (rest % 2 + surplus)}
    names = [part.name for part in options_of(send(metadata=metadata))]
    assert (first in names, second in names) == (True, kept)


@pytest.mark.parametrize(
    ("tags", "passed_on"),
    [
        (("x" * 128, "y" * 129), ["x" * 128]),
        (("", "a"), ["a"]),
        (("ü", "u"), ["u"]),
        (("Order", "order", "ORDER"), ["ORDER"]),
        (tuple(f"tag-{n}" for n in range(11)), [f"tag-{n}" for n in range(10)]),
    ],
)
def test_tags_that_mailgun_takes(tags, passed_on):
    """At most 10, in ASCII, of 1 to 128 characters; of two that differ in letter case the last."""
    assert values(form_of(send(tags=tags)), "o:tag") == passed_on


def test_headers_above_the_bound_pass_mailgun_over():
    """They cannot be left out, and it would refuse the message for them."""
    headers = {f"X-{n}": "y" * 998 for n in range(15)}
    mail = send(headers=headers).mail
    assert why_not_carried(mail, MAILGUN.capabilities) is Reason.HEADERS_TOO_LARGE


def test_what_mailgun_carries():
    """1,000 recipients and 25 MB a message; no local part that is not ASCII."""
    can = MAILGUN.capabilities
    assert (can.recipients_max, can.bytes_max, can.smtputf8) == (1000, 25_000_000, False)
    assert MAILGUN.control_headers == ("X-Mailgun-*",)
