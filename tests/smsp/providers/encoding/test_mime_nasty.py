"""MIME of what the door would never let in, and of what barely passes it.

Whatever stands in a field, the result is one message with the parts and headers that were meant,
for a parser that knows nothing of how it was made.
"""

from __future__ import annotations

import re
from base64 import b64decode
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsp.mail import Attachment
from smsp.providers.encoding.headers import encoded_words
from smsp.providers.encoding.mime import OUR_ID, TRIED_CHARACTERS, build
from tests.kit.mails import mailbox, send

BREAKS = "\r\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What ends a line somewhere, or should not be anywhere."""
nasty = st.text(
    st.sampled_from([*BREAKS, *' a:;=?"\\<>@,()_%*', "é", "\N{PILE OF POO}", "\t", "\x7f", "\x1b"])
    | st.characters(exclude_categories=["Cs"]),
    max_size=80,
)
EVIL = "\r\nX-Evil: 1\r\n\r\n--evil"
ENCODED = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/]*=*)\?=")


def lines_of(raw: bytes) -> list[str]:
    """Its lines; a line's end is CRLF, and half of one is nowhere."""
    text = raw.decode("ascii")
    assert "\r" not in text.replace("\r\n", "")
    assert "\n" not in text.replace("\r\n", "")
    return text.split("\r\n")


