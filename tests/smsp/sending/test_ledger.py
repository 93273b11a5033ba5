"""What the ledger remembers, for how long, and what it never forgets."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from smsp.mail.dispatched import Attempt, Dispatched, Route
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.sending.ledger import (
    KEPT_S,
    UNKEYED_MAX,
    UNKEYED_S,
    Begun,
    Claim,
    Full,
    InProgress,
    Ledger,
    Mismatch,
    Replay,
)

MAILGUN = Route(("mailgun",), ())
RESULTS: dict[str, Outcome] = {
    "sent": Sent("id"),
    "rejected": Rejected(Reason.BAD_RECIPIENT),
    "not_sent": NotSent(Reason.THROTTLED, Blame.THROTTLE),
    "unknown": Unknown(Reason.TIMEOUT),
}


def claim(key: str | None = "key", owner: str = "app", fingerprint: bytes = b"mail") -> Claim:
    """A message about to be sent."""
    return Claim(uuid4(), owner, fingerprint, key)


def done(message: UUID, outcome: str, *, unsettled: bool = False) -> Dispatched:
    """What became of it."""
    attempt = Attempt("mailgun", RESULTS[outcome], 0.1)
    going_on = frozenset({"mailgun"}) if unsettled else frozenset()
    return Dispatched(message, outcome, (attempt,), MAILGUN, unsettled=going_on)


def sent_before(ledger: Ledger, outcome: str, *, unsettled: bool = False) -> Claim:
    """A message with a key that has had its answer."""
    first = claim()
    assert ledger.begin(first, 0.0) == Begun()
    ledger.end(first.id, done(first.id, outcome, unsettled=unsettled), 1.0)
    return first


@pytest.mark.parametrize("outcome", ["sent", "rejected", "unknown"])
def test_a_finished_key_gives_its_first_answer_again(outcome):
    """``unknown`` included: that is what keeps a mail from being sent twice."""
    ledger = Ledger(10)
    first = sent_before(ledger, outcome)

    again = ledger.begin(claim(), 2.0)

    assert isinstance(again, Replay)
    assert again.record.claim == first
    assert again.record.answer.outcome == outcome


def test_a_key_is_free_after_not_sent():
    """Nothing was sent, so a repetition is a real try; the first is still known by its id."""
    ledger = Ledger(10)
    first = sent_before(ledger, "not_sent")

    assert ledger.begin(claim(), 2.0) == Begun()
    assert ledger.find(first.id, "app", 2.0).answer.outcome == "not_sent"


def test_what_is_known_of_a_key():
    """While it is in progress and after, for its owner alone; not once it is free."""
    ledger = Ledger(10)
    first = claim()
    ledger.begin(first, 0.0)
    assert ledger.holds("app", "key")
    assert not ledger.holds("other", "key")
    assert not ledger.holds("app", "another")
    assert not ledger.holds("app", None)
    ledger.end(first.id, done(first.id, "not_sent"), 1.0)
    assert not ledger.holds("app", "key")


def test_a_key_belongs_to_one_message():
    """The same key with another message is a mistake, whatever became of the first."""
    ledger = Ledger(10)
    sent_before(ledger, "sent")

    assert ledger.begin(claim(fingerprint=b"other"), 2.0) == Mismatch()


def test_a_twin_that_still_runs_is_told_so():
    """The second of two at once is not sent."""
    ledger = Ledger(10)
    ledger.begin(claim(), 0.0)

    assert ledger.begin(claim(), 0.0) == InProgress()
    assert ledger.begin(claim(fingerprint=b"other"), 0.0) == Mismatch()


def test_two_api_keys_share_no_idempotency_keys():
    """One application cannot learn or block another's."""
    ledger = Ledger(10)
    first = sent_before(ledger, "sent")

    assert ledger.begin(claim(owner="other"), 2.0) == Begun()
    assert ledger.find(first.id, "other", 2.0) is None


@pytest.mark.parametrize(
    ("late", "outcome"),
    [(Sent("late"), "sent"), (Rejected(Reason.BAD_RECIPIENT), "rejected"), (None, "unknown")],
)
def test_a_late_outcome_replaces_unknown(late, outcome):
    """In replays and by id; a call that nobody will ever know of leaves it unknown."""
    ledger = Ledger(10)
    first = sent_before(ledger, "unknown", unsettled=True)
    assert not ledger.find(first.id, "app", 2.0).over

    ledger.settle(first.id, "mailgun", late, 3.0)

    assert ledger.begin(claim(), 4.0).record.answer.outcome == outcome
    assert ledger.find(first.id, "app", 4.0).over


def test_a_late_not_sent_frees_the_key():
    """The proof came late, and is a proof all the same."""
    ledger = Ledger(10)
    first = sent_before(ledger, "unknown", unsettled=True)

    ledger.settle(first.id, "mailgun", NotSent(Reason.THROTTLED, Blame.THROTTLE), 3.0)

    assert ledger.begin(claim(), 4.0) == Begun()


