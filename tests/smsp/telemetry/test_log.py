"""What is told to operators: an event for each notice, and nothing that must not be told."""

from __future__ import annotations

import re
from io import BytesIO
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import (
    Answered,
    CallFailed,
    Cause,
    Crashed,
    Moved,
    Probed,
    Refusal,
    Refused,
    Replied,
    Settled,
    Transition,
    Unanswered,
)
from smsp.mail import Attachment, Submission
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    Blame,
    NotSent,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from smsp.telemetry.log import (
    DOUBTS_KEPT,
    RECIPIENTS_LOGGED,
    Telemetry,
    described,
    make_log,
    mask,
)
from smsp.telemetry.log_lines import LINE_BYTES_MAX, LineFormat
from tests.kit.mails import SEND_ID, mailbox, send
from tests.kit.web import FakeLog

FORMATS = ("JSON_ONELINE", "JSON_PRETTY", "DEBUG")
SENT = Answered(Sent("m-1"))
TIMED_OUT = Unanswered(Cause.TIMEOUT, committed=True)
CANARY = "canary7d3f"


def message(**fields):
    """The message of :func:`send`, with the key of a request."""
    plain = send(**fields)
    return Submission(plain.id, plain.mail, "request-1", "shop")


def replied(reply, message_id=SEND_ID, circuit="mailgun"):
    """A question that got this reply."""
    return Replied(
        circuit, Submission(message_id, message().mail, "request-1", "shop"), reply, 0.12345
    )


def settled(reply, message_id=SEND_ID, circuit="mailgun"):
    """A call that ended so when nobody waited any more."""
    return Settled(
        circuit, Submission(message_id, message().mail, "request-1", "shop"), reply, 20.0
    )


def told(*notices, **options):
    """The events of these notices, as (event, fields)."""
    log = FakeLog()
    telemetry = Telemetry(log, **options)
    for notice in notices:
        telemetry.observe(notice)
    return log.events


def words_of(events):
    """The events' names."""
    return [event for event, _ in events]


def raised(text):
    """An error that was really raised, so that it has a traceback."""
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


# -- an event for each notice


@pytest.mark.parametrize(
    ("reply", "outcome", "reason", "level"),
    [
        (SENT, "sent", "accepted", "info"),
        (Answered(Rejected(Reason.BAD_CONTENT)), "rejected", "bad_content", "info"),
        (
            Answered(NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER)),
            "not_sent",
            "connect_failed",
            "warning",
        ),
        (TIMED_OUT, "unknown", "timeout", "warning"),
        (Refused(Refusal.OPEN), "refused", "open", "info"),
    ],
)
def test_reply(reply, outcome, reason, level):
    """A reply is an event of its outcome's name, tied to its request and its message."""
    ids = {"messageid": "m-1"} if reply is SENT else {}
    assert told(replied(reply)) == [
        (
            f"email.{outcome}",
            {
                "level": level,
                "requestkey": "request-1",
                "id": str(SEND_ID),
                "key": "shop",
                "provider": "mailgun",
                "outcome": outcome,
                "reason": reason,
                "seconds": 0.123,
                "recipients": ["b***@example.org"],
                **ids,
            },
        )
    ]


@pytest.mark.parametrize(
    ("reply", "event", "outcome", "reason", "level"),
    [
        (SENT, "email.settled", "sent", "accepted", "info"),
        (
            Answered(NotSent(Reason.THROTTLED, Blame.THROTTLE)),
            "email.settled",
            "not_sent",
            "throttled",
            "info",
        ),
        (TIMED_OUT, "email.unsettled", "unknown", "timeout", "warning"),
    ],
)
def test_settlement(reply, event, outcome, reason, level):
    """How a call ended that nobody waited for, or that nobody will ever know."""
    ((word, fields),) = told(settled(reply))
    assert (word, fields["outcome"], fields["reason"]) == (event, outcome, reason)
    assert (fields["level"], fields["seconds"]) == (level, 20.0)
    assert (fields["requestkey"], fields["id"]) == ("request-1", str(SEND_ID))
    assert (fields["key"], fields.get("messageid")) == ("shop", "m-1" if reply is SENT else None)