def head_of(raw: bytes) -> dict[str, str]:
    """The headers of the message, unfolded; each name once."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    pairs = [
        re.split(":  ?", line, maxsplit=1)
        for line in re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
    ]
    headers = dict(pairs)
    assert len(headers) == len(pairs)
    return headers


def decoded(value: str) -> str:
    """A header as a reader shows it."""
    return str(make_header(decode_header(value)))


def one_line(value: str) -> str:
    """What is meant by a value with controls in it."""
    return re.sub(r"[\0-\x1f\x7f]", " ", value)


@given(nasty, nasty, nasty, nasty, nasty, nasty)
@example(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)
@example("", "", "", "", "", "")
@example("\r", "\n", "\r", "\n", "\r", "\r")
def test_nothing_adds_a_line(name, subject, value, filename, content_type, content_id):
    """Headers and parts are those that were meant, in lines that any relay takes."""
    message = send(
        to=(mailbox("bob@example.org", name),),
        reply_to=(mailbox("desk@example.org", name),),
        subject=subject,
        text="hello",
        headers={"X-Note": value},
        attachments=(Attachment(filename, content_type, b"file", content_id),),
    )
    raw = build(message)
    lines = lines_of(raw)
    assert max(map(len, lines)) <= 998
    assert not re.search(r"[\0-\x08\x0b-\x1f\x7f]", "".join(lines))
    assert set(head_of(raw)) == {
        *("From", "To", "Reply-To", "Subject", "Message-ID", "X-Note", OUR_ID),
        *("MIME-Version", "Content-Type"),
    }
    parsed = BytesParser(policy=policy.compat32).parsebytes(raw)
    assert not any(part.defects for part in parsed.walk())
    outer, text, file = parsed.walk()
    assert outer.get_content_type() == "multipart/mixed"
    assert text.get_payload(decode=True) == b"hello"
    assert file.get_payload(decode=True) == b"file"
    assert set(file.keys()) <= {
        "Content-Type",
        "Content-Transfer-Encoding",
        "Content-Disposition",
        "Content-ID",
    }


@given(nasty)
def test_a_subject_is_read_as_it_was_meant(subject):
    """Controls are spaces, and every other character is kept."""
    found = decoded(head_of(build(send(subject=subject)))["Subject"])
    assert found == one_line(subject)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300), st.integers(0, 44))
@example("é" * 300, 0)
@example("\N{PILE OF POO}" * 100, 0)
@example("a" * 44 + "\N{PILE OF POO}" * 2, 0)
@example("a b " * 70 + "é", 44)
def test_encoded_words_are_as_rfc_2047_has_them(value, longer):
    """At most 75 characters each, in lines of 76, each with whole characters (§2, §5)."""
    name = "X-" + "a" * longer
    raw = build(send(headers={name: "é" + value}))
    field = re.search(rf"(?m)^{name}:(?:.*\r\n )*.*$", raw.decode("ascii"))[0]
    assert [line for line in field.split("\r\n") if len(line) > 76] == []
    words = [word[0] for word in ENCODED.finditer(field)]
    assert max(map(len, words)) <= 75
    assert "".join(b64decode(ENCODED.fullmatch(word)[1]).decode() for word in words) == "é" + value


@pytest.mark.parametrize("subject", ["é" * 120, "\N{PILE OF POO}" * 60])
def test_a_long_subject_in_as_few_words_as_may_be(subject):
    """Each word holds as many characters as fit into 45 bytes."""
    words = encoded_words(subject)
    sizes = [len(b64decode(ENCODED.fullmatch(word)[1])) for word in words]
    assert sizes[:-1] == [44] * (len(sizes) - 1)
    assert [len(encoded_words("a" * 45, before=before)) for before in (4, 5, 8, 9)] == [1, 2, 2, 2]
    first = [len(encoded_words("a" * 90, before=before)[0]) for before in (4, 5, 8, 9, 48, 49, 99)]
    assert first == [72, 68, 68, 64, 28, 28, 28]
    assert [len(encoded_words("a" * count)) for count in (45, 46, 90, 91)] == [1, 2, 2, 3]


@given(st.lists(nasty, min_size=1, max_size=12))
def test_addresses_in_lines_of_76(names):
    """However many there are, and whatever they are called."""
    people = tuple(
        mailbox(f"n{number}@example.org", f"é{name}") for number, name in enumerate(names)
    )
    raw = build(send(to=people))
    field = re.search(r"(?m)^To:(?:.*\r\n )*.*$", raw.decode("ascii"))[0]
    assert [line for line in field.split("\r\n") if len(line) > 76] == []


@pytest.mark.parametrize("count", [997, 998, 999, 5000])
@pytest.mark.parametrize(
    "place", ["subject", "header", "text", "html", "name", "filename", "type", "cid"]
)
def test_a_word_that_is_longer_than_a_line_may_be(place, count):
    """Wherever it stands."""
    word = "a" * count
    file = {"filename": "a.txt", "content_type": "text/plain", "content": b"x", "content_id": "c"}
    changed = {"filename": "filename", "type": "content_type", "cid": "content_id"}
    if place in changed:
        file[changed[place]] = f"text/{word}" if place == "type" else word
    message = send(
        to=(mailbox("bob@example.org", word if place == "name" else ""),),
        subject=word if place == "subject" else "",
        headers={"X-Note": word if place == "header" else "x"},
        text=word if place == "text" else "x",
        html=word if place == "html" else None,
        attachments=(Attachment(**file),),
    )
    raw = build(message)
    assert max(map(len, lines_of(raw))) <= 998
    parsed = BytesParser(policy=policy.default).parsebytes(raw)
    assert not any(part.defects for part in parsed.walk())


@pytest.mark.parametrize(
    ("content_type", "written"),
    [
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ('text/x; a="b c"', 'text/x; a="b c"'),
        ("text/plain\r\nX-Evil: 1", "application/octet-stream"),
        ("text/plain\rX-Evil: 1", "application/octet-stream"),
        ("text/plain\n", "application/octet-stream"),
        ("text/plain\r\n", "application/octet-stream"),
        ("text/pl\0ain", "application/octet-stream"),
        ("text/plain;\tx=y", "application/octet-stream"),
        ("text/é", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("Multipart/Mixed; boundary=x", "application/octet-stream"),
        ("text/" + "a" * 795, "text/" + "a" * 795),
        ("text/" + "a" * 796, "application/octet-stream"),
    ],
)
def test_a_media_type(content_type, written):
    """One that cannot be written as it is, or not in base64, is that of any bytes."""
    raw = build(send(text="x", attachments=(Attachment("a.txt", content_type, b"x"),)))
    types = [line for line in lines_of(raw) if line.startswith("Content-Type: ")]
    assert types[-1] == f"Content-Type: {written}"


@pytest.mark.parametrize(
    ("content_id", "written"),
    [
        ("logo", "<logo>"),
        ("logo@example.org", "<logo@example.org>"),
        ("lo\r\ngo", "<logo>"),
        ("a> <b", "<ab>"),
        ("lögo", "<lgo>"),
        ("a" * 800, f"<{'a' * 800}>"),
        ("a" * 801, f"<{'a' * 800}>"),
        ("\r\n", None),
        (None, None),
    ],
)
def test_a_content_id(content_id, written):
    """What cannot stand in one is left out."""
    file = Attachment("a.png", "image/png", b"x", content_id)
    raw = build(send(html="x", attachments=(file,)))
    found = [line for line in lines_of(raw) if line.startswith("Content-ID: ")]
    assert found == ([] if written is None else [f"Content-ID: {written}"])


@pytest.mark.parametrize("letters", [1, 126])
@pytest.mark.parametrize("count", [790, 800, 801, 998])
def test_a_long_name_before_a_long_word(letters, count):
    """Both are as long as the door lets them be, and no line is too long."""
    raw = build(send(headers={"X" * letters: "a" * count}))
    lines = lines_of(raw)
    assert max(map(len, lines)) <= 998
    assert (f"{'X' * letters}: {'a' * count}" in lines) == (count <= 800)
    assert decoded(head_of(raw)["X" * letters]) == "a" * count


@pytest.mark.parametrize(
    "name", ["", "é", "\r\n", ": x", "X-A\r\nB", "X Y", "X:Y", "X" * 126, "X" * 127]
)
def test_a_headers_name(name):
    """What is not printable ASCII without a colon is left out of it; without a name there is no
    header, nor with one that is longer than the door lets it be."""
    raw = build(send(headers={name: "value"}))
    found = [key for key, value in head_of(raw).items() if value == "value"]
    kept = re.sub(r"[^!-9;-~]", "", name)
    assert found == ([kept] if 0 < len(kept) < 127 else [])


@pytest.mark.parametrize(
    "text", ["a\rb", "a\nb", "a\r\nb", "a\r\r\nb", "a\n\rb", "\r", "\n", "a\r"]
)
@pytest.mark.parametrize("characters", [0, TRIED_CHARACTERS + 1])
@pytest.mark.parametrize("filler", ["x", "é"])
def test_every_line_end_of_a_text_is_one(text, characters, filler):
    """A lone CR or LF is a line's end, in either encoding, short or long."""
    whole = text + filler * characters
    raw = build(send(text=whole))
    lines_of(raw)
    found = BytesParser(policy=policy.default).parsebytes(raw).get_payload(decode=True)
    meant = re.sub("\r\n|\r|\n", "\r\n", whole)
    assert found.decode() in (meant, f"{meant}\r\n")


def test_a_text_is_tried_in_both_encodings_up_to_128_kib():
    """One of more characters is in base64, since to try both takes long."""
    for count, encoding in ((131_072, "quoted-printable"), (131_073, "base64")):
        raw = build(send(text="x " * (count // 2) + "x" * (count % 2)))
        assert f"Content-Transfer-Encoding: {encoding}".encode() in raw
