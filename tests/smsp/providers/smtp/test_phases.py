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
    Failure,
    NotSmtp,
    Phase,
    Reply,
    failed,
    goes_on,
    refusal,
    verdict,
)

EVERY_CODE = range(200, 600)
BEFORE_THE_DOT = [phase for phase in Phase if phase is not Phase.WRITTEN]
ANSWERED = [phase for phase in Phase if phase not in (Phase.CONNECTING, Phase.WRITING)]


def test_every_failure_in_every_phase_has_its_row():
    """The table of failures is complete, and has nothing beside."""
    assert set(FAILURES) == set(product(Phase, Failure))


def test_nothing_is_sent_before_the_dot():
    """Until the line with the dot is handed over, every failure is ``not_sent``."""
    for phase, failure in product(BEFORE_THE_DOT, Failure):
        assert isinstance(FAILURES[phase, failure], NotSent)


def test_after_the_dot_nobody_knows():
    """From then on every failure is ``unknown``, and the server's fault."""
    for failure in Failure:
        outcome = FAILURES[Phase.WRITTEN, failure]
        assert isinstance(outcome, Unknown)
        assert outcome.blame is Blame.PROVIDER


UNREACHED = NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)
LOST = NotSent(Reason.CONNECTION_LOST, Blame.PROVIDER)
SILENT = NotSent(Reason.TIMEOUT, Blame.PROVIDER)
UNREACHABLE = NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)
NONSENSE = NotSent(Reason.BAD_ANSWER, Blame.PROVIDER)

TRUTH = {
    #                   broken, timed out, nonsense
    Phase.CONNECTING: (UNREACHABLE, UNREACHED, NONSENSE),
    Phase.GREETING: (UNREACHABLE, UNREACHED, NONSENSE),
    Phase.SECURING: (NotSent(Reason.TLS_FAILED, Blame.PROVIDER), UNREACHED, NONSENSE),
    Phase.HELLO: (LOST, SILENT, NONSENSE),
    Phase.AUTH: (LOST, SILENT, NONSENSE),
    Phase.SENDER: (LOST, SILENT, NONSENSE),
    Phase.RECIPIENT: (LOST, SILENT, NONSENSE),
    Phase.DATA: (LOST, SILENT, NONSENSE),
    Phase.WRITING: (
        NotSent(Reason.WRITE_FAILED, Blame.PROVIDER),
        NotSent(Reason.WRITE_TIMEOUT, Blame.PROVIDER),
        NONSENSE,
    ),
    Phase.WRITTEN: (
        Unknown(Reason.CONNECTION_LOST, Blame.PROVIDER),
        Unknown(Reason.TIMEOUT, Blame.PROVIDER),
        Unknown(Reason.BAD_ANSWER, Blame.PROVIDER),
    ),
}