@pytest.mark.parametrize("unfit", [None, "", " ", "m\n1", "m" * 201])
@pytest.mark.parametrize("notice", [replied, settled])
def test_a_message_without_an_id_of_its_provider(notice, unfit):
    """What is none, or unfit to be one, is not told: an adapter from elsewhere may say anything."""
    ((_, fields),) = told(notice(Answered(Sent(unfit))))
    assert "messageid" not in fields


@pytest.mark.parametrize(
    ("source", "target", "event", "level"),
    [
        ("open", "closed", "circuit.closed", "info"),
        ("closed", "open", "circuit.opened", "warning"),
        ("closed", "held_open", "circuit.held", "warning"),
        ("open", "held_closed", "circuit.held", "warning"),
        ("open", "quarantined", "circuit.quarantined", "error"),
    ],
)
def test_move(source, target, event, level):
    """A circuit that moves is told with where from, where to and why."""
    moved = Moved("mailgun", Transition(1.0, source, target, "why"), None)
    fields = {"level": level, "provider": "mailgun", "state": target, "was": source}
    assert told(moved) == [(event, fields | {"reason": "why"})]


@pytest.mark.parametrize(("passed", "event"), [(True, "probe.passed"), (False, "probe.failed")])
def test_probe(passed, event):
    """A probe is told with how it ended."""
    ((word, fields),) = told(Probed("mailgun", passed, "not_sent", "connect_failed", 1.98765))
    assert word == event
    assert fields["outcome"] == "not_sent"
    assert (fields["reason"], fields["seconds"]) == ("connect_failed", 1.988)


@pytest.mark.parametrize("reason", ["sender_not_allowed", "refused_4xx", "invalid_request"])
def test_a_dummy_message_that_is_not_taken(reason):
    """It keeps a circuit open whatever the provider's health: told once, and again only after a
    probe has passed in between."""
    refused = Probed("mailgun", False, "not_sent", reason, 0.1)
    passed = Probed("mailgun", True, "sent", "accepted", 0.1)
    events = told(refused, refused, passed, refused)
    fields = {"level": "warning", "provider": "mailgun", "reason": reason}
    assert [one for one in events if one[0] == "probe.message_refused"] == [
        ("probe.message_refused", fields)
    ] * 2
    assert [word for word, _ in events].count("probe.failed") == 3


def test_a_dummy_message_is_told_of_by_provider():
    """Two providers have two of them."""
    events = told(*(Probed(name, False, "not_sent", "refused_4xx", 0.1) for name in "ab"))
    words = [(word, fields["provider"]) for word, fields in events]
    assert words.count(("probe.message_refused", "a")) == 1
    assert words.count(("probe.message_refused", "b")) == 1


def test_a_status_call_that_our_key_may_not_make():
    """A probe that is less than it could be is told."""
    log = FakeLog()
    Telemetry(log).status_forbidden("mailgun", Reason.FORBIDDEN)
    fields = {"level": "warning", "provider": "mailgun", "reason": "forbidden"}
    assert log.events == [("probe.status_forbidden", fields)]


@pytest.mark.parametrize(
    ("notice", "event"),
    [
        (CallFailed("mailgun", raised("boom")), "adapter.failed"),
        (Crashed("mailgun", raised("boom"), 3, quarantined=False), "actor.restarted"),
        (Crashed("mailgun", raised("boom"), 6, quarantined=True), "actor.quarantined"),
    ],
)
def test_bug(notice, event):
    """A bug is an error, told by its class and its place, never in its own words."""
    ((word, fields),) = told(notice)
    assert (word, fields["level"], fields["error"]) == (event, "error", "RuntimeError")
    assert fields["where"][-1].endswith("in raised")
    assert "boom" not in repr(fields)


