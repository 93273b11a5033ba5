"""The audit's own judgement: each way to break the promise is found, and nothing else is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functional_tests.audit.books import SUBJECT, Taken, Told, stories
from functional_tests.audit.people import OTHERS, PARTY
from functional_tests.audit.promise import Acceptance, End, Request, Story, Violation, violations
from smsp.simulator import Journal, Outbox, Submission

ID, ID_2 = b"1" * 16, b"2" * 16
OF_AN_OUTCOME = {End.SENT, End.REJECTED, End.NOT_SENT, End.UNKNOWN}


def told(end, key=ID, provider="a"):
    """One request that ended so."""
    known = key if end in OF_AN_OUTCOME else None
    return Request(end, 10.0, 11.0, 200, known, provider if end is End.SENT else None)


def taken(key=ID, provider="a"):
    """One acceptance."""
    return Acceptance(provider, key, 10.5)


def found(requests, acceptances=(), *, keyed=False):
    """What is wrong with this story."""
    return set(violations(Story(1, keyed, requests, acceptances)))


@pytest.mark.parametrize(
    ("end", "allowed"),
    [
        (End.SENT, {1}),
        (End.REJECTED, {0}),
        (End.NOT_SENT, {0}),
        (End.UNKNOWN, {0, 1}),
        (End.REFUSED, {0}),
        (End.FAULT, {0, 1}),
        (End.HUNG_UP, {0, 1}),
        (End.CUT, {0}),
    ],
)
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_how_often_a_message_may_be_taken(end, allowed, times):
    """For each end of a single request: this often, and a violation otherwise."""
    assert (found([told(end)], [taken()] * times) == set()) == (times in allowed)


def test_lost():
    """Sent, and nobody has it."""
    assert found([told(End.SENT)]) == {Violation.LOST}


def test_doubled():
    """By the same provider or another, whatever the caller was told."""
    for end in (End.SENT, End.UNKNOWN, End.HUNG_UP, End.FAULT):
        assert found([told(end)], [taken(), taken()]) == {Violation.DOUBLED}
        assert found([told(end)], [taken(), taken(ID_2, "b")]) == {Violation.DOUBLED}


def test_taken_anyway():
    """What the caller was told excludes it."""
    for end in (End.REJECTED, End.NOT_SENT, End.REFUSED, End.CUT):
        assert found([told(end)], [taken()]) == {Violation.TAKEN_ANYWAY}


def test_taken_under_an_id_that_was_not_sent():
    """The second try was free to be taken; it is the first that was, and the second is lost."""
    requests = [told(End.NOT_SENT, ID), told(End.SENT, ID_2)]
    assert found(requests, [taken(ID_2)]) == set()
    assert found(requests, [taken(ID)]) == {Violation.TAKEN_ANYWAY, Violation.OTHER_ID}


def test_elsewhere():
    """The answer names the provider that took it."""
    assert found([told(End.SENT, provider="a")], [taken(provider="b")]) == {Violation.ELSEWHERE}


@pytest.mark.parametrize("named", [None, 0b0, 0b010, 0b101, 0b011])
@pytest.mark.parametrize("refused", [None, 0b0, 0b010, 0b011])
def test_misnamed(named, refused):
    """The answer names exactly those whom the provider refused; and nobody, if it never says."""
    answer, acceptance = replace(told(End.SENT), refused=named), replace(taken(), refused=refused)
    expected = set() if named == refused else {Violation.MISNAMED}
    assert found([answer], [acceptance]) == expected
    # The same again when the key is asked about, and each time by itself.
    right = replace(answer, refused=refused)
    assert found([right, answer], [acceptance], keyed=True) == expected


def test_other_id():
    """The answer has the id that the provider was given."""
    assert found([told(End.SENT, ID)], [taken(ID_2)]) == {Violation.OTHER_ID}


def test_contradicted():
    """A key's message was sent or it was rejected."""
    requests = [told(End.SENT), told(End.REJECTED)]
    assert Violation.CONTRADICTED in found(requests, [taken()], keyed=True)


@pytest.mark.parametrize("first", [End.SENT, End.REJECTED])
def test_forgotten(first):
    """A key whose end is certain is neither free again nor in doubt, nor does it get another id."""
    times = [taken()] * (first is End.SENT)
    for then in (End.NOT_SENT, End.UNKNOWN):
        assert found([told(first), told(then, ID_2)], times, keyed=True) == {Violation.FORGOTTEN}
    assert Violation.FORGOTTEN in found([told(first), told(first, ID_2)], times, keyed=True)
    assert found([told(first), told(first)], times, keyed=True) == set()


def test_a_doubt_that_ends_in_nothing():
    """When it is known later that nothing was sent, the key is free for another message."""
    requests = [told(End.UNKNOWN), told(End.NOT_SENT, ID_2)]
    assert found(requests, keyed=True) == set()
    assert found([told(End.UNKNOWN), told(End.SENT, ID_2)], [taken(ID_2)], keyed=True) == set()
    assert found(
        [told(End.UNKNOWN), told(End.SENT, ID_2)], [taken(ID), taken(ID_2)], keyed=True
    ) == {Violation.DOUBLED}


