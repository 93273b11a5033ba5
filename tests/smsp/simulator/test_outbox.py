"""The outbox: exact counts, whatever had to be forgotten."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator import Outbox, Submission


def submission(smsp_id, *, test=False):
    """A message with this id of ours."""
    return Submission(smsp_id, ("bob@example.org",), "hi", test)


def test_a_message_that_was_taken():
    """It is there whole, under the provider that took it."""
    outbox = Outbox()
    number = outbox.take("mailgun", submission("a"))
    (entry,) = outbox.entries
    assert (entry.number, entry.provider, entry.smsp_id) == (number, "mailgun", "a")
    assert (entry.recipients, entry.subject) == (("bob@example.org",), "hi")
    assert outbox.taken("a") == 1
    assert outbox.taken("b") == 0


def test_a_duplicate_is_seen_across_providers():
    """The same id taken by two providers is what SMSP promises never to cause."""
    outbox = Outbox()
    for provider in ("mailgun", "sendgrid", "sendgrid"):
        outbox.take(provider, submission("a"))
    assert outbox.taken("a") == 3
    assert outbox.tally.duplicated == 1
    assert outbox.tally.accepted == {"mailgun": 1, "sendgrid": 2}


def test_a_test_is_no_mail():
    """Probes are numbered and counted apart."""
    outbox = Outbox()
    first = outbox.take("mailgun", submission("a", test=True))
    second = outbox.take("mailgun", submission("a"))
    assert first < second
    assert outbox.tally.tested == {"mailgun": 1}
    assert outbox.tally.accepted == {"mailgun": 1}
    assert len(outbox.entries) == 1


def test_mail_that_is_not_ours_counts_as_mail():
    """A message without our id is taken, and no id with it."""
    outbox = Outbox()
    outbox.take("mailgun", submission(None))
    assert (outbox.tally.accepted, outbox.tally.ids) == ({"mailgun": 1}, 0)


def test_clearing_forgets_everything_but_the_number():
    """A provider's message ids stay unique."""
    outbox = Outbox()
    before = outbox.take("mailgun", submission("a"))
    outbox.clear()
    assert (outbox.entries, outbox.taken_by_id, outbox.tally.accepted) == ((), {}, {})
    assert outbox.take("mailgun", submission("a")) > before


def test_a_tally_is_a_value():
    """What was read once does not change afterwards."""
    outbox = Outbox()
    before, counts = outbox.tally, outbox.taken_by_id
    outbox.take("mailgun", submission("a"))
    assert (before.accepted, counts) == ({}, {})


@given(st.lists(st.sampled_from("abcdef")))
def test_counts_agree_with_what_was_taken(ids):
    """With room for all of them, every count is that of the messages."""
    outbox = Outbox()
    for smsp_id in ids:
        outbox.take("mailgun", submission(smsp_id))
    counts = Counter(ids)
    assert outbox.taken_by_id == counts
    assert outbox.tally.duplicated == sum(times > 1 for times in counts.values())


@given(st.lists(st.sampled_from("abcdef")))
def test_memory_is_bounded(ids):
    """The oldest ids and messages make room; the totals stay exact, and nothing is hidden."""
    outbox = Outbox(ids_max=3, entries_max=2)
    for smsp_id in ids:
        outbox.take("mailgun", submission(smsp_id))
    tally = outbox.tally
    assert tally.accepted.get("mailgun", 0) == len(ids)
    assert tally.ids == len(outbox.taken_by_id) <= 3
    assert tally.duplicated == sum(times > 1 for times in outbox.taken_by_id.values())
    assert [entry.smsp_id for entry in outbox.entries] == ids[-2:]
    assert (tally.forgotten > 0) == (len(set(ids)) > 3)
