"""The four outcomes, and what several attempts add up to."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Refusal
from smsp.mail.dispatched import Attempt, combine
from smsp.mail.outcome import (
    AttemptRefused,
    Blame,
    NotSent,
    Reason,
    Rejected,
    Sent,
    Unknown,
    reason_of,
    word,
)

# One result for each class that the rule below tells apart, and some whose reason could mislead.
INTERESTING = (
    Sent(),
    Sent("id"),
    Rejected(Reason.BAD_RECIPIENT),
    NotSent(Reason.REFUSED_4XX, Blame.NOBODY),
    NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY),
    NotSent(Reason.NEEDS_SMTPUTF8, Blame.NOBODY),
    NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER),
    NotSent(Reason.THROTTLED, Blame.THROTTLE),
    NotSent(Reason.DEADLINE, Blame.NOBODY),
    Unknown(Reason.TIMEOUT),
    Unknown(Reason.DEADLINE, Blame.NOBODY),
    AttemptRefused(Reason.OPEN),
    AttemptRefused(Reason.FULL),
)
reasons = st.sampled_from(Reason)
blames = st.sampled_from(Blame)
results = st.one_of(
    st.sampled_from(INTERESTING),
    st.builds(Sent),
    st.builds(Rejected, reasons),
    st.builds(NotSent, reasons, blames),
    st.builds(Unknown, reasons),
    st.builds(AttemptRefused, st.sampled_from(Refusal).map(lambda refusal: Reason(refusal.value))),
)


def judges_nothing(result):
    """A provider did not understand the message or its sender, or when asked could not carry it:
    a verdict if all say so."""
    return isinstance(result, NotSent) and result.reason in (
        Reason.REFUSED_4XX,
        Reason.SENDER_NOT_ALLOWED,
        Reason.NEEDS_SMTPUTF8,
        Reason.TOO_MANY_RECIPIENTS,
    )


def by_the_contract(tried, all_tried):
    """The rule in the words of the promise, for a list of results."""
    kinds = Counter(type(result) for result in tried)
    if kinds[Sent] > 0:
        return "sent"
    if kinds[Unknown] > 0:
        return "unknown"
    if kinds[Rejected] > 0:
        return "rejected"
    misunderstood = sum(1 for result in tried if judges_nothing(result))
    if all_tried and misunderstood == len(tried) >= 1:
        return "rejected"
    return "not_sent"


def attempts(tried):
    """These results, one provider each."""
    return [Attempt(f"p{position}", result, 0.1) for position, result in enumerate(tried)]


@pytest.mark.parametrize("all_tried", [True, False])
@pytest.mark.parametrize("length", range(4))
def test_combine_exhaustively(length, all_tried):
    """Every list of up to three results that differ in anything that matters."""
    for tried in product(INTERESTING, repeat=length):
        combined = combine(attempts(tried), all_tried=all_tried)
        assert combined == by_the_contract(tried, all_tried), tried


@given(st.lists(results, max_size=8), st.booleans())
def test_combine(tried, all_tried):
    """The first that holds: any sent, any unknown, any rejected, all misunderstood; not sent."""
    assert combine(attempts(tried), all_tried=all_tried) == by_the_contract(tried, all_tried)


@given(st.lists(results, max_size=6), st.randoms(use_true_random=False))
def test_combine_in_any_order(tried, random):
    """What attempts add up to does not depend on their order."""
    shuffled = random.sample(tried, len(tried))
    assert combine(attempts(tried)) == combine(attempts(shuffled))


@given(st.lists(results, max_size=6))
def test_never_not_sent_in_doubt(tried):
    """A caller is told to try again only if no attempt may have been a success."""
    if combine(attempts(tried)) == "not_sent":
        assert not any(isinstance(result, Sent | Unknown) for result in tried)


def test_all_tried_by_default():
    """Without a word about others, the attempts are all there could be."""
    tried = attempts([NotSent(Reason.REFUSED_4XX, Blame.NOBODY)])
    assert combine(tried) == "rejected"
    assert combine(tried, all_tried=False) == "not_sent"


@pytest.mark.parametrize(
    ("result", "spelt"),
    [
        (Sent(), "sent"),
        (Rejected(Reason.BAD_CONTENT), "rejected"),
        (NotSent(Reason.POOL_WAIT, Blame.NOBODY), "not_sent"),
        (Unknown(Reason.TIMEOUT), "unknown"),
        (AttemptRefused(Reason.OPEN), "refused"),
    ],
)
def test_word(result, spelt):
    """Each result has one name, for callers, logs and metrics alike."""
    assert word(result) == spelt


@given(results)
def test_reason_of(result):
    """A sent message was accepted; everything else says why not."""
    assert reason_of(result) is (Reason.ACCEPTED if isinstance(result, Sent) else result.reason)


def test_blame_of_unknown():
    """An unknown outcome is the provider's fault unless it is said to be nobody's."""
    assert Unknown(Reason.CONNECTION_LOST).blame is Blame.PROVIDER


@pytest.mark.parametrize("reason", Reason)
def test_reasons_are_labels(reason):
    """Every reason is a snake_case word, safe as a metric label."""
    assert reason.value.replace("_", "").isalnum()
    assert reason.value == reason.name.lower()