def test_a_key_and_what_is_learned_later():
    """What was unknown may turn out to be either; after a hang-up the answer is the first one."""
    for first in (End.UNKNOWN, End.HUNG_UP, End.FAULT):
        assert found([told(first), told(End.SENT)], [taken()], keyed=True) == set()
        assert found([told(first), told(End.REJECTED)], keyed=True) == set()
        assert found([told(first), told(End.REJECTED)], [taken()], keyed=True) == {
            Violation.TAKEN_ANYWAY
        }
    assert found([told(End.HUNG_UP), told(End.REFUSED)], [taken()], keyed=True) == set()


def test_a_hang_up_may_arrive_late():
    """That the second request was not sent says nothing about the first, still on its way."""
    requests = [told(End.HUNG_UP), told(End.NOT_SENT, ID_2)]
    assert found(requests, [taken()], keyed=True) == set()


def test_tried_again():
    """Without a key, too, as long as nothing can have been taken."""
    requests = [told(End.NOT_SENT, ID_2), told(End.REFUSED), told(End.SENT)]
    assert found(requests, [taken()]) == set()
    assert found(requests) == {Violation.LOST}


def test_silent_and_nonsense():
    """A request that is not answered once, or not with sense, is one whatever was taken."""
    assert found([told(End.SILENT)], [taken()]) == {Violation.SILENT}
    assert found([told(End.NONSENSE)]) == {Violation.NONSENSE}


def test_nowhere():
    """A message that nobody sent."""
    assert found([], [taken()]) == {Violation.NOWHERE}


requests_of_any_kind = st.lists(
    st.builds(
        Request,
        st.sampled_from(End),
        st.floats(1e9, 2e9),
        st.floats(1e9, 2e9),
        st.integers(0, 599),
        st.binary(min_size=16, max_size=16).filter(any) | st.none(),
        st.sampled_from(["a", "b", None]),
        st.none() | st.integers(0, 2 * OTHERS - 1),
    ),
    min_size=1,
    max_size=9,
)


@given(st.lists(st.tuples(st.booleans(), requests_of_any_kind), max_size=5))
def test_what_is_written_down_is_read_again(messages):
    """Every field but the end's moment, which is kept to within its seven digits."""
    book = Told(["a", "b"])
    for number, (keyed, requests) in enumerate(messages):
        book.add(number, keyed=keyed, requests=requests)
    read = list(book)
    assert [(number, keyed) for number, keyed, _ in read] == [
        (number, keyed) for number, (keyed, _) in enumerate(messages)
    ]
    for (_, _, seen), (_, said) in zip(read, messages, strict=True):
        assert [_but_its_end(one) for one in seen] == [_but_its_end(one) for one in said]


def _but_its_end(request):
    return replace(request, ended_at=0.0)


def test_stories_join_what_was_told_and_what_was_taken(tmp_path):
    """By the number in the subject; what nobody sent is a story, too."""
    uuid = "31313131-3131-3131-3131-313131313131"
    journals = {}
    for name, numbers in {"a": (0, 7), "b": (0,)}.items():
        journals[name] = tmp_path / name
        with closing(Journal(journals[name], now=lambda: 10.5)) as journal:
            outbox = Outbox(journal=journal)
            for number in numbers:
                outbox.take("mailgun", Submission(uuid, ("bob@x.example",), f"{SUBJECT}{number}"))
    book = Told(["a", "b"])
    book.add(0, keyed=True, requests=[told(End.UNKNOWN)])
    book.add(1, keyed=False, requests=[told(End.NOT_SENT)])
    doubled, unsent, nowhere = stories(book, Taken(journals))
    assert (doubled.number, doubled.keyed, doubled.acceptances) == (
        0,
        True,
        [taken(ID, "a"), taken(ID, "b")],
    )
    assert (unsent.number, unsent.keyed, unsent.acceptances) == (1, False, [])
    assert (nowhere.number, nowhere.requests, nowhere.acceptances) == (7, (), [taken(ID, "a")])


@pytest.mark.parametrize(("kind", "refused"), [("postmark", 0b10), ("mailgun", None)])
def test_whom_a_provider_refused_is_read_in_its_journal(tmp_path, kind, refused):
    """If it is one that says so; of another it is not known that it refused nobody."""
    path = tmp_path / "journal"
    left_out = (PARTY[1],) if kind == "postmark" else ()
    with closing(Journal(path)) as journal:
        submission = Submission(None, (PARTY[0],), f"{SUBJECT}3", refused=left_out)
        Outbox(journal=journal).take(kind, submission)
    (acceptance,) = Taken({"a": path}).of(3)
    assert acceptance.refused == refused