def test_a_late_outcome_may_overtake_the_answer():
    """The actor may learn the end before the dispatcher has run again."""
    ledger = Ledger(10)
    first = claim()
    ledger.begin(first, 0.0)

    ledger.settle(first.id, "mailgun", Sent("late"), 1.0)
    record = ledger.end(first.id, done(first.id, "unknown", unsettled=True), 1.0)

    assert record.over
    assert record.answer.outcome == "sent"


def test_a_key_is_kept_for_a_day():
    """Then it is as if it had never been."""
    ledger = Ledger(10)
    sent_before(ledger, "sent")

    assert isinstance(ledger.begin(claim(), 1.0 + KEPT_S), Replay)
    assert ledger.begin(claim(), 1.1 + KEPT_S) == Begun()


def test_a_message_without_a_key_is_kept_for_an_hour():
    """By its id alone."""
    ledger = Ledger(10)
    first = claim(key=None)
    ledger.begin(first, 0.0)
    ledger.end(first.id, done(first.id, "sent"), 0.0)

    assert ledger.find(first.id, "app", UNKEYED_S).answer.outcome == "sent"
    assert ledger.find(first.id, "app", UNKEYED_S + 1) is None


def test_messages_without_a_key_are_bounded():
    """The oldest goes; no key is touched by it."""
    ledger = Ledger(10)
    ids = []
    for _ in range(UNKEYED_MAX + 1):
        one = claim(key=None)
        ids.append(one.id)
        ledger.begin(one, 0.0)
        ledger.end(one.id, done(one.id, "sent"), 0.0)

    assert ledger.find(ids[0], "app", 0.0) is None
    assert ledger.find(ids[1], "app", 0.0) is not None


def test_when_full_the_oldest_finished_key_goes():
    """And is counted, so that an operator sees that the ledger is too small."""
    ledger = Ledger(4)
    for number in range(4):
        one = claim(key=str(number), owner=f"app{number % 2}")
        ledger.begin(one, 0.0)
        ledger.end(one.id, done(one.id, "sent"), float(number))

    assert ledger.begin(claim(key="new", owner="third"), 5.0) == Begun()
    assert (ledger.keys, ledger.forgotten) == (4, 1)
    assert ledger.begin(claim(key="0", owner="app0"), 5.0) == Begun()


def test_what_has_grown_old_was_not_forgotten_too_early():
    """Only what had to go before its day was over is counted: an operator raises the bound then."""
    ledger = Ledger(4)
    sent_before(ledger, "sent")
    assert ledger.begin(claim(key="new"), 2.0 + KEPT_S) == Begun()
    assert (ledger.keys, ledger.forgotten) == (1, 0)


def test_news_of_a_message_that_is_forgotten():
    """Nobody can ask for it any more; that is no error."""
    ledger = Ledger(4)
    ledger.settle(uuid4(), "mailgun", Sent("late"), 1.0)
    assert ledger.keys == 0


def test_a_day_begins_with_the_answer():
    """Not with the question: a call may have settled for long."""
    ledger = Ledger(4)
    first = claim()
    ledger.begin(first, 0.0)
    ledger.end(first.id, done(first.id, "sent"), 500.0)
    assert isinstance(ledger.begin(claim(), 500.0 + KEPT_S), Replay)


def test_a_call_that_settles_at_one_provider_is_not_over_at_another():
    """Two may go on for one message; and each tells once."""
    ledger = Ledger(4)
    first = claim()
    ledger.begin(first, 0.0)
    unknown = Unknown(Reason.TIMEOUT)
    attempts = tuple(Attempt(name, unknown, 2.0) for name in ("mailgun", "sendgrid"))
    both = Route(("mailgun", "sendgrid"), ())
    going_on = frozenset(both.names)
    ledger.end(first.id, Dispatched(first.id, "unknown", attempts, both, None, going_on), 4.0)

    ledger.settle(first.id, "mailgun", NotSent(Reason.THROTTLED, Blame.THROTTLE), 5.0)
    half = ledger.find(first.id, "app", 5.0)
    assert (half.over, half.answer.outcome) == (False, "unknown")
    ledger.settle(first.id, "sendgrid", Sent("late"), 6.0)
    whole = ledger.find(first.id, "app", 6.0)
    assert (whole.over, whole.answer.outcome) == (True, "sent")
    assert [one.provider for one in whole.answer.attempts] == ["mailgun", "sendgrid"]


def test_one_api_key_has_half_of_the_ledger():
    """It forgets its own oldest, and nobody else's."""
    ledger = Ledger(4)
    other = claim(key="theirs", owner="other")
    ledger.begin(other, 0.0)
    ledger.end(other.id, done(other.id, "sent"), 0.0)
    for number in range(3):
        one = claim(key=str(number))
        ledger.begin(one, 1.0)
        ledger.end(one.id, done(one.id, "sent"), 1.0)

    assert isinstance(ledger.begin(claim(key="theirs", owner="other"), 2.0), Replay)
    assert ledger.begin(claim(key="0"), 2.0) == Begun()


