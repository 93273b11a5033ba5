"""Header syntax: what a reader of the header gets is what was meant."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.utils import parseaddr

from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.encoding.headers import ascii_name_addr, encoded, name_addr, quoted
from tests.kit.mails import mailbox, mailboxes, one_line


@given(mailboxes)
def test_a_name_and_an_address_are_read_as_they_were_meant(box):
    """Quotes, commas, backslashes and brackets in a name stay in the name (RFC 5322 §3.4)."""
    assert parseaddr(name_addr(box)) == (box.name, box.address)


def test_an_address_without_a_name_stands_alone():
    """No empty quotes, no brackets."""
    assert name_addr(mailbox("bob@example.org")) == "bob@example.org"


@given(mailboxes)
def test_a_name_in_ascii_is_read_as_it_was_meant(box):
    """Where nobody encodes after us, names are encoded by us, and stay names (RFC 2047 §5)."""
    header = ascii_name_addr(box)
    name, address = parseaddr(header)
    assert header.isascii()
    assert (str(make_header(decode_header(name))), address) == (box.name, box.address)


def test_a_name_that_looks_encoded_stays_what_it_is():
    """Readers decode inside quotes, too, so it is encoded once more."""
    box = mailbox("bob@example.org", "=?utf-8?q?Boss?=")
    name, _ = parseaddr(ascii_name_addr(box))
    assert str(make_header(decode_header(name))) == box.name


@given(st.text())
def test_a_quoted_name_cannot_leave_its_quotes(name):
    """Whatever a name holds, there is no line break and no bare quote in it."""
    inner = quoted(name)[1:-1]
    assert not set(inner) & set("\r\n\0")
    assert '"' not in inner.replace("\\\\", "").replace('\\"', "")


@given(one_line)
def test_an_encoded_value_is_ascii_and_read_as_it_was_meant(value):
    """Encoded-words hold at most 75 characters, and give back every character (RFC 2047)."""
    header = encoded(value)
    assert header.isascii()
    if value.isascii():
        assert header == value
    else:
        assert all(len(each) <= 75 for each in header.split(" "))
        assert str(make_header(decode_header(header))) == value


def test_encoded_words_have_one_space_between_them():
    """A reader takes that space for none, and anything else for text (RFC 2047 §6.2)."""
    words = encoded("ü" * 60).split(" ")
    assert len(words) == 3
    assert all(word.startswith("=?utf-8?b?") and word.endswith("?=") for word in words)
    assert str(make_header(decode_header(" ".join(words)))) == "ü" * 60
