"""Whom a provider has left out: what it names or counts, held against the message's recipients."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import (
    NOBODY_REFUSED,
    REFUSED_LISTED_MAX,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
)
from smsp.providers.adapters.refused_recipients import all_but, concluded, counted, named
from smsp.providers.protocols import HttpReply
from tests.kit.mails import mailbox
from tests.kit.replies import any_reply, nearly
from tests.smsp.providers.adapters.test_adapters import ADAPTERS, SECRETS
from tests.smsp.providers.test_nonsense import goldens

WHY = Reason.SUPPRESSED
every_kind = pytest.mark.parametrize("kind", ADAPTERS)

addresses = st.sampled_from(
    ["ann@example.org", "Ann@example.org", "bob@example.org", "bob@xn--bcher-kva.example", "c@d.e"]
)
spellings = addresses | st.sampled_from(
    [
        "ANN@EXAMPLE.ORG",
        "Bob <bob@example.org>",
        "bob@bücher.example",
        "eve@example.com",
        "",
        "<",
        ">",
    ]
)


def to(*several: str) -> HttpReply:
    """An answer about a message to these."""
    return HttpReply(200, recipients=tuple(map(mailbox, several)))


def refused(*several: str, more: int = 0) -> RefusedRecipients:
    """These were, and so many more."""
    listed = tuple(RefusedRecipient(each, WHY) for each in several)
    return RefusedRecipients(listed, more, WHY) if more else RefusedRecipients(listed)


def names(*several: str) -> list[tuple[str, Reason, str]]:
    """These are named, without an explanation."""
    return [(each, WHY, "") for each in several]


# -- who is named


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("bob@example.org", "bob@example.org"),
        (" bob@example.org\n", "bob@example.org"),
        ("BOB@example.org", "bob@example.org"),
        ("Bob <bob@example.org>", "bob@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
    ],
)
def test_an_address_in_another_spelling_is_told_as_ours(spelt: str, meant: str):
    """A provider may change letter case, the form of a domain, or put a name before it."""
    reply = to("bob@example.org", "ann@bücher.example", "carol@example.org")
    assert named(reply, names(spelt)) == refused(meant)


def test_who_matches_exactly_goes_before_who_matches_nearly():
    """Local parts that differ in letter case are two mailboxes (RFC 5321 section 2.4)."""
    reply = to("Ann@example.org", "ann@example.org", "bob@example.org")
    assert named(reply, names("ann@example.org")) == refused("ann@example.org")


def test_nobody_is_told_twice():
    """Who is named twice is one recipient."""
    reply = to("ann@example.org", "bob@example.org", "carol@example.org")
    assert named(reply, names("ann@example.org", "ANN@example.org")) == refused("ann@example.org")


def test_a_stranger_is_counted_and_never_shown():
    """The provider means somebody of ours, but not all of them: somebody has got the message."""
    reply = to("ann@example.org", "bob@example.org", "carol@example.org")
    assert named(reply, names("eve@example.com")) == refused(more=1)
    assert named(reply, names("bob@example.org", "eve@example.com")) == refused(
        "bob@example.org", more=1
    )
    assert named(reply, names(*["eve@example.com"] * 1000)) == refused(more=2)


def test_a_stranger_cannot_be_the_only_recipient():
    """Then the answer contradicts itself, and says nothing."""
    assert named(to("ann@example.org"), names("eve@example.com")) is None
    assert named(to(), names("eve@example.com")) is None


def test_the_words_about_a_recipient_are_fit_to_be_shown():
    """One short printable line, without our secrets; ``None`` when there are none."""
    reply = to("ann@example.org", "bob@example.org")
    found = named(reply, [("ann@example.org", WHY, "of key-1\n" + "x" * 500)], ("key-1",))
    assert found is not None
    (one,) = found.listed
    assert one.detail is not None
    assert one.detail.startswith("of [redacted] x")
    assert len(one.detail) == 200


def test_a_hundred_are_listed_and_the_others_counted():
    """However many recipients a message has."""
    everybody = [f"to{number}@example.org" for number in range(1000)]
    found = named(to(*everybody), names(*everybody[:700]))
    assert found is not None
    assert [one.address for one in found.listed] == everybody[:REFUSED_LISTED_MAX]
    assert (found.unlisted, found.count, found.by_reason) == (600, 700, {WHY: 700})


# -- how many are counted


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, NOBODY_REFUSED), (1, refused(more=1)), (2, None), (10**9, None), (-1, None), (None, None)],
)
def test_a_count_is_of_some_recipients(number: int | None, told: RefusedRecipients | None):
    """Somebody has got the message, so that not everybody can have been refused."""
    assert counted(to("ann@example.org", "bob@example.org"), number, WHY) == told


# -- who is taken


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        (["ann@example.org", "bob@example.org"], NOBODY_REFUSED),
        (["whoever", "else"], NOBODY_REFUSED),
        (["bob@example.org"], refused("ann@example.org")),
        (["bob@example.org", "bob@example.org", ""], refused("ann@example.org")),
        (["whoever"], refused(more=1)),
        ([], None),
        ([""], None),
    ],
)
def test_who_is_not_among_those_taken(taken: list[str], told: RefusedRecipients | None):
    """As many as there are recipients are all of them, however they are spelt."""
    assert all_but(to("ann@example.org", "bob@example.org"), taken, WHY) == told


# -- what it comes to


def test_sent_to_some():
    """The outcome is sent while there is somebody who is not refused."""
    reply = to("ann@example.org", "bob@example.org")
    for told in (None, NOBODY_REFUSED, refused("ann@example.org"), refused(more=1)):
        assert concluded(reply, "id", told) == Sent("id", told)


def test_sent_to_nobody():
    """Each by name: that is a refusal of the message, with the first one's reason and words."""
    reply = to("ann@example.org", "bob@example.org")
    namings = [("ann@example.org", WHY, "unsubscribed"), ("bob@example.org", WHY, "")]
    assert concluded(reply, "id", named(reply, namings)) == Rejected(WHY, "unsubscribed")