def test_bug_in_a_group():
    """Of a group of errors the first is told, however deep."""
    group = ExceptionGroup("boom", [ExceptionGroup("boom", [raised("boom")]), ValueError("boom")])
    assert described(group)["error"] == "RuntimeError"
    assert "boom" not in repr(described(group))


def test_bug_without_a_place():
    """An error that was never raised has no place."""
    assert described(ValueError("boom")) == {"error": "ValueError", "where": []}


# -- a message that was sent twice


@pytest.mark.parametrize(
    "notices",
    [
        (replied(TIMED_OUT), replied(SENT, circuit="sendgrid"), settled(SENT)),
        (replied(TIMED_OUT), settled(SENT), replied(SENT, circuit="sendgrid")),
        (
            replied(TIMED_OUT),
            replied(TIMED_OUT, circuit="sendgrid"),
            settled(SENT),
            settled(SENT, circuit="sendgrid"),
        ),
    ],
    ids=["late settlement", "late reply", "two settlements"],
)
def test_duplicated(notices):
    """A second "sent" beside a first is an error, whichever of the calls was the later."""
    events = told(*notices)
    assert words_of(events)[-2:].count("email.duplicated") == 1
    assert words_of(events).count("email.duplicated") == 1
    (fields,) = [fields for event, fields in events if event == "email.duplicated"]
    assert (fields["level"], fields["id"]) == ("error", str(SEND_ID))
    assert fields["provider"] == notices[-1].circuit


@pytest.mark.parametrize(
    "notices",
    [
        (replied(SENT), replied(SENT, UUID(int=7))),
        (replied(TIMED_OUT), settled(SENT)),
        (replied(TIMED_OUT), settled(TIMED_OUT), replied(SENT, circuit="sendgrid")),
        (replied(Answered(NotSent(Reason.POOL_WAIT, Blame.NOBODY))), replied(SENT)),
    ],
)
def test_not_duplicated(notices):
    """One "sent" is none too many."""
    assert "email.duplicated" not in words_of(told(*notices))


def test_doubts_are_bounded():
    """The oldest doubt is forgotten, and nothing worse happens than that it is not told."""
    telemetry = Telemetry(FakeLog())
    telemetry.observe(replied(TIMED_OUT))
    for _ in range(DOUBTS_KEPT):
        telemetry.observe(replied(TIMED_OUT, uuid4()))
    telemetry.observe(settled(SENT))
    telemetry.observe(replied(SENT, circuit="sendgrid"))
    assert telemetry.log.told("email.duplicated") == []


# -- addresses


@pytest.mark.parametrize("notice", [replied, settled])
def test_recipients_who_were_refused(notice):
    """A warning beside the outcome, whenever it comes: masked, and without the provider's words."""
    refused = tuple(
        RefusedRecipient(f"to{number}@example.org", Reason.SUPPRESSED, CANARY)
        for number in range(RECIPIENTS_LOGGED + 1)
    )
    some = Answered(Sent("m-1", RefusedRecipients(refused, 2, Reason.BAD_RECIPIENT)))
    (_, (event, fields)) = told(notice(some))
    assert event == "email.partly_refused"
    assert fields.pop("seconds") in (0.123, 20.0)
    assert fields == {
        "level": "warning",
        "requestkey": "request-1",
        "id": str(SEND_ID),
        "key": "shop",
        "messageid": "m-1",
        "provider": "mailgun",
        "recipients": ["t***@example.org"] * RECIPIENTS_LOGGED,
        "refused": RECIPIENTS_LOGGED + 3,
        "reasons": ["suppressed", "bad_recipient"],
    }


