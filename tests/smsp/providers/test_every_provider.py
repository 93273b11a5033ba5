"""Bad input, for every provider: refused by name, or carried right; nothing is ever let in between.

What the door refuses, no provider is asked for. What it lets in is refused by a provider's limits,
or stands in the provider's request as it was, read back from the request.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Attachment, Mail, Submission
from smsp.mail.outcome import Reason
from smsp.mail.parsing import InvalidMessage, parse
from smsp.providers import KINDS
from smsp.providers.encoding import mime
from smsp.providers.protocols import Capabilities, HttpCall
from smsp.providers.smtp.envelope import envelope_of
from smsp.sending.eligibility import why_not_carried
from tests.kit.carried import carried_by
from tests.kit.forms import read_form
from tests.kit.mails import SEND_ID, mailbox, send, sends
from tests.smsp.providers.adapters.test_adapters import ADAPTERS

every_kind = pytest.mark.parametrize("kind", KINDS)
every_adapter = pytest.mark.parametrize("kind", ADAPTERS)

NO_PATH = "must be a file name without a path"
ONE_LINE = "must be one line without control characters"
HTML = "<p>Long enough for everybody</p>"


def door(**fields: Any) -> Mail | InvalidMessage:
    """What comes through the door of a plain message with these fields."""
    plain = {"fromaddress": "app@example.com", "toaddress": "bob@example.org"}
    message = parse(json.dumps(plain | fields).encode())
    assert isinstance(message, Mail | InvalidMessage)
    return message


def limits_of(kind: str) -> Capabilities:
    """What this kind says that it carries."""
    return KINDS[kind].capabilities


def attached(filename: str, content: bytes = b"a") -> dict[str, Any]:
    """One file, as callers put it."""
    text = b64encode(content).decode()
    return {"filename": filename, "contenttype": "text/plain", "content": text}


# -- refused by name at the door


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"headers": {"X-Order": "1\r\nBcc: eve@example.net"}}, "headers.X-Order", ONE_LINE),
        ({"headers": {"X-Order": "1\nX: y"}}, "headers.X-Order", ONE_LINE),
        ({"subject": "Hi\r\nBcc: eve@example.net"}, "subject", ONE_LINE),
        ({"toaddress": '"bob"\r\nRCPT TO:<eve@example.net>'}, "toaddress", ONE_LINE),
        ({"toaddress": '"a\nb"@example.org'}, "toaddress", ONE_LINE),
        ({"bccaddress": ['"Bob\n" <bob@example.org>']}, "bccaddress[0]", ONE_LINE),
        ({"attachments": [attached("../../etc/passwd")]}, "attachments[0].filename", NO_PATH),
        ({"attachments": [attached("C:\\boot.ini")]}, "attachments[0].filename", NO_PATH),
        ({"attachments": [attached("a\r\nb.txt")]}, "attachments[0].filename", ONE_LINE),
    ],
)
def test_what_could_be_read_as_something_else_is_refused(fields, field, message):
    """No provider sees it, whichever it would have been."""
    refused = door(**fields)
    assert isinstance(refused, InvalidMessage)
    assert [(fault.field, fault.message) for fault in refused.faults] == [(field, message)]


@given(
    before=st.text(max_size=5),
    control=st.sampled_from(["\r", "\n", "\r\n", "\0", "\x0b", "\x7f"]),
    after=st.text(max_size=5),
    place=st.sampled_from(["subject", "header", "toaddress", "name", "filename", "tag"]),
)
def test_no_control_character_gets_into_a_header(before, control, after, place):
    """Wherever in a value it stands, and whatever stands around it."""
    crooked = f"a{before}{control}{after}b"
    fields: dict[str, dict[str, Any]] = {
        "subject": {"subject": crooked},
        "header": {"headers": {"X-Order": crooked}},
        "toaddress": {"toaddress": f'"{crooked}"@example.org'},
        "name": {"toaddress": f'"{crooked}" <bob@example.org>'},
        "filename": {"attachments": [attached(crooked)]},
        "tag": {"tags": [crooked]},
    }
    assert isinstance(door(**fields[place]), InvalidMessage)


# -- refused by a provider's limits, or carried


@every_kind
def test_thirty_megabytes_of_files(kind):
    """Too large for this provider, which is then not asked, or there to the last byte."""
    content = bytes(range(256)) * (30 * 2**20 // 256)
    files = (Attachment("big.pdf", "application/pdf", content),)
    message = send(subject="Many files", text="Long enough.", html=HTML, attachments=files)
    refusal = why_not_carried(message.mail, limits_of(kind))
    if limits_of(kind).bytes_max is not None:
        assert refusal is Reason.TOO_LARGE
        return
    assert refusal is None
    if kind == "smtp":
        assert [part.get_content() for part in mime_of(message).iter_attachments()] == [content]
    else:
        assert b64encode(content) in bytes(ADAPTERS[kind].encode(message).body)


@every_adapter
@pytest.mark.parametrize("surplus", [0, 1, 30])
def test_as_many_tags_travel_as_the_provider_takes(kind, surplus):
    """The first of them; what is above the bound is left out, and keeps no message from going."""
    most = limits_of(kind).tags_max
    tags = tuple(f"tag{n:03}" for n in range((50 if most is None else most) + surplus))
    message = send(subject="A lot of tags", text="Long enough.", html=HTML, tags=tags)
    assert why_not_carried(message.mail, limits_of(kind)) is None
    body = bytes(ADAPTERS[kind].encode(message).body)
    assert [tag for tag in tags if tag.encode() in body] == list(tags[:most])


@every_kind
@pytest.mark.parametrize("place", ["sender", "to", "cc", "bcc", "reply_to"])
def test_a_local_part_that_is_not_ascii(kind, place):
    """Refused by name, wherever it stands; or told as it is, where SMTPUTF8 can be spoken."""
    crooked = mailbox("jürgen@example.org")
    fields = {place: crooked if place == "sender" else (crooked,)}
    message = send(subject="Long enough", text="Long enough.", html=HTML, **fields)
    refusal = why_not_carried(message.mail, limits_of(kind))
    if not limits_of(kind).smtputf8:
        assert refusal is Reason.NEEDS_SMTPUTF8
        return
    assert refusal is None
    assert envelope_of(message.mail).utf8
    seen = mime_of(message)
    named = getaddresses(str(seen[name]) for name in ("From", "To", "Cc", "Reply-To") if seen[name])
    everybody = {address for _, address in named} | set(envelope_of(message.mail).recipients)
    assert crooked.address in everybody


@every_kind
def test_quotes_stay_quotes(kind):
    """A quoted local part and a name full of quotes name one mailbox, the same, and no other."""
    mail = door(
        toaddress='"Bob \\", <eve@example.net>; \\\\" <"b. ob"@example.org>',
        subject="Quotes everywhere",
        plaintextbody="Long enough.",
        htmlbody=HTML,
    )
    assert isinstance(mail, Mail)
    assert why_not_carried(mail, limits_of(kind)) is None
    message = Submission(SEND_ID, mail)
    if kind == "smtp":
        assert envelope_of(mail).recipients == ('"b. ob"@example.org',)
        addresses = [each.addr_spec for each in mime_of(message)["To"].addresses]
    else:
        addresses = list(addresses_in(texts_of(ADAPTERS[kind].encode(message))))
    assert '"b. ob"@example.org' in addresses
    assert "eve@example.net" not in addresses


@every_adapter
@given(data=st.data())
def test_nothing_of_a_message_is_in_the_head_of_a_request(kind, data):
    """Where one line more would be another header: what is there is one short line each."""
    call = ADAPTERS[kind].encode(data.draw(carried_by(limits_of(kind))))
    plain = ADAPTERS[kind].encode(send())
    assert (call.url, head_of(call)) == (plain.url, head_of(plain))
    assert all(value.isascii() and value.isprintable() for _, value in call.headers)


@given(message=sends)
def test_a_mime_message_has_the_headers_it_was_given_and_no_more(message):
    """Parsed by the standard library, as a receiver would; for SMTP and Amazon SES."""
    ours = {"from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version"}
    about_the_body = {"content-type", "content-transfer-encoding"}
    given_by_the_caller = {name.lower() for name in message.mail.headers}
    assert {name.lower() for name in mime_of(message)} <= (
        ours | about_the_body | given_by_the_caller | {"x-smsp-id"}
    )


def head_of(call: HttpCall) -> list[tuple[str, str]]:
    """The headers of a request, but for a form's boundary, which is of the message's making."""
    return [(name, value.partition("; boundary=")[0]) for name, value in call.headers]


def mime_of(message: Submission) -> EmailMessage:
    """What a receiver reads of a MIME message of ours."""
    return read(mime.build(message))


def read(raw: bytes) -> EmailMessage:
    """A MIME message, by the standard library."""
    message = message_from_bytes(raw, policy=SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return message


def texts_of(call: HttpCall) -> Iterator[str]:
    """Every text in a request, whatever the provider's form: a form's fields, or JSON's leaves.

    MIME inside JSON is opened; of it come the recipients.
    """
    content_type = dict(call.headers)["Content-Type"]
    if content_type.startswith("multipart/form-data"):
        yield from (part.text for part in read_form(content_type, call.body))
        return
    body = json.loads(call.body)
    raw = body.get("Content", {}).get("Raw", {}).get("Data") if "Content" in body else None
    if raw is not None:
        yield str(read(b64decode(raw))["To"])
    yield from leaves(body)


def leaves(value: Any) -> Iterator[str]:
    """The strings of a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)


def addresses_in(texts: Iterator[str]) -> Iterator[str]:
    """Every address that a reader would find: a text that is one, or a list with names."""
    for text in texts:
        yield text
        yield from (address for _, address in getaddresses([text]))