@pytest.mark.parametrize("phase", TRUTH, ids=lambda phase: phase.name)
def test_what_each_failure_proves(phase):
    """The phase decides, the failure only names the reason."""
    kinds = (Failure.BROKEN, Failure.TIMED_OUT, Failure.NONSENSE)
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
        (Phase.GREETING, (Reason.UNAVAILABLE, "provider"), (Reason.FORBIDDEN, "provider")),
        (Phase.SECURING, (Reason.TLS_FAILED, "provider"), (Reason.TLS_FAILED, "provider")),
        (Phase.HELLO, (Reason.UNAVAILABLE, "provider"), (Reason.FORBIDDEN, "provider")),
        (Phase.AUTH, (Reason.UNAVAILABLE, "provider"), (Reason.UNAUTHORISED, "account")),
        (Phase.SENDER, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
        (Phase.RECIPIENT, (Reason.UNAVAILABLE, "nobody"), (Reason.BAD_RECIPIENT, None)),
        (Phase.DATA, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
        (Phase.WRITTEN, (Reason.UNAVAILABLE, "provider"), (Reason.REFUSED_4XX, "nobody")),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_codes_that_no_document_tells_of(phase, fours, fives):
    """Their first digit decides; who is to blame: nobody, where it may be about the message."""
    for code, (reason, blame) in ((499, fours), (599, fives)):
        found = refusal(phase, Reply(code, "words"))
        assert found.reason is reason
        assert isinstance(found, Rejected) == (blame is None)
        assert blame is None or found.blame.value == blame
        assert found.detail == f"{code} words"


@pytest.mark.parametrize(
    ("phase", "codes"),
    [
        (Phase.GREETING, {220}),
        (Phase.SECURING, {220}),
        (Phase.HELLO, {250}),
        (Phase.AUTH, {235}),
        (Phase.SENDER, {250}),
        (Phase.RECIPIENT, {250, 251}),
        (Phase.DATA, {354}),
        (Phase.WRITTEN, {250}),
    ],
)
def test_a_dialogue_goes_on_by_the_expected_answer_alone(phase, codes):
    """Any other code ends it, a related one included."""
    assert {code for code in EVERY_CODE if goes_on(phase, Reply(code))} == codes


@given(st.sampled_from(ANSWERED), st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_no_refusal_is_ever_sent(phase, code, text):
    """Whatever a server says beside what is expected, it has taken nothing by it."""
    assert not isinstance(refusal(phase, Reply(code, text)), Sent)


@given(st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_only_250_is_sent(code, text):
    """After the dot 4yz and 5yz exclude acceptance; what is neither leaves it open."""
    outcome = verdict(Reply(code, text))
    assert isinstance(outcome, Sent) == (code == 250)
    assert isinstance(outcome, Unknown) == (code < 400 and code != 250)


@given(st.sampled_from(BEFORE_THE_DOT), st.sampled_from(EVERY_CODE), st.text(max_size=60))
def test_before_the_dot_every_answer_leaves_certainty(phase, code, text):
    """It is ``not_sent`` or ``rejected``, never ``unknown``."""
    assert not isinstance(refusal(phase, Reply(code, text)), Unknown)


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        # the server, or our account with it
        (Phase.GREETING, "421 4.3.2 Service not available", ("unavailable", Blame.PROVIDER)),
        (Phase.GREETING, "554 No SMTP service here", ("forbidden", Blame.PROVIDER)),
        (Phase.SECURING, "454 TLS not available", ("tls_failed", Blame.PROVIDER)),
        (Phase.HELLO, "502 Command not implemented", ("forbidden", Blame.PROVIDER)),
        (Phase.AUTH, "535 5.7.8 Credentials invalid", ("unauthorised", Blame.ACCOUNT)),
        (Phase.AUTH, "530 5.7.0 Must issue STARTTLS", ("unauthorised", Blame.ACCOUNT)),
        (Phase.AUTH, "432 4.7.12 Transition needed", ("unauthorised", Blame.ACCOUNT)),
        (Phase.AUTH, "454 4.7.0 Temporary failure", ("unavailable", Blame.PROVIDER)),
        (Phase.SENDER, "530 Authentication required", ("unauthorised", Blame.ACCOUNT)),
        (Phase.SENDER, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (Phase.DATA, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (Phase.WRITTEN, "451 Local error", ("unavailable", Blame.PROVIDER)),
        (Phase.WRITTEN, "452 Insufficient storage", ("unavailable", Blame.PROVIDER)),
        # a pause
        (
            Phase.SENDER,
            "454 Throttling failure: Maximum sending rate exceeded",
            ("throttled", Blame.THROTTLE),
        ),
        (Phase.GREETING, "421 4.7.0 Too many connections", ("throttled", Blame.THROTTLE)),
        # our sender there
        (Phase.SENDER, "550 5.7.1 Not your address", ("sender_not_allowed", Blame.NOBODY)),
        (Phase.SENDER, "553 5.7.1 Not owned by user", ("sender_not_allowed", Blame.NOBODY)),
        (Phase.SENDER, "450 4.1.8 Domain not found", ("unavailable", Blame.NOBODY)),
        (Phase.RECIPIENT, "554 5.7.1 Relay access denied", ("sender_not_allowed", Blame.NOBODY)),
        (
            Phase.WRITTEN,
            "554 Message rejected: Email address is not verified.",
            ("sender_not_allowed", Blame.NOBODY),
        ),
        (
            Phase.WRITTEN,
            "554 Message rejected: Sending suspended for this account.",
            ("suspended", Blame.ACCOUNT),
        ),
        (Phase.WRITTEN, "554 Access denied: User is not …", ("forbidden", Blame.PROVIDER)),
        # this message, for now or here
        (Phase.RECIPIENT, "450 4.2.0 Greylisted", ("unavailable", Blame.NOBODY)),
        (Phase.RECIPIENT, "452 4.5.3 Too many recipients", ("too_many_recipients", Blame.NOBODY)),
        (Phase.RECIPIENT, "552 Too many recipients", ("too_many_recipients", Blame.NOBODY)),
        (Phase.WRITTEN, "451 4.7.1 Greylisted", ("unavailable", Blame.NOBODY)),
        # what is refused for good and not understood: another provider may
        (Phase.SENDER, "501 Syntax", ("refused_4xx", Blame.NOBODY)),
        (Phase.DATA, "503 Bad sequence", ("refused_4xx", Blame.NOBODY)),
        (Phase.WRITTEN, "550 5.7.1 Not here", ("refused_4xx", Blame.NOBODY)),
        # no answer to what was asked
        (Phase.DATA, "250 Ok", ("bad_answer", Blame.PROVIDER)),
        (Phase.SENDER, "354 Go on", ("bad_answer", Blame.PROVIDER)),
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
        (Phase.SENDER, "552 5.3.4 Message too big", Reason.TOO_LARGE),
        (Phase.RECIPIENT, "550 5.1.1 No such user", Reason.BAD_RECIPIENT),
        (Phase.RECIPIENT, "554 5.7.1 Blocked", Reason.BAD_RECIPIENT),
        (Phase.RECIPIENT, "552 5.2.2 Mailbox full", Reason.BAD_RECIPIENT),
        (Phase.WRITTEN, "552 5.3.4 Message too big", Reason.TOO_LARGE),
        (Phase.WRITTEN, "554 5.6.0 Content refused", Reason.MESSAGE_REFUSED),
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
TRANSACTION = (Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.WRITTEN)
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
    (Phase.GREETING, "554 throttled", FORBIDDEN),
    (Phase.WRITTEN, "550 rate limit", NOT_UNDERSTOOD),
    # about to leave, whatever it was asked
    *((phase, "421 bye", BUSY) for phase in ANSWERED),
    (Phase.RECIPIENT, "422 full", LATER),
    # who we are
    *((phase, "530 no", NO_LOGIN) for phase in (*TRANSACTION, Phase.AUTH)),
    (Phase.HELLO, "530 no", FORBIDDEN),
    (Phase.AUTH, "432 new password", NO_LOGIN),
    (Phase.SENDER, "432 new password", BUSY),
    # whom we say to be
    (Phase.SENDER, "451 4.1.8 no such domain", LATER),
    (Phase.SENDER, "451 4.10.8 odd", BUSY),
    (Phase.SENDER, "451 is 4.1.8", BUSY),
    (Phase.DATA, "451 4.1.8 no such domain", BUSY),
    (Phase.SENDER, "550 no", NOT_OURS),
    (Phase.SENDER, "553 no", NOT_OURS),
    (Phase.SENDER, "551 no", NOT_UNDERSTOOD),
    *((phase, "550 Relaying denied", NOT_OURS) for phase in TRANSACTION),
    *((phase, "554 no RELAY", NOT_OURS) for phase in TRANSACTION),
    (Phase.RECIPIENT, "551 relay", BAD_RECIPIENT),
    (Phase.RECIPIENT, "554 norelay", BAD_RECIPIENT),
    # how large it is
    *((phase, "552 no", TOO_LARGE) for phase in (Phase.SENDER, Phase.DATA, Phase.WRITTEN)),
    (Phase.RECIPIENT, "552 mailbox full", BAD_RECIPIENT),
    # for how many
    (Phase.RECIPIENT, "452 4.5.3 no", TOO_MANY),
    (Phase.RECIPIENT, "452 too many recipients", TOO_MANY),
    (Phase.RECIPIENT, "552 5.5.3 no", TOO_MANY),
    (Phase.RECIPIENT, "452 4.2.2 full", LATER),
    (Phase.RECIPIENT, "452 see 4.5.3", LATER),
    (Phase.RECIPIENT, "451 4.5.3 no", LATER),
    # what is in it
    (Phase.WRITTEN, "451 4.6.0 no", LATER),
    (Phase.WRITTEN, "450 4.7.0 no", LATER),
    (Phase.WRITTEN, "451 4.3.0 no", BUSY),
    (Phase.WRITTEN, "451 is 4.7.0", BUSY),
    (Phase.DATA, "451 4.7.1 no", BUSY),
    *((phase, "554 address is not verified", NOT_OURS) for phase in (Phase.DATA, Phase.WRITTEN)),
    *((phase, "554 suspended for now", SUSPENDED) for phase in (Phase.DATA, Phase.WRITTEN)),
    *((phase, "554 paused for now", SUSPENDED) for phase in (Phase.DATA, Phase.WRITTEN)),
    *((phase, "554 Access denied", FORBIDDEN) for phase in (Phase.DATA, Phase.WRITTEN)),
    (Phase.WRITTEN, "554 no", REFUSED),
    (Phase.WRITTEN, "553 no", NOT_UNDERSTOOD),
    (Phase.DATA, "554 no", NOT_UNDERSTOOD),
    (Phase.SENDER, "554 not verified", NOT_UNDERSTOOD),
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
    found = refusal(phase, Reply(code, "words"))
    assert found.reason is Reason.BAD_ANSWER
    assert isinstance(found, Unknown) == (phase is Phase.WRITTEN)


@pytest.mark.parametrize(
    ("reply", "shown"),
    [(Reply(550), "550"), (Reply(550, "no\nmore"), "550 no more"), (Reply(550, " "), "550")],
)
def test_an_answer_as_it_is_shown(reply, shown):
    """All its lines in one."""
    assert refusal(Phase.RECIPIENT, reply).detail == shown
    assert str(reply) == f"550 {reply.text}".rstrip()


def test_a_refusal_says_whom_it_is_about():
    """A refused recipient is named to the caller."""
    outcome = refusal(Phase.RECIPIENT, read("550 No such user"), about="bob@example.org")
    assert outcome == Rejected(Reason.BAD_RECIPIENT, "bob@example.org: 550 No such user")


def test_no_secret_comes_back_in_a_servers_words():
    """A server that repeats what it was told is not repeated."""
    outcome = refusal(Phase.AUTH, read("535 hunter2 is wrong"), ["hunter2"])
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
    assert verdict(Reply(250, text)) == Sent(message_id, NOBODY_REFUSED)


def read(line: str) -> Reply:
    """An answer as it is on the wire."""
    return Reply(int(line[:3]), line[4:])