@pytest.mark.parametrize("refused", [None, NOBODY_REFUSED])
def test_nobody_was_refused(refused):
    """Nothing is said where there is nothing to say, or nothing known."""
    sent = Answered(Sent("m-1", refused))
    assert words_of(told(replied(sent), settled(sent))) == ["email.sent", "email.settled"]


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("alice@example.com", "a***@example.com"),
        ("a@example.com", "a***@example.com"),
        ("ünal@bücher.example", "ü***@xn--bcher-kva.example"),
    ],
)
def test_mask(address, masked):
    """Enough to recognise an address that one knows, and no more."""
    assert mask(mailbox(address, "Alice Example")) == masked


def test_whole_addresses():
    """Told to, the log has recipients whole, still without their names."""
    ((_, fields),) = told(
        Replied("mailgun", message(to=(mailbox("bob@example.org", "Bob"),)), SENT, 0.1),
        whole_addresses=True,
    )
    assert fields["recipients"] == ["bob@example.org"]


def test_many_recipients():
    """A message to a thousand people does not make a line of a thousand addresses."""
    crowd = tuple(mailbox(f"p{number}@example.org") for number in range(1000))
    ((_, fields),) = told(Replied("mailgun", message(to=crowd), SENT, 0.1))
    assert fields["recipients"] == ["p***@example.org"] * RECIPIENTS_LOGGED


# -- lines


def lines_of(output_format, *, debug=False, node="node-1"):
    """A log into memory, and what is written there."""
    out = BytesIO()
    return make_log(output_format, debug=debug, node=node, out=out), out


def test_one_line():
    """An event is one line of JSON, with its time, its level and the node it happened on."""
    log, out = lines_of("JSON_ONELINE")
    telemetry = Telemetry(log)
    telemetry.observe(replied(SENT))
    telemetry.observe(replied(TIMED_OUT))
    first, second = map(orjson.loads, out.getvalue().splitlines())
    assert (first["event"], first["level"], first["node"]) == ("email.sent", "info", "node-1")
    assert (second["event"], second["level"]) == ("email.unknown", "warning")
    assert first["time"].endswith("Z")
    assert (second["reason"], second["outcome"]) == ("timeout", "unknown")


def test_pretty():
    """The same, spread over lines for people."""
    log, out = lines_of("JSON_PRETTY")
    Telemetry(log).observe(replied(SENT))
    assert orjson.loads(out.getvalue())["event"] == "email.sent"
    assert len(out.getvalue().splitlines()) > 5


def test_debug_format():
    """For reading in a terminal: the event and its fields, without colours where there are none."""
    log, out = lines_of("DEBUG")
    Telemetry(log).observe(replied(SENT))
    (line,) = out.getvalue().decode().splitlines()
    assert "email.sent" in line
    assert "provider=mailgun" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("output_format", FORMATS)
def test_debug_level(output_format, debug):
    """Events of level debug are written only when asked for."""
    log, out = lines_of(output_format, debug=debug)
    log.debug("request.seen")
    assert bool(out.getvalue()) == debug


# -- values that cannot be a line


class Unspeakable:
    """A value with a bug."""

    def __str__(self):
        raise RuntimeError(CANARY)

    __repr__ = __str__


def endless():
    """A value that contains itself."""
    inner = []
    inner.append(inner)
    return inner


UNRENDERABLE = {
    "a lone surrogate": "\ud800",
    "bytes that were no text": "\udcff",
    "a name with one": {"\ud800": 1},
    "a name that is no text": {b"x": 1},
    "a number too large": 2**64,
    "a value with a bug": Unspeakable(),
    "a value in itself": endless(),
}


