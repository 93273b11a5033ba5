"""How a provider is probed: what each mode asks, what is passed over, what is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.probes import ProbedByMessage, Probing, dummy, poll, steps_of
from smsp.providers.protocols import Capabilities, HttpCall, ProbeCall
from tests.kit.mails import mailbox, send
from tests.smsp.providers.adapters.test_adapters import ADAPTERS

POLL = mailbox("poll@example.com")
FORBIDDEN = NotSent(Reason.FORBIDDEN, Blame.PROVIDER)
UNAUTHORISED = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
STATUS, SENDING = (
    ProbeCall(HttpCall("GET", "https://x.example/"), lambda reply: Sent(), sends=sends)
    for sends in (False, True)
)
every_kind = pytest.mark.parametrize("kind", ADAPTERS)


@dataclass
class Asked:
    """Answers each step in turn, and counts what was asked and told."""

    outcomes: tuple[Outcome, ...] = ()
    told: list[Reason] = field(default_factory=list)
    steps: list[ProbeCall] = field(default_factory=list)

    async def ask(self, step: ProbeCall) -> Outcome:
        self.steps.append(step)
        return self.outcomes[len(self.steps) - 1]

    async def probe(self, probing: Probing, *outcomes: Outcome) -> Outcome:
        """A probe of a status call and a message, to which these are the answers."""
        self.outcomes, self.steps = outcomes, []
        return await probing.run((STATUS, SENDING), self.ask)


@pytest.fixture
def asked() -> Asked:
    """Nothing yet."""
    return Asked()


@pytest.fixture
def probing(asked) -> Probing:
    """Of a provider that nothing is known of."""
    return Probing(asked.told.append)


# -- what is asked


@every_kind
def test_auto_is_what_the_kind_does_best(kind):
    """The adapter's own steps, as they are."""
    steps, own = steps_of(ADAPTERS[kind], "auto", POLL), ADAPTERS[kind].probe(POLL)
    assert [step.call for step in steps] == [step.call for step in own]


@every_kind
def test_a_message_is_the_poll_as_real_mail_goes(kind):
    """From the poll address to itself, by the same call and read in the same way as any mail."""
    adapter = ADAPTERS[kind]
    (step,) = steps_of(adapter, "message", POLL)
    assert step.sends
    assert step.call == adapter.encode(dummy(POLL, adapter.capabilities))
    assert step.decode == adapter.decode


def test_the_poll_has_html_only_where_it_must():
    """Some provider takes no mail without."""
    assert dummy(POLL, Capabilities()) == poll(POLL)
    assert dummy(POLL, Capabilities(needs_html=True)).mail.html == "poll"


@every_kind
def test_a_status_asks_and_sends_nothing(kind):
    """The steps that send nothing, in their order; there may be none."""
    adapter = ADAPTERS[kind]
    asked = [step.call for step in steps_of(adapter, "status", POLL)]
    assert asked == [step.call for step in adapter.probe(POLL) if not step.sends]


def test_some_kinds_have_no_status_call():
    """SendGrid, for one; Mailgun has one."""
    assert steps_of(ADAPTERS["sendgrid"], "status", POLL) == ()
    assert len(steps_of(ADAPTERS["mailgun"], "status", POLL)) == 1


# -- what is passed over


@pytest.mark.parametrize("refusal", [FORBIDDEN, UNAUTHORISED])
async def test_a_key_may_be_for_sending_only(probing, asked, refusal):
    """A status call that it may not make is passed over; this is told the first time."""
    for _ in range(3):
        assert await asked.probe(probing, refusal, Sent("m-1")) == Sent("m-1")
    assert asked.told == [refusal.reason]


async def test_nothing_else_is_passed_over(probing, asked):
    """A status call that says anything but yes or not-allowed ends the probe."""
    suspended = NotSent(Reason.SUSPENDED, Blame.ACCOUNT)
    assert await asked.probe(probing, suspended) == suspended
    assert await asked.probe(probing, Unknown(Reason.TIMEOUT)) == Unknown(Reason.TIMEOUT)
    assert asked.told == []


async def test_after_a_fault_of_the_account_nothing_is_passed_over(probing, asked):
    """The refusal may be that very fault, and a dummy message might not meet it."""
    probing.learn(NotSent(Reason.NO_CREDITS, Blame.ACCOUNT))
    assert await asked.probe(probing, FORBIDDEN) == FORBIDDEN
    assert await asked.probe(probing, FORBIDDEN) == FORBIDDEN
    assert asked.told == []


@pytest.mark.parametrize(
    "meanwhile",
    [Unknown(Reason.TIMEOUT), NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)],
)
async def test_other_failures_do_not_end_the_doubt(probing, asked, meanwhile):
    """They say nothing of the account."""
    probing.learn(UNAUTHORISED)
    probing.learn(meanwhile)
    assert await asked.probe(probing, FORBIDDEN) == FORBIDDEN


@pytest.mark.parametrize("passed", [Sent(), Rejected(Reason.BAD_RECIPIENT)])
async def test_a_message_that_passes_ends_the_doubt(probing, asked, passed):
    """The provider has read it in the name of our account."""
    probing.learn(UNAUTHORISED)
    probing.learn(passed)
    assert await asked.probe(probing, FORBIDDEN, Sent()) == Sent()


async def test_a_probe_that_passes_ends_the_doubt(probing, asked):
    """Its status call was answered."""
    probing.learn(UNAUTHORISED)
    assert await asked.probe(probing, Sent(), Sent()) == Sent()
    assert await asked.probe(probing, FORBIDDEN, Sent()) == Sent()


async def test_a_probe_that_fails_leaves_the_doubt(probing, asked):
    """Nothing has been shown."""
    probing.learn(UNAUTHORISED)
    assert await asked.probe(probing, Sent(), UNAUTHORISED) == UNAUTHORISED
    assert await asked.probe(probing, FORBIDDEN) == FORBIDDEN


# -- any provider, by a message


async def test_any_provider_can_be_probed_by_a_message(autojump_clock):
    """On the way of real mail; the mail itself goes through untouched."""

    @dataclass
    class Wire:
        """A provider of whatever kind."""

        seen: list[object] = field(default_factory=list)

        async def send(self, message, progress):
            self.seen.append(message)
            progress.commit()
            return Sent("m-1")

        async def probe(self):
            raise AssertionError("not asked")

    class Watching:
        """Is told that the message is written."""

        commits = 0

        def commit(self):
            self.commits += 1

    wire, watching = Wire(), Watching()
    probed = ProbedByMessage(wire, poll(POLL))
    assert await probed.probe() == Sent("m-1")
    assert await probed.send(send(), watching) == Sent("m-1")
    assert wire.seen == [poll(POLL), send()]
    assert watching.commits == 1
