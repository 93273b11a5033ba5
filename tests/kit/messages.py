"""Hypothesis strategies for messages that ``POST /email`` must take, each with what it means.

Every strategy draws a pair: the wire's JSON value, and the value of :mod:`smsp.mail` that it
describes. The two are made side by side, so that nothing here asks the code under test.
"""

from __future__ import annotations

from base64 import b64encode
from string import ascii_letters, ascii_lowercase, digits

from hypothesis import strategies as st

from smsp.mail import Attachment, Mail, Mailbox

ATEXT = ascii_lowercase + digits + "!#$%&'*+/=?^_`{|}~-"
CONTROLS = ["\r", "\n", "\r\n", "\0", "\t", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]

# Fixed pairs, so that no IDNA library vouches for itself.
_INTERNATIONAL_DOMAINS = [
    ("bücher.example", "xn--bcher-kva.example"),
    ("例え.test", "xn--r8jz45g.test"),
    ("παράδειγμα.local", "xn--hxajbheg2az3al.local"),
]


def lines(max_size: int = 30, *, min_size: int = 0, exclude: str = ""):
    """Text of one line, as a header may hold it."""
    characters = st.characters(
        exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=exclude
    )
    return st.text(characters, min_size=min_size, max_size=max_size)


def domains():
    """A domain in Unicode and in IDNA form: plain, special-use, a single label, international."""
    label = st.text(ascii_lowercase + digits, min_size=1, max_size=12)
    plain = st.lists(label, min_size=1, max_size=3).map(".".join)
    known = st.sampled_from(["localhost", "printer.local", "shop.test", "a.invalid"])
    return st.one_of(
        (plain | known).map(lambda domain: (domain, domain)),
        st.sampled_from(_INTERNATIONAL_DOMAINS),
    )


@st.composite
def mailboxes(draw):
    """One mailbox, with and without display name, quoted and not."""
    atom = st.text(ATEXT, min_size=1, max_size=10) | st.sampled_from(["Alice", "jörg", "用户"])
    local = draw(st.lists(atom, min_size=1, max_size=3).map(".".join))
    domain, ascii_domain = draw(domains())
    address = f"{local}@{draw(st.sampled_from([domain, ascii_domain]))}"
    text, name = draw(
        st.one_of(
            st.just((address, "")),
            lines(exclude='<>",;:@\\').map(lambda name: (f"{name} <{address}>", name.strip(" "))),
            lines().map(lambda name: (f"{_quoted(name)} <{address}>", name)),
        )
    )
    return text, Mailbox(local, domain, ascii_domain, name)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def one_or_many(*, min_size: int = 0):
    """A mailbox as a string, or a list of them."""
    one = mailboxes().map(lambda pair: (pair[0], (pair[1],)))
    many = st.lists(mailboxes(), min_size=min_size, max_size=3)
    return one | many.map(
        lambda pairs: ([text for text, _ in pairs], tuple(box for _, box in pairs))
    )


@st.composite
def attachments(draw):
    """A file, inline or not."""
    part = Attachment(
        filename=draw(lines(min_size=1, exclude="/\\")),
        content_type=draw(
            st.sampled_from(["text/plain", 'text/csv; charset="utf-8"', "application/vnd.a+json"])
        ),
        content=draw(st.binary(max_size=40)),
        content_id=draw(st.none() | st.text(ascii_letters + digits + "@.-", min_size=1)),
    )
    wire = {
        "filename": part.filename,
        "contenttype": part.content_type,
        "content": b64encode(part.content).decode(),
        "contentid": part.content_id,
    }
    if part.content_id is None and draw(st.booleans()):
        del wire["contentid"]
    return wire, part


def headers():
    """Custom headers that nobody reserves, no name twice in another case."""
    names = st.text(ascii_letters + digits + "-_!~", max_size=12).map("X-Custom-{}".format)
    pairs = st.lists(st.tuples(names, lines()), max_size=4, unique_by=lambda pair: pair[0].lower())
    return pairs.map(dict)


@st.composite
def messages(draw):
    """A whole message: any of its optional fields may be there, ``null`` or absent. Whom it names
    again counts once."""
    from_text, sender = draw(mailboxes())
    to_wire, to = draw(one_or_many(min_size=1))
    names = st.dictionaries(lines(12, min_size=1), lines(), max_size=3)
    parts = st.lists(attachments(), max_size=2)
    wire = {"fromaddress": from_text, "toaddress": to_wire}
    meaning = {"sender": sender, "to": to}
    for field, attribute, pairs in (
        ("ccaddress", "cc", one_or_many()),
        ("bccaddress", "bcc", one_or_many()),
        ("replytoaddress", "reply_to", one_or_many()),
        ("subject", "subject", _same(lines())),
        ("plaintextbody", "text", _same(st.text(max_size=30))),
        ("htmlbody", "html", _same(st.text(max_size=30))),
        ("headers", "headers", _same(headers())),
        ("attachments", "attachments", parts.map(_unzipped)),
        ("tags", "tags", st.lists(lines(12, min_size=1), max_size=3).map(lambda t: (t, tuple(t)))),
        ("metadata", "metadata", _same(names)),
        ("provider", "provider", _same(st.from_regex("[a-z][a-z0-9-]{0,31}", fullmatch=True))),
    ):
        match draw(st.sampled_from(["present", "null", "absent"])):
            case "present":
                wire[field], meaning[attribute] = draw(pairs)
            case "null":
                wire[field] = None
    named = []
    for attribute in ("to", "cc", "bcc"):
        once = []
        for box in meaning.get(attribute, ()):
            if (box.local, box.ascii_domain) not in named:
                named.append((box.local, box.ascii_domain))
                once.append(box)
        meaning[attribute] = tuple(once)
    return wire, Mail(**meaning)


def _same(strategy):
    return strategy.map(lambda value: (value, value))


def _unzipped(pairs):
    return [wire for wire, _ in pairs], tuple(part for _, part in pairs)
