"""What answers and failures prove in each phase of an SMTP dialogue."""

from __future__ import annotations

import ssl
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import NOBODY_REFUSED, Blame, NotSent, Reason, Rejected, Sent, Unknown
from smsp.providers.smtp.phases import (
    FAILURES,
    NotSmtp,
    SmtpFailure,
    SmtpPhase,
    SmtpReply,
    failed,
    goes_on,
    refusal,
    verdict,
)

EVERY_CODE = range(200, 600)
BEFORE_THE_DOT = [phase for phase in SmtpPhase if phase is not SmtpPhase.WRITTEN]
ANSWERED = [phase for phase in SmtpPhase if phase not in (SmtpPhase.CONNECTING, SmtpPhase.WRITING)]


def test_every_failure_in_every_phase_has_its_row():
    """The table of failures is complete, and has nothing beside."""
    assert set(FAILURES) == set(product(SmtpPhase, SmtpFailure))


def test_nothing_is_sent_before_the_dot():
    """Until the line with the dot is handed over, every failure is ``not_sent``."""
    for phase, failure in product(BEFORE_THE_DOT, SmtpFailure):
        assert isinstance(FAILURES[phase, failure], NotSent)


def test_after_the_dot_nobody_knows():
    """From then on every failure is ``unknown``, and the server's fault."""
    for failure in SmtpFailure:
        outcome = FAILURES[SmtpPhase.WRITTEN, failure]
        assert isinstance(outcome, Unknown)
        assert outcome.blame is Blame.PROVIDER


UNREACHED = NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
LOST = NotSent(Reason.CONNECTION_LOST, Blame.PROVIDER)
SILENT = NotSent(Reason.TIMEOUT, Blame.PROVIDER)
UNREACHABLE = NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)
NONSENSE = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)

TRUTH = {
    #                   broken, timed out, nonsense
    SmtpPhase.CONNECTING: (UNREACHABLE, UNREACHED, NONSENSE),
    SmtpPhase.GREETING: (UNREACHABLE, UNREACHED, NONSENSE),
    SmtpPhase.SECURING: (NotSent(Reason.TLS_FAILED, Blame.PROVIDER), UNREACHED, NONSENSE),
    SmtpPhase.HELLO: (LOST, SILENT, NONSENSE),
    SmtpPhase.AUTH: (LOST, SILENT, NONSENSE),
    SmtpPhase.SENDER: (LOST, SILENT, NONSENSE),
    SmtpPhase.RECIPIENT: (LOST, SILENT, NONSENSE),
    SmtpPhase.DATA: (LOST, SILENT, NONSENSE),
    SmtpPhase.WRITING: (
        NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        NONSENSE,
    ),
    SmtpPhase.WRITTEN: (
        Unknown(Reason.CONNECTION_LOST, Blame.PROVIDER),
        Unknown(Reason.TIMEOUT, Blame.PROVIDER),
        Unknown(Reason.BAD_ANSWER, Blame.PROVIDER),
    ),
}


@pytest.mark.parametrize("phase", TRUTH, ids=lambda phase: phase.name)
def test_what_each_failure_proves(phase):
    """The phase decides, the failure only names the reason."""
    kinds = (SmtpFailure.BROKEN, SmtpFailure.TIMED_OUT, SmtpFailure.NONSENSE)
    assert tuple(FAILURES[phase, failure] for failure in kinds) == TRUTH[phase]


