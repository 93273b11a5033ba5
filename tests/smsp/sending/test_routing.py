"""Which providers may take a message, in which order, and when the next one may try."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from smsp.mail.dispatched import Skipped
from smsp.mail.outcome import AttemptRefused, Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.providers.protocols import Capabilities
from smsp.sending.routing import Candidate, Failover, by_weight, may_go_on, route
from tests.kit.mails import mailbox, send

ANYTHING = Capabilities(smtputf8=True)
THREE = tuple(Candidate(name, ANYTHING) for name in ("one", "two", "three"))


def test_order():
    """Providers are asked in the order in which they are configured."""
    way = route(send().mail, THREE)
    assert (way.names, way.skipped) == (("one", "two", "three"), ())


def test_pinned():
    """A message that names its provider goes to no other."""
    way = route(send(provider="two").mail, THREE)
    assert way.names == ("two",)
    assert way.skipped == (
        Skipped("one", Reason.NOT_PINNED),
        Skipped("three", Reason.NOT_PINNED),
    )


def test_pinned_to_nobody():
    """A message pinned to a provider that is not configured has no way at all."""
    way = route(send(provider="four").mail, THREE)
    assert way.names == ()
    assert {skip.reason for skip in way.skipped} == {Reason.NOT_PINNED}


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        (Capabilities(smtputf8=True, recipients_max=1), Reason.TOO_MANY_RECIPIENTS),
        (Capabilities(smtputf8=True, bytes_max=9), Reason.TOO_LARGE),
        (Capabilities(smtputf8=False), Reason.NEEDS_SMTPUTF8),
    ],
)
def test_skipped(capabilities, reason):
    """A provider that cannot carry the message is passed over, and the others keep their order."""
    mail = send(to=(mailbox("bøb@example.org"), mailbox("eve@example.org")), text="0123456789").mail
    providers = (
        Candidate("one", ANYTHING),
        Candidate("narrow", capabilities),
        Candidate("two", ANYTHING),
    )
    assert route(mail, providers).names == ("one", "two")
    assert route(mail, providers).skipped == (Skipped("narrow", reason),)


def test_pin_does_not_widen():
    """A pin to a provider that cannot carry the message says why not."""
    way = route(
        send(provider="one", text="long").mail, [Candidate("one", Capabilities(bytes_max=3))]
    )
    assert (way.names, way.skipped) == ((), (Skipped("one", Reason.TOO_LARGE),))


@pytest.mark.parametrize(
    ("result", "modes"),
    [
        (Sent(), set()),
        (Rejected(Reason.BAD_CONTENT), set()),
        (AttemptRefused(Reason.OPEN), {Failover.OPEN, Failover.SAFE, Failover.ANY}),
        (AttemptRefused(Reason.FULL), {Failover.OPEN, Failover.SAFE, Failover.ANY}),
        (NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER), {Failover.SAFE, Failover.ANY}),
        (NotSent(Reason.THROTTLED, Blame.THROTTLE), {Failover.SAFE, Failover.ANY}),
        (NotSent(Reason.REFUSED_4XX, Blame.NOBODY), {Failover.SAFE, Failover.ANY}),
        (Unknown(Reason.TIMEOUT), {Failover.ANY}),
    ],
)
def test_may_go_on(result, modes):
    """Past a circuit that refuses always; after a proof by default; in doubt only if told to."""
    assert {mode for mode in Failover if may_go_on(result, mode)} == modes


def test_only_for_its_sender_domains():
    """A provider that is set up for some domains gets no mail of another."""
    ours = Candidate("ours", ANYTHING, frozenset({"example.com"}))
    theirs = Candidate("theirs", ANYTHING, frozenset({"example.net", "example.org"}))

    way = route(send().mail, (theirs, ours))

    assert way.names == ("ours",)
    assert way.skipped == (Skipped("theirs", Reason.SENDER_NOT_ROUTED),)


@pytest.mark.parametrize("sender", ["shop@bücher.example", "shop@xn--bcher-kva.example"])
def test_an_international_domain_is_the_same_in_either_spelling(sender):
    """Settings hold it as the DNS does; senders write it as they read it."""
    ours = Candidate("ours", ANYTHING, frozenset({"xn--bcher-kva.example"}))
    theirs = Candidate("theirs", ANYTHING, frozenset({"bucher.example"}))

    way = route(send(sender=mailbox(sender)).mail, (theirs, ours))

    assert (way.names, way.skipped) == (
        ("ours",),
        (Skipped("theirs", Reason.SENDER_NOT_ROUTED),),
    )


@pytest.mark.parametrize(
    ("pin", "names", "skipped"),
    [
        (None, ("ours",), [("theirs", Reason.SENDER_NOT_ROUTED)]),
        ("ours", ("ours",), [("theirs", Reason.NOT_PINNED)]),
        ("theirs", (), [("theirs", Reason.SENDER_NOT_ROUTED), ("ours", Reason.NOT_PINNED)]),
    ],
)
def test_a_pin_beside_sender_domains(pin, names, skipped):
    """A pin leaves the others out, and is no way around the domains of its own provider."""
    ours = Candidate("ours", ANYTHING, frozenset({"example.com"}))
    theirs = Candidate("theirs", ANYTHING, frozenset({"example.net"}))

    way = route(send(provider=pin).mail, (theirs, ours))

    assert way.names == names
    assert [(skip.provider, skip.reason) for skip in way.skipped] == skipped


def test_a_share_is_one_where_nothing_is_said():
    """Beside a provider of weight 1 it gets half."""
    candidates = [Candidate("one", ANYTHING), Candidate("two", ANYTHING, weight=1)]
    random = Random(1)

    first = Counter(by_weight(candidates, random)[0].name for _ in range(2_000))

    assert abs(first["one"] / 2_000 - 0.5) < 0.05


def test_shares_are_those_of_the_weights():
    """Over 10,000 messages each provider comes first within 2 points of its share."""
    weights = {"one": 1, "two": 3, "three": 6}
    candidates = [Candidate(name, ANYTHING, weight=weight) for name, weight in weights.items()]
    random = Random(1)

    first = Counter(by_weight(candidates, random)[0].name for _ in range(10_000))

    assert all(abs(first[name] / 10_000 - weight / 10) < 0.02 for name, weight in weights.items())


def test_weight_nothing_comes_last():
    """A provider without a share is there for when all others refuse."""
    spare = Candidate("spare", ANYTHING, weight=0)
    random = Random(1)

    orders = [by_weight([spare, *THREE], random) for _ in range(200)]

    assert {order[-1].name for order in orders} == {"spare"}
    assert {order[0].name for order in orders} == {"one", "two", "three"}
