"""What an SMTP server is told of a message, and that nothing of a message becomes a command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Mailbox
from smsp.mail.mailbox import parse_mailbox
from smsp.providers.encoding.mime import build
from smsp.providers.smtp.envelope import (
    END,
    envelope_of,
    parameters,
    transparent,
    transparent_pieces,
)
from tests.kit.mails import mailbox, send, sends
from tests.kit.messages import mailboxes

lines = st.lists(st.sampled_from([b".", b"..", b".a", b"a", b"", b"a.", b"\r", b"\n"]), max_size=8)


def test_everybody_gets_one_copy():
    """Recipients are those of to, cc and bcc, each once, in that order."""
    ann, bob, cyd = map(mailbox, ["ann@example.org", "bob@example.org", "cyd@example.org"])
    envelope = envelope_of(send(to=(bob,), cc=(ann, bob), bcc=(cyd,)).mail)
    assert envelope.sender == "app@example.com"
    assert envelope.recipients == ("bob@example.org", "ann@example.org", "cyd@example.org")


def test_domains_are_told_in_ascii():
    """An international domain needs no extension."""
    envelope = envelope_of(send(to=(mailbox("bob@bücher.example"),)).mail)
    assert envelope.recipients == ("bob@xn--bcher-kva.example",)
    assert not envelope.utf8


@pytest.mark.parametrize("place", ["to", "cc", "bcc", "reply_to"])
def test_a_local_part_that_is_not_ascii_needs_smtputf8(place):
    """Wherever it stands, since headers have it, too."""
    assert envelope_of(send(**{place: (mailbox("jürgen@example.org"),)}).mail).utf8


@given(mailboxes())
def test_any_mailbox_that_comes_through_the_door_fits_a_command(pair):
    """What is refused here could not have come."""
    text, _ = pair
    recipient = parse_mailbox(text)
    assert envelope_of(send(to=(recipient,)).mail).recipients == (recipient.address,)


@pytest.mark.parametrize(
    "local",
    [
        "a\r\nRSET",
        "a\nb",
        "a\rb",
        "a\0b",
        "a> SIZE=1",
        "a b",
        '"a\r\nb"',
        '"a" b',
        '"a\\"b"',
        "<a",
        "",
        "a\x85b",
    ],
)
@pytest.mark.parametrize("place", ["sender", "to", "cc", "bcc"])
def test_nothing_else_fits_a_command(place, local):
    """A value that the door would never let in is refused here once more."""
    crooked = Mailbox(local, "example.org", "example.org")
    changed = {place: crooked if place == "sender" else (crooked,)}
    with pytest.raises(ValueError, match="fits no SMTP command"):
        envelope_of(send(**changed).mail)


@pytest.mark.parametrize("domain", ["example.org\r\nDATA", "example.org>", "ex ample.org", ""])
def test_a_domain_is_looked_at_likewise(domain):
    """Also where it says to be in ASCII."""
    with pytest.raises(ValueError, match="fits no SMTP command"):
        envelope_of(send(to=(Mailbox("bob", domain, domain),)).mail)


def test_the_size_is_declared_where_that_is_offered():
    """So a message that is too large is refused before it is written (RFC 1870)."""
    envelope = envelope_of(send().mail)
    assert list(parameters(envelope, 1234, {"size": "", "8bitmime": ""})) == ["SIZE=1234"]
    assert list(parameters(envelope, 1234, {})) == []


def test_smtputf8_is_asked_for_when_it_is_needed():
    """And with it what it rests on (RFC 6531 §3.1)."""
    envelope = envelope_of(send(to=(mailbox("jürgen@example.org"),)).mail)
    assert list(parameters(envelope, 1, ["smtputf8"])) == ["BODY=8BITMIME", "SMTPUTF8"]
    assert list(parameters(envelope_of(send().mail), 1, ["smtputf8"])) == []


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (b"", b""),
        (b"a\r\n", b"a\r\n"),
        (b"a", b"a\r\n"),
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.\r\n.b\r\n", b"a\r\n..\r\n..b\r\n"),
        (b"a\n.\nb\r.", b"a\r\n..\r\nb\r\n..\r\n"),
    ],
)
def test_dots_that_begin_a_line_are_doubled(message, written):
    """A lone CR or LF ends a line, so that all servers see the same lines."""
    assert transparent(message) == written


@given(lines.map(b"\r\n".join), st.lists(st.integers(0, 60), max_size=4).map(sorted))
def test_a_message_in_pieces_is_written_as_a_whole_one(message, cuts):
    """Wherever it is cut: between the two characters that end a line, or before a dot."""
    ends = zip([0, *cuts], [*cuts, len(message)], strict=True)
    pieces = [message[start:end] for start, end in ends if start < end]
    assert b"".join(transparent_pieces(pieces)) == transparent(b"".join(pieces))


@given(lines.map(b"\r\n".join))
def test_nothing_in_a_message_ends_it(message):
    """The end stands at the end only, and undoubled the lines are those that were meant."""
    written = transparent(message)
    assert (b"\r\n" + written + END).index(b"\r\n" + END) == len(written)
    undoubled = re.sub(rb"(?m)^\.", b"", written)
    meant = re.sub(rb"\r\n?|\n", b"\r\n", message)
    assert undoubled == (meant if meant.endswith(b"\r\n") or not meant else meant + b"\r\n")


@given(sends)
def test_a_built_message_is_only_dotted(message):
    """What :mod:`smsp.providers.encoding.mime` builds has whole lines already."""
    raw = build(message)
    assert re.sub(rb"(?m)^\.", b"", transparent(raw)) == raw