@pytest.mark.parametrize(
    ("error", "column"),
    [
        (ConnectionResetError(), 0),
        (BrokenPipeError(), 0),
        (ssl.SSLCertVerificationError(), 0),
        (OSError("no such host"), 0),
        (TimeoutError(), 1),
        (NotSmtp(), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_exception_is_taken_for(error, column):
    """In every phase: it broke, it took too long, or it is no SMTP."""
    for phase, row in TRUTH.items():
        assert failed(phase, error) == row[column]


@pytest.mark.parametrize(
    ("phase", "fours", "fives"),
    [
        (SmtpPhase.GREETING, (Reason.UNAVAILABLE, "provider"), (Reason.FORBIDDEN, "provider")),
        (SmtpPhase.SECURING, (Reason.TLS_FAILED, "provider"), (Reason.TLS_FAILED, "provider")),
        (SmtpPhase.HELLO, (Reason.UNAVAILABLE, "provider"), (Reason.FORBIDDEN, "provider")),
        (SmtpPhase.AUTH, (Reason.UNAVAILABLE, "provider"), (Reason.UNAUTHORISED, "account")),
        (SmtpPhase.SENDER, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
        (SmtpPhase.RECIPIENT, (Reason.UNAVAILABLE, "nobody"), (Reason.BAD_RECIPIENT, None)),
        (SmtpPhase.DATA, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
        (SmtpPhase.WRITTEN, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_codes_that_no_document_tells_of(phase, fours, fives):
    """Their first digit decides; who is to blame: nobody, where it may be about the message."""
    for code, (reason, blame) in ((499, fours), (599, fives)):
        found = refusal(phase, SmtpReply(code, "words"))
        assert found.reason is reason
        assert isinstance(found, Rejected) == (blame is None)
        assert blame is None or found.blame.value == blame
        assert found.detail == f"{code} words"


@pytest.mark.parametrize(
    ("phase", "codes"),
    [
        (SmtpPhase.GREETING, {220}),
        (SmtpPhase.SECURING, {220}),
        (SmtpPhase.HELLO, {250}),
        (SmtpPhase.AUTH, {235}),
        (SmtpPhase.SENDER, {250}),
        (SmtpPhase.RECIPIENT, {250, 251}),
        (SmtpPhase.DATA, {354}),
        (SmtpPhase.WRITTEN, {250}),
    ],
)
def test_a_dialogue_goes_on_by_the_expected_answer_alone(phase, codes):
    """Any other code ends it, a related one included."""
    assert {code for code in EVERY_CODE if goes_on(phase, SmtpReply(code))} == codes


@given(st.sampled_from(ANSWERED), st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_no_refusal_is_ever_sent(phase, code, text):
    """Whatever a server says beside what is expected, it has taken nothing by it."""
    assert not isinstance(refusal(phase, SmtpReply(code, text)), Sent)


@given(st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_only_250_is_sent(code, text):
    """After the dot 4yz and 5yz exclude acceptance; what is neither leaves it open."""
    outcome = verdict(SmtpReply(code, text))
    assert isinstance(outcome, Sent) == (code == 250)
    assert isinstance(outcome, Unknown) == (code < 400 and code != 250)


@given(st.sampled_from(BEFORE_THE_DOT), st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_before_the_dot_every_answer_leaves_certainty(phase, code, text):
    """It is ``not_sent`` or ``rejected``, never ``unknown``."""
    assert not isinstance(refusal(phase, SmtpReply(code, text)), Unknown)


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        # the server, or our account with it
        (SmtpPhase.GREETING, "421 4.3.2 Service not available", ("unavailable", Blame.PROVIDER)),
        (SmtpPhase.GREETING, "554 No SMTP service here", ("forbidden", Blame.PROVIDER)),
        (SmtpPhase.SECURING, "454 TLS not available", ("tls_failed", Blame.PROVIDER)),
        (SmtpPhase.HELLO, "502 Command not implemented", ("forbidden", Blame.PROVIDER)),
        (SmtpPhase.AUTH, "535 5.7.8 Credentials invalid", ("unauthorised", Blame.ACCOUNT)),
        (SmtpPhase.AUTH, "530 5.7.0 Must issue STARTTLS", ("unauthorised", Blame.ACCOUNT)),
        (SmtpPhase.AUTH, "432 4.7.12 Transition needed", ("unauthorised", Blame.ACCOUNT)),
        (SmtpPhase.AUTH, "454 4.7.0 Temporary failure", ("unavailable", Blame.PROVIDER)),
        (SmtpPhase.SENDER, "530 Authentication required", ("unauthorised", Blame.ACCOUNT)),
        (SmtpPhase.SENDER, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (SmtpPhase.DATA, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (SmtpPhase.WRITTEN, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (SmtpPhase.WRITTEN, "452 Insufficient storage", ("unavailable", Blame.PROVIDER)),
        # a pause
        (
            SmtpPhase.SENDER,
            "454 Throttling failure: Maximum sending rate exceeded",
            ("throttled", Blame.THROTTLE),
        ),
        (SmtpPhase.GREETING, "421 4.7.0 Too many connections", ("throttled", Blame.THROTTLE)),
        # our sender there
        (SmtpPhase.SENDER, "550 5.7.1 Not your address", ("sender_not_allowed", Blame.NOBODY)),
        (SmtpPhase.SENDER, "553 5.7.1 Not owned by user", ("sender_not_allowed", Blame.NOBODY)),
        (SmtpPhase.SENDER, "450 4.1.8 Domain not found", ("unavailable", Blame.NOBODY)),
        (
            SmtpPhase.RECIPIENT,
            "554 5.7.1 Relay access denied",
            ("sender_not_allowed", Blame.NOBODY),
        ),
        (
            SmtpPhase.WRITTEN,
            "554 Message rejected: Email address is not verified.",
            ("sender_not_allowed", Blame.NOBODY),
        ),
        (
            SmtpPhase.WRITTEN,
            "554 Message rejected: Sending suspended for this account.",
            ("suspended", Blame.ACCOUNT),
        ),
        (SmtpPhase.WRITTEN, "554 Access denied: User is not …", ("forbidden", Blame.PROVIDER)),
        # this message, for now or here
        (SmtpPhase.RECIPIENT, "450 4.2.0 Greylisted", ("unavailable", Blame.NOBODY)),
        (
            SmtpPhase.RECIPIENT,
            "452 4.5.3 Too many recipients",
            ("too_many_recipients", Blame.NOBODY),
        ),
        (SmtpPhase.RECIPIENT, "552 Too many recipients", ("too_many_recipients", Blame.NOBODY)),
        (SmtpPhase.WRITTEN, "451 4.7.1 Greylisted", ("unavailable", Blame.NOBODY)),
        # what is refused for good and not understood: another provider may
        (SmtpPhase.SENDER, "501 Syntax", ("refused_4xx", Blame.NOBODY)),
        (SmtpPhase.DATA, "503 Bad sequence", ("refused_4xx", Blame.NOBODY)),
        (SmtpPhase.WRITTEN, "550 5.7.1 Not here", ("refused_4xx", Blame.NOBODY)),
        # no answer to what was asked
        (SmtpPhase.DATA, "250 Ok", ("bad_answer", Blame.PROVIDER)),
        (SmtpPhase.SENDER, "354 Go on", ("bad_answer", Blame.PROVIDER)),
    ],
)
def test_what_is_not_sent_and_why(phase, reply, outcome):
    """Only the server's own faults count against it."""
    found = refusal(phase, read(reply))
    assert isinstance(found, NotSent)
    assert (found.reason, found.blame) == outcome


@pytest.mark.parametrize(
    ("phase", "reply", "reason"),
    [
        (SmtpPhase.SENDER, "552 5.3.4 Message too big", Reason.TOO_LARGE),
        (SmtpPhase.RECIPIENT, "550 5.1.1 No such user", Reason.BAD_RECIPIENT),
        (SmtpPhase.RECIPIENT, "554 5.7.1 Blocked", Reason.BAD_RECIPIENT),
        (SmtpPhase.RECIPIENT, "552 5.2.2 Mailbox full", Reason.BAD_RECIPIENT),
        (SmtpPhase.WRITTEN, "552 5.3.4 Message too big", Reason.TOO_LARGE),
        (SmtpPhase.WRITTEN, "554 5.6.0 Content refused", Reason.MESSAGE_REFUSED),
    ],
)
def test_what_is_rejected_and_why(phase, reply, reason):
    """The server has judged the message itself; the caller is told in its words."""
    assert refusal(phase, read(reply)) == Rejected(reason, reply)


THROTTLED = ("throttled", Blame.THROTTLE)
BUSY = ("unavailable", Blame.PROVIDER)
NO_LOGIN = ("unauthorised", Blame.ACCOUNT)
NOT_OURS = ("sender_not_allowed", Blame.NOBODY)
LATER = ("unavailable", Blame.NOBODY)
TOO_MANY = ("too_many_recipients", Blame.NOBODY)
NOT_UNDERSTOOD = ("refused_4xx", Blame.NOBODY)
FORBIDDEN = ("forbidden", Blame.PROVIDER)
SUSPENDED = ("suspended", Blame.ACCOUNT)
TOO_LARGE = ("too_large", None)
BAD_RECIPIENT = ("bad_recipient", None)
REFUSED = ("message_refused", None)
TRANSACTION = (SmtpPhase.SENDER, SmtpPhase.RECIPIENT, SmtpPhase.DATA, SmtpPhase.WRITTEN)
ANSWERS = [
    # pauses, in whichever words
    *(
        (phase, f"4{code} {words}", THROTTLED)
        for phase in ANSWERED
        for code, words in (
            ("54", "Throttling failure"),
            ("21", "4.7.0 Rate limit reached"),
            ("50", "4.7.1 RATE EXCEEDED"),
            ("21", "Too many connections"),
            ("52", "too many messages"),
            ("51", "too many emails per second"),
        )
    ),
    (SmtpPhase.GREETING, "554 throttled", FORBIDDEN),
    (SmtpPhase.WRITTEN, "550 rate limit", NOT_UNDERSTOOD),
    # about to leave, whatever it was asked
    *((phase, "421 bye", BUSY) for phase in ANSWERED),
    (SmtpPhase.RECIPIENT, "422 full", LATER),
    # who we are
    *((phase, "530 no", NO_LOGIN) for phase in (*TRANSACTION, SmtpPhase.AUTH)),
    (SmtpPhase.HELLO, "530 no", FORBIDDEN),
    (SmtpPhase.AUTH, "432 new password", NO_LOGIN),
    (SmtpPhase.SENDER, "432 new password", BUSY),
    # whom we say to be
    (SmtpPhase.SENDER, "451 4.1.8 no such domain", LATER),
    (SmtpPhase.SENDER, "451 4.10.8 odd", BUSY),
    (SmtpPhase.SENDER, "451 is 4.1.8", BUSY),
    (SmtpPhase.DATA, "451 4.1.8 no such domain", BUSY),
    (SmtpPhase.SENDER, "550 no", NOT_OURS),
    (SmtpPhase.SENDER, "553 no", NOT_OURS),
    (SmtpPhase.SENDER, "551 no", NOT_UNDERSTOOD),
    *((phase, "550 Relaying denied", NOT_OURS) for phase in TRANSACTION),
    *((phase, "554 no RELAY", NOT_OURS) for phase in TRANSACTION),
    (SmtpPhase.RECIPIENT, "551 relay", BAD_RECIPIENT),
    (SmtpPhase.RECIPIENT, "554 norelay", BAD_RECIPIENT),
    # how large it is
    *(
        (phase, "552 no", TOO_LARGE)
        for phase in (SmtpPhase.SENDER, SmtpPhase.DATA, SmtpPhase.WRITTEN)
    ),
    (SmtpPhase.RECIPIENT, "552 mailbox full", BAD_RECIPIENT),
    # for how many
    (SmtpPhase.RECIPIENT, "452 4.5.3 no", TOO_MANY),
    (SmtpPhase.RECIPIENT, "452 too many recipients", TOO_MANY),
    (SmtpPhase.RECIPIENT, "552 5.5.3 no", TOO_MANY),
    (SmtpPhase.RECIPIENT, "452 4.2.2 full", LATER),
    (SmtpPhase.RECIPIENT, "452 see 4.5.3", LATER),
    (SmtpPhase.RECIPIENT, "451 4.5.3 no", LATER),
    # what is in it
    (SmtpPhase.WRITTEN, "451 4.6.0 no", LATER),
    (SmtpPhase.WRITTEN, "450 4.7.0 no", LATER),
    (SmtpPhase.WRITTEN, "451 4.3.0 no", BUSY),
    (SmtpPhase.WRITTEN, "451 is 4.7.0", BUSY),
    (SmtpPhase.DATA, "451 4.7.1 no", BUSY),
    *(
        (phase, "554 address is not verified", NOT_OURS)
        for phase in (SmtpPhase.DATA, SmtpPhase.WRITTEN)
    ),
    *((phase, "554 suspended for now", SUSPENDED) for phase in (SmtpPhase.DATA, SmtpPhase.WRITTEN)),
    *((phase, "554 paused for now", SUSPENDED) for phase in (SmtpPhase.DATA, SmtpPhase.WRITTEN)),
    *((phase, "554 Access denied", FORBIDDEN) for phase in (SmtpPhase.DATA, SmtpPhase.WRITTEN)),
    (SmtpPhase.WRITTEN, "554 no", REFUSED),
    (SmtpPhase.WRITTEN, "553 no", NOT_UNDERSTOOD),
    (SmtpPhase.DATA, "554 no", NOT_UNDERSTOOD),
    (SmtpPhase.SENDER, "554 not verified", NOT_UNDERSTOOD),
]


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"), ANSWERS, ids=[f"{p.name}-{r}" for p, r, _ in ANSWERS]
)
def test_an_answer_in_its_phase(phase, reply, outcome):
    """The same words mean something else elsewhere, and a like code something else here."""
    found = refusal(phase, read(reply))
    assert (found.reason, getattr(found, "blame", None)) == outcome
    assert found.detail == reply


@pytest.mark.parametrize("phase", ANSWERED, ids=lambda phase: phase.name)
@pytest.mark.parametrize("code", [200, 214, 299, 300, 399])
def test_a_code_that_answers_nothing(phase, code):
    """It is nonsense: before the end nothing was sent, after it nobody knows."""
    found = refusal(phase, SmtpReply(code, "words"))
    assert found.reason is Reason.BAD_ANSWER
    assert isinstance(found, Unknown) == (phase is SmtpPhase.WRITTEN)


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (SmtpReply(550), "550"),
        (SmtpReply(550, "no\nmore"), "550 no more"),
        (SmtpReply(550, " "), "550"),
    ],
)
def test_an_answer_as_it_is_shown(reply, shown):
    """All its lines in one."""
    assert refusal(SmtpPhase.RECIPIENT, reply).detail == shown
    assert str(reply) == f"550 {reply.text}".rstrip()


def test_a_refusal_says_whom_it_is_about():
    """A refused recipient is named to the caller."""
    outcome = refusal(SmtpPhase.RECIPIENT, read("550 No such user"), about="bob@example.org")
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 No such user")


def test_no_secret_comes_back_in_a_servers_words():
    """A server that repeats what it was told is not repeated."""
    outcome = refusal(SmtpPhase.AUTH, read("535 hunter2 is wrong"), ["hunter2"])
    assert outcome == NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT, detail="535 [redacted] is wrong")


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ("2.0.0 Ok: queued as 4RkX1v0", "4RkX1v0"),
        ("OK id=1rXyzA-0003Ab-2f", "1rXyzA-0003Ab-2f"),
        ("Ok 0100018d-abc-000000", "0100018d-abc-000000"),
        ("OK 0100018d-abc-000000", "0100018d-abc-000000"),
        ("Ok two words", None),
        ("said Ok 0100018d", None),
        ("Ok id=", None),
        ("2.0.0 Ok: Queued As <4RkX1v0>", "4RkX1v0"),
        ("OK id=<1rXyzA@mail.example.com>", "1rXyzA@mail.example.com"),
        ("grid=1rXyzA", None),
        (f"queued as {'a' * 201}", None),
        (f"queued as {'a' * 200}", "a" * 200),
        ("2.0.0 Message accepted for delivery", None),
        ("", None),
    ],
)
def test_a_servers_name_for_a_message_is_found_in_its_text(text, message_id):
    """Where servers are known to put it; there is no rule."""
    assert verdict(SmtpReply(250, text)) == Sent(message_id, NOBODY_REFUSED)


def read(line: str) -> SmtpReply:
    """An answer as it is on the wire."""
    return SmtpReply(int(line[:3]), line[4:])