def only_line(out, output_format):
    """The fields of the one event, or its text in the format for people."""
    if output_format == "DEBUG":
        (line,) = out.getvalue().decode().splitlines()
        return dict(re.findall(r"(\w+)=(\S+)", line)) | {"event": line.split("]")[1].split()[0]}
    return {name: str(value) for name, value in orjson.loads(out.getvalue()).items()}


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("value", UNRENDERABLE.values(), ids=UNRENDERABLE)
def test_a_value_that_cannot_be_rendered(value, output_format):
    """It is no fault of whoever logs it: its line is replaced by one that says so, and that is
    tied to its request."""
    log, out = lines_of(output_format)
    log.error("request.failed", requestkey="request-1", provider="mailgun", error=value)
    told = only_line(out, output_format)
    assert (told["event"], told["reason"], told["count"]) == ("log.dropped", "unrenderable", "1")
    assert told["message"] == "request.failed"
    assert (told["requestkey"], told["provider"]) == ("request-1", "mailgun")
    assert CANARY not in out.getvalue().decode()


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_line_that_would_be_too_long(output_format):
    """Likewise, whatever is long in it, its request's key included."""
    log, out = lines_of(output_format)
    log.info("request.handled", id="1", requestkey="k" * LINE_BYTES_MAX)
    told = only_line(out, output_format)
    assert (told["event"], told["reason"], told["id"]) == ("log.dropped", "too_long", "1")
    assert len(out.getvalue()) < 1000


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_host_whose_name_is_no_text(output_format):
    """Its lines have a name that can be written."""
    log, out = lines_of(output_format, node="node-\udcff")
    log.info("server.started")
    assert only_line(out, output_format)["event"] == "server.started"
    assert "node-" in out.getvalue().decode()


def test_lines_that_were_replaced_are_counted():
    """As are those that could not be written."""
    line = LineFormat("JSON_ONELINE", "node-1", colours=False)
    assert b"unrenderable" in line(None, "info", {"event": "server.started", "url": "\ud800"})
    assert b"server.started" in line(None, "info", {"event": "server.started", "url": "x"})
    assert line.lost == 1


# -- what must not be told

secret = st.just(CANARY)
secretive_outcomes = st.one_of(
    st.builds(Sent, st.none() | st.just("m-1")),
    st.builds(Rejected, st.sampled_from(Reason), secret),
    st.builds(NotSent, st.sampled_from(Reason), st.sampled_from(Blame), st.none(), secret),
    st.builds(Unknown, st.sampled_from(Reason), st.just(Blame.PROVIDER), st.none(), secret),
)
secretive_sends = st.just(
    message(
        sender=mailbox("app@example.com", CANARY),
        to=(mailbox(f"b{CANARY}@example.org", CANARY),),
        subject=CANARY,
        text=CANARY,
        html=CANARY,
        headers={"X-Note": CANARY},
        attachments=(Attachment(CANARY, CANARY, CANARY.encode()),),
        tags=(CANARY,),
        metadata={CANARY: CANARY},
    )
)
answered = st.builds(Answered, secretive_outcomes)
unanswered = st.builds(Unanswered, st.sampled_from(Cause), st.booleans())
refused = st.builds(Refused, st.sampled_from(Refusal))
bugs = st.sampled_from(
    [
        raised(CANARY),
        KeyError(CANARY),
        ExceptionGroup(CANARY, [raised(CANARY)]),
    ]
)
secretive_notices = st.one_of(
    st.builds(
        Replied,
        st.just("mailgun"),
        secretive_sends,
        answered | unanswered | refused,
        st.floats(0, 9),
    ),
    st.builds(Settled, st.just("mailgun"), secretive_sends, answered | unanswered, st.floats(0, 9)),
    st.builds(CallFailed, st.just("mailgun"), bugs),
    st.builds(Crashed, st.just("mailgun"), bugs, st.integers(0, 9), st.booleans()),
)


@given(st.lists(secretive_notices, max_size=5), st.sampled_from(FORMATS))
def test_nothing_secret_is_told(notices, output_format):
    """No body, subject, name, key, text of an error or provider's own word is ever written."""
    log, out = lines_of(output_format, debug=True)
    telemetry = Telemetry(log)
    for notice in notices:
        telemetry.observe(notice)
    assert bool(out.getvalue()) == bool(notices)
    assert CANARY not in out.getvalue().decode()