def test_nobody_refused_is_one_value():
    """A hundred thousand records of messages that everybody got hold no more than before."""
    reply = to("ann@example.org")
    assert counted(reply, 0, WHY) is all_but(reply, ["ann@example.org"], WHY) is NOBODY_REFUSED


# -- nonsense


@given(
    recipients=st.lists(addresses, unique=True),
    spelt=st.lists(st.tuples(spellings, st.sampled_from([WHY, Reason.BAD_RECIPIENT]), st.text())),
    number=st.integers(-3, 10),
)
def test_only_recipients_are_told_and_never_more_than_there_are(recipients, spelt, number):
    """Whatever a provider says of whomever."""
    reply = to(*recipients)
    taken = [name for name, _, _ in spelt]
    for told in (named(reply, spelt), counted(reply, number, WHY), all_but(reply, taken, WHY)):
        outcome = concluded(reply, "id", told)
        if told is not None:
            listed = [one.address for one in told.listed]
            assert len(set(listed)) == len(listed)
            assert set(listed) <= set(recipients)
            assert sum(told.by_reason.values()) == told.count
            everybody = len(listed) == len(recipients) > 0
            assert told.count < max(len(recipients), 1) or everybody
            assert isinstance(outcome, Rejected) == everybody


@every_kind
@given(data=st.data(), recipients=st.lists(addresses, unique=True))
def test_no_answer_tells_of_others_or_of_secrets(kind: str, data: st.DataObject, recipients):
    """Whatever is sent, to whomever: what is told is about our recipients, and fit to be shown."""
    found = goldens(kind)
    reply = data.draw(nearly(found[:3]) | nearly(found) | any_reply())
    outcome = ADAPTERS[kind].decode(replace(reply, recipients=tuple(map(mailbox, recipients))))
    if isinstance(outcome, Sent) and outcome.refused is not None:
        assert {one.address for one in outcome.refused.listed} <= set(recipients)
        assert outcome.refused.count < max(len(recipients), 1)
        for one in outcome.refused.listed:
            assert (one.detail or "").isprintable()
            assert len(one.detail or "") <= 200
            assert not any(secret in (one.detail or "") for secret in SECRETS[kind])


HUGE: dict[str, Any] = {
    "postmark": lambda n: {
        "MessageID": "id",
        "ErrorCode": 0,
        "Message": "Message OK, but will not deliver to these inactive addresses: "
        + ", ".join(["eve@example.com"] * n),
    },
    "mailersend": lambda n: {
        "warnings": [
            {"type": "SOME_SUPPRESSED", "recipients": [{"email": "e@f", "reasons": [1]}] * n}
        ]
    },
    "scaleway": lambda n: {
        "emails": [{"id": "id", "status": "new"}, *[{"status": "failed", "mail_rcpt": "e@f"}] * n]
    },
    "mailtrap": lambda n: {"success": True, "message_ids": ["id"] * n},
    "mailjet": lambda n: {
        "Messages": [{"Status": "success", "To": [{"Email": "e@f"}] * n, "Cc": [], "Bcc": []}]
    },
    "postal": lambda n: {
        "status": "success",
        "data": {"messages": {f"e{number}@f": {} for number in range(n)}},
    },
    "sparkpost": lambda n: {
        "results": {"total_accepted_recipients": 1, "total_rejected_recipients": n, "id": "id"}
    },
}
"""An answer that names or counts any number of recipients, by provider."""


@pytest.mark.parametrize("kind", HUGE)
def test_an_answer_that_names_very_many_is_sent_and_leaves_nothing_behind(kind: str):
    """What is kept of it does not grow with it."""
    body = json.dumps(HUGE[kind](100_000)).encode()
    status, headers = (202, {"x-message-id": "id"}) if kind == "mailersend" else (200, {})
    people = tuple(mailbox(f"to{number}@example.org") for number in range(1000))
    tracemalloc.start()
    try:
        outcome = ADAPTERS[kind].decode(HttpReply(status, headers, body, recipients=people))
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(outcome, Sent)
    assert outcome.refused is None or outcome.refused.count < len(people)
    assert kept_bytes < 300_000  # orjson itself remembers some names of members
