"""One address gets one copy: repetitions are dropped when a message is read."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail import Mail, fingerprint
from smsp.mail.mailbox import each_once
from smsp.mail.outcome import Reason
from smsp.providers.protocols import Capabilities
from smsp.sending.eligibility import why_not_carried
from tests.kit.mails import mailbox
from tests.kit.wire import faults, read


def places(**fields):
    """Who stands where in the message that is read, as texts."""
    mail = read(**fields)
    assert isinstance(mail, Mail)
    return tuple([str(box) for box in boxes] for boxes in (mail.to, mail.cc, mail.bcc))


@pytest.mark.parametrize(
    ("to", "cc", "bcc", "left"),
    [
        (["a@x.org", "a@x.org"], [], [], (["a@x.org"], [], [])),
        (["a@x.org"], ["a@x.org"], [], (["a@x.org"], [], [])),
        (["a@x.org"], [], ["a@x.org"], (["a@x.org"], [], [])),
        (["a@x.org"], ["b@x.org"], ["b@x.org"], (["a@x.org"], ["b@x.org"], [])),
        (["a@x.org"], ["b@x.org", "b@x.org"], [], (["a@x.org"], ["b@x.org"], [])),
        (["a@x.org"], [], ["b@x.org", "b@x.org"], (["a@x.org"], [], ["b@x.org"])),
        (
            ["b@x.org", "a@x.org", "b@x.org"],
            ["c@x.org", "a@x.org"],
            ["d@x.org", "c@x.org", "b@x.org", "d@x.org"],
            (["b@x.org", "a@x.org"], ["c@x.org"], ["d@x.org"]),
        ),
    ],
)
def test_the_first_place_is_kept(to, cc, bcc, left):
    """In the order to, cc, bcc; within each the order stays."""
    assert places(toaddress=to, ccaddress=cc, bccaddress=bcc) == left


def test_a_string_is_a_list_of_one():
    """However it is written, it is the same place."""
    assert places(toaddress="a@x.org", ccaddress="a@x.org", bccaddress="a@x.org") == (
        ["a@x.org"],
        [],
        [],
    )


@pytest.mark.parametrize(
    "again",
    [
        "a@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example",
        "a@B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}CHER.EXAMPLE",
        "a@bu\N{COMBINING DIAERESIS}cher.example",
        "a@xn--bcher-kva.example",
        "a@XN--BCHER-KVA.Example",
        "Somebody Else <a@xn--bcher-kva.example>",
        '"a"@xn--bcher-kva.example',
    ],
)
def test_a_domain_may_be_spelt_in_many_ways(again):
    """It is one by its IDNA form in lower case; so is an address under whatever name."""
    first = "Alice <a@xn--bcher-kva.example>"
    assert places(toaddress=[first, again], ccaddress=again) == ([first], [], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@x.org", "A@x.org"),
        ("a@x.org", "a+b@x.org"),
        ("ab@x.org", "a.b@x.org"),
        ("a@x.org", "a@y.x.org"),
        ("a@fass.example", "a@fa\N{LATIN SMALL LETTER SHARP S}.example"),
        (
            "\N{LATIN SMALL LETTER A}@x.org",
            "\N{CYRILLIC SMALL LETTER A}@x.org",
        ),
    ],
)
def test_a_local_part_is_compared_octet_for_octet(one, other):
    """Only the receiving host knows whether case or a dot matters to it."""
    to, cc, _ = places(toaddress=one, ccaddress=other)
    assert (len(to), len(cc)) == (1, 1)


def test_who_answers_go_to_is_no_recipient():
    """Reply-To and From may name anybody, and anybody twice."""
    mail = read(fromaddress="a@x.org", toaddress="a@x.org", replytoaddress=["a@x.org", "a@x.org"])
    assert isinstance(mail, Mail)
    assert (len(mail.to), len(mail.reply_to)) == (1, 2)


def test_repetitions_make_no_other_message():
    """An idempotency key sees the message that would be sent, and the names in it."""
    once = read(toaddress="a@x.org", ccaddress="b@x.org")
    again = read(
        toaddress=["a@x.org", "a@X.org"], ccaddress="Bob <b@x.org>", bccaddress=["A <a@x.org>"]
    )
    first_name_counts = read(toaddress=["a@x.org"], ccaddress=["b@x.org", "Bob <b@x.org>"])
    assert isinstance(once, Mail)
    assert isinstance(again, Mail)
    assert isinstance(first_name_counts, Mail)
    assert fingerprint(once) == fingerprint(first_name_counts)
    assert fingerprint(once) != fingerprint(again)


def test_a_provider_s_limits_see_what_is_left():
    """Two places of one address are one recipient to carry."""
    limits = Capabilities(recipients_max=2)
    mail = read(toaddress=["a@x.org", "b@x.org"], ccaddress=["a@x.org", "b@x.org"])
    assert isinstance(mail, Mail)
    assert why_not_carried(mail, limits) is None
    more = read(toaddress=["a@x.org", "b@x.org"], ccaddress="c@x.org")
    assert isinstance(more, Mail)
    assert why_not_carried(more, limits) is Reason.TOO_MANY_RECIPIENTS


def test_repetitions_count_against_the_thousand():
    """The bound is one of work, and holds before any address is read."""
    assert faults(toaddress=["a@x.org"] * 1001) != []
    assert places(toaddress=["a@x.org"] * 1000) == (["a@x.org"], [], [])


BOXES = [
    mailbox(f"{local}@{domain}", name)
    for local, domain, name in product("aA", ("x.org", "y.org"), ("", "N"))
]
drawn = st.lists(st.sampled_from(BOXES), max_size=6).map(tuple)


@given(drawn.filter(bool), drawn, drawn)
def test_nobody_is_lost_and_nobody_twice(to, cc, bcc):
    """Every address is left once, at the first of its places, and nothing is moved or renamed."""
    left = each_once(to, cc, bcc)
    flat = [box for boxes in left for box in boxes]
    addresses = [box.address for box in flat]
    assert len(addresses) == len(set(addresses))
    assert set(addresses) == {box.address for box in to + cc + bcc}
    assert left[0]
    for before, after in zip((to, cc, bcc), left, strict=True):
        positions = [before.index(box) for box in after]
        assert positions == sorted(positions)
    firsts = {box.address: box for box in reversed(to + cc + bcc)}
    assert flat == [box for box in flat if firsts[box.address] == box]