def test_what_is_not_over_is_never_forgotten():
    """With nothing else to forget, a new key is refused."""
    ledger = Ledger(2)
    running = claim(key="running")
    ledger.begin(running, 0.0)

    assert ledger.begin(claim(key="new"), KEPT_S * 9) == Full()
    assert ledger.begin(claim(key="running"), KEPT_S * 9) == InProgress()


def test_a_settling_message_is_never_forgotten():
    """However long that takes."""
    ledger = Ledger(2)
    first = sent_before(ledger, "unknown", unsettled=True)

    assert ledger.begin(claim(key="new"), KEPT_S * 9) == Full()
    assert ledger.find(first.id, "app", KEPT_S * 9) is not None


def test_a_key_that_holds_nothing_has_its_whole_share():
    """Whatever has been freed, forgotten or has grown old in between: it counts for nothing."""
    ledger = Ledger(4)
    for number in range(50):
        outcome = ("not_sent", "sent", "rejected")[number % 3]
        one = claim(key=str(number))
        assert ledger.begin(one, 0.0) == Begun()
        ledger.end(one.id, done(one.id, outcome), 0.0)
    ledger.begin(claim(key="later", owner="other"), 1.0 + KEPT_S)
    assert ledger.keys == 1

    assert [ledger.begin(claim(key=key), 1.0 + KEPT_S) for key in "ab"] == [Begun(), Begun()]
    assert ledger.begin(claim(key="c"), 1.0 + KEPT_S) == Full()


class LedgerModel(RuleBasedStateMachine):
    """Against a model that keeps everything: whatever the ledger says, it never lets one key
    send twice unless the first was proven not sent, or was forgotten on purpose; and it says
    ``Full`` only of a share that is all in use."""

    @initialize(keys_max=st.integers(2, 6))
    def start(self, keys_max: int) -> None:
        self.ledger = Ledger(keys_max)
        self.keys_max = keys_max
        self.now = 0.0
        self.running: dict[UUID, Claim] = {}
        self.settling: dict[UUID, Claim] = {}
        self.begun = 0

    @rule(
        key=st.sampled_from(["a", "b", "c", None]),
        owner=st.sampled_from(["one", "two"]),
        fingerprint=st.sampled_from([b"x", b"y"]),
    )
    def begin(self, key: str | None, owner: str, fingerprint: bytes) -> None:
        """A caller comes."""
        before = self.ledger.forgotten
        self.begun += 1
        new = Claim(UUID(int=self.begun), owner, fingerprint, key)
        answer = self.ledger.begin(new, self.now)
        held = [*self.running.values(), *self.settling.values()]
        taken = [one for one in held if (one.owner, one.key) == (owner, key)]
        if taken and key is not None:
            assert not isinstance(answer, Begun | Full)
        if isinstance(answer, Begun):
            self.running[new.id] = new
        if isinstance(answer, Full):
            assert key is not None
            assert self.ledger.forgotten == before
            in_use = [one for one in held if one.key is not None]
            mine = [one for one in in_use if one.owner == owner]
            assert len(in_use) >= self.keys_max or len(mine) >= max(1, self.keys_max // 2)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(RESULTS)), late=st.booleans())
    def end(self, data: st.DataObject, outcome: str, late: bool) -> None:
        """A message gets its answer, some of them with a call that goes on."""
        message = data.draw(st.sampled_from(sorted(self.running)))
        unsettled = late and outcome == "unknown"
        self.ledger.end(message, done(message, outcome, unsettled=unsettled), self.now)
        one = self.running.pop(message)
        if unsettled:
            self.settling[message] = one

    @precondition(lambda self: self.settling)
    @rule(data=st.data(), outcome=st.sampled_from([*sorted(RESULTS), None]))
    def settle(self, data: st.DataObject, outcome: str | None) -> None:
        """A late outcome comes."""
        message = data.draw(st.sampled_from(sorted(self.settling)))
        late = None if outcome is None else RESULTS[outcome]
        self.ledger.settle(message, "mailgun", late, self.now)
        del self.settling[message]

    @rule(seconds=st.sampled_from([1.0, 3700.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def what_is_not_over_is_known(self) -> None:
        """Nothing in progress or settling is ever lost."""
        for message, one in {**self.running, **self.settling}.items():
            assert self.ledger.find(message, one.owner, self.now) is not None

    @invariant()
    def the_keys_are_bounded(self) -> None:
        """Never more than was allowed."""
        assert self.ledger.keys <= self.keys_max


LedgerModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestLedger = LedgerModel.TestCase
