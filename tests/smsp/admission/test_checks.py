"""Whether a caller may do what it asks for, whatever protocol it speaks."""

from __future__ import annotations

import pytest

from smsp.admission.budget import ByteBudget
from smsp.admission.checks import (
    Admission,
    ForeignSender,
    MissingScope,
    TooManyMessages,
    TooManyWrongKeys,
    UnknownKey,
)
from smsp.admission.keyring import Keyring
from smsp.admission.rates import FAILURES_AT_ONCE, FAILURES_PER_SECOND, Failures
from smsp.keys import Key, Scope, digest_of
from tests.kit.mails import SEND_ID

ALL = Key("all", digest_of("a"))
WATCHER = Key("watcher", digest_of("w"), frozenset({Scope.OBSERVE}))
BOUND = Key("bound", digest_of("b"), from_domains=frozenset({"example.com"}))
SLOW = Key("slow", digest_of("s"), per_second=0.5)


def admission_of(*keys, bytes_max=100):
    """The checks over these keys."""
    return Admission(Keyring(keys), Failures(), ByteBudget(bytes_max))


@pytest.mark.parametrize(
    ("key", "scope", "found"),
    [
        (ALL, Scope.SEND, ALL),
        (WATCHER, Scope.OBSERVE, WATCHER),
        (WATCHER, Scope.SEND, MissingScope(WATCHER, Scope.SEND)),
        (WATCHER, Scope.OPERATE, MissingScope(WATCHER, Scope.OPERATE)),
        (None, Scope.OBSERVE, UnknownKey()),
    ],
)
def test_who_comes_in(key, scope, found):
    """Whose key is known and has the scope."""
    assert admission_of(ALL, WATCHER).enter(key, scope) == found


def test_wrong_keys_from_one_address():
    """It is told so a number of times, then to wait; another address is not."""
    checks = admission_of(ALL)
    told = [checks.fail("192.0.2.1", 0.0) for _ in range(FAILURES_AT_ONCE + 1)]
    assert told == [UnknownKey()] * FAILURES_AT_ONCE + [TooManyWrongKeys(1 / FAILURES_PER_SECOND)]
    assert checks.fail("192.0.2.2", 0.0) == UnknownKey()


def test_a_key_s_rate():
    """What was used up for nothing can be given back."""
    checks = admission_of(SLOW)
    assert checks.use(SLOW, 0.0) is None
    assert checks.use(SLOW, 1.0) == TooManyMessages(1.0)
    checks.refund(SLOW)
    assert checks.use(SLOW, 1.0) is None


def test_a_key_without_a_rate():
    """May send any number."""
    checks = admission_of(ALL)
    assert [checks.use(ALL, 0.0) for _ in range(1000)] == [None] * 1000


@pytest.mark.parametrize(
    ("keys", "fits"), [((ALL,), 100), ((ALL, WATCHER), 100), ((ALL, SLOW), 50)]
)
def test_room_for_a_message(keys, fits):
    """All of it for the only key that may send; half of it where another may want room."""
    checks = admission_of(*keys)
    with checks.room(ALL) as share:
        assert not share.grow(fits + 1)
        assert share.grow(fits)


def test_room_that_is_kept():
    """Until the last provider that has the message still has told how it ended."""
    budget = ByteBudget(100)
    checks = Admission(Keyring((ALL,)), Failures(), budget)
    with checks.room(ALL) as share:
        assert share.grow(100)
        checks.keep(share, SEND_ID, ("mailgun",))
    with checks.room(ALL) as share:
        assert not share.grow(1)
    budget.settled(SEND_ID, "mailgun")
    with checks.room(ALL) as share:
        assert share.grow(100)


@pytest.mark.parametrize(
    ("key", "sender", "refusal"),
    [
        (ALL, "example.org", None),
        (BOUND, "example.com", None),
        (BOUND, "example.org", ForeignSender()),
        (BOUND, "mail.example.com", ForeignSender()),
    ],
)
def test_whose_message_it_is(key, sender, refusal):
    """A key with domains of its own sends from no other."""
    assert admission_of(ALL, BOUND).sender(key, sender) == refusal
