"""Every line of the log has the shape that ``smsp/telemetry/log.schema.json`` promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

import smsp
from actors import (
    Answered,
    CallFailed,
    Cause,
    Crashed,
    Moved,
    Notice,
    Probed,
    Refusal,
    Refused,
    Replied,
    Settled,
    State,
    Transition,
    Unanswered,
)
from smsp.mail import Submission
from smsp.mail.outcome import (
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from smsp.telemetry.log import Telemetry, make_log
from smsp.telemetry.log_lines import LineFormat
from tests.kit.mails import SEND_ID, send
from tests.kit.web import Client, FakeDispatcher, fake_services

SCHEMA = json.loads(
    (Path(smsp.__file__).parent / "telemetry" / "log.schema.json").read_text("utf-8")
)
LINE = Draft202012Validator(SCHEMA)
BUG = RuntimeError("a secret and a recipient")


def notices() -> Iterator[Notice[Submission, Outcome]]:
    """One of every kind, and of every reason where that matters."""
    for reason in Reason:
        yield Replied("mailgun", send(), Answered(NotSent(reason, Blame.PROVIDER)), 0.1)
    carol = RefusedRecipient("carol@example.org", Reason.SUPPRESSED, "hard_bounced")
    to_some = (Sent("id", RefusedRecipients((carol,), 1)), Sent("id", RefusedRecipients((), 2)))
    for outcome in (Sent("id"), *to_some, Rejected(Reason.BAD_CONTENT), Unknown(Reason.TIMEOUT)):
        yield Replied("mailgun", send(), Answered(outcome), 0.1)
        yield Settled("mailgun", send(), Answered(outcome), 3.0)
    for refusal in Refusal:
        yield Replied("mailgun", send(), Refused(refusal), 0.0)
    for cause in Cause:
        yield Replied("mailgun", send(), Unanswered(cause, committed=False), 0.1)
        yield Settled("mailgun", send(), Unanswered(cause, committed=True), 30.0)
    for state in State:
        yield Moved("mailgun", Transition(1.0, "closed", state.shown, "timeout"), 2.0)
    for passed in (True, False):
        for reason in (Reason.CONNECT_FAILED, Reason.SENDER_NOT_ALLOWED):
            yield Probed("mailgun", passed, "not_sent", reason, 0.1)
    for quarantined in (True, False):
        yield Crashed("mailgun", BUG, 3, quarantined)
    yield CallFailed("mailgun", BUG)


def lines_of(out: BytesIO) -> list[dict[str, object]]:
    """What was written, line by line."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_schema_is_one() -> None:
    """It is valid itself, and refuses what it does not know."""
    Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(ValidationError):
        LINE.validate({"event": "email.lost"})


def test_every_line_of_a_message_names_the_key_that_sent_it() -> None:
    """And only a line of one that was sent may have the provider's id."""
    always = {"time": "2026-01-02T12:00:00Z", "level": "info", "node": "node-1", "seconds": 1}
    line = {**always, "requestkey": "r-1", "id": str(SEND_ID), "key": "shop", "provider": "mailgun"}
    LINE.validate({**line, "event": "email.settled", "messageid": "m-1"})
    for event in ("email.settled", "email.unsettled", "email.duplicated"):
        LINE.validate({**line, "event": event})
        without = {name: value for name, value in line.items() if name != "key"}
        with pytest.raises(ValidationError):
            LINE.validate({**without, "event": event})
    with pytest.raises(ValidationError):
        LINE.validate({**line, "event": "email.unsettled", "messageid": "m-1"})


def test_the_schema_knows_every_event() -> None:
    """Each that the product names, and no other; an outcome's own event is made of its word."""
    product = Path(smsp.__file__).parent
    source = "".join(path.read_text("utf-8") for path in product.rglob("*.py"))
    known = set(SCHEMA["properties"]["event"]["enum"])
    kinds = {event.partition(".")[0] for event in known}
    named = set(re.findall(rf'"((?:{"|".join(kinds)})\.[a-z_]+)"', source))
    of_outcomes = {f"email.{one}" for one in ("sent", "rejected", "not_sent", "unknown", "refused")}
    assert named | of_outcomes == known


def test_every_notice_is_a_line_of_that_shape() -> None:
    """Whatever a circuit reports."""
    out = BytesIO()
    telemetry = Telemetry(make_log("JSON_ONELINE", debug=True, node="node-1", out=out))

    reported = list(notices())
    for notice in reported:
        telemetry.observe(notice)

    assert len(lines_of(out)) >= len(reported)
    for line in lines_of(out):
        LINE.validate(line)


def test_what_was_dropped_is_a_line_of_that_shape() -> None:
    """For want of room, of a file, or of a way to render it."""
    out = BytesIO()
    log = make_log("JSON_ONELINE", debug=True, node="node-1", out=out)
    log.info("server.started", requestkey="request-1", url="\ud800")
    out.write(LineFormat("JSON_ONELINE", "node-1", colours=False).gap(7))

    replaced, gap = lines_of(out)

    assert (replaced["event"], replaced["count"]) == ("log.dropped", 1)
    assert (gap["event"], gap["count"], gap["level"]) == ("log.dropped", 7, "warning")
    for line in (replaced, gap):
        LINE.validate(line)


async def test_every_request_is_a_line_of_that_shape() -> None:
    """Answered, refused and failed ones; they share their key with the lines of the attempt."""

    async def breaks(_send: Submission) -> object:
        raise BUG

    out = BytesIO()
    log = make_log("JSON_ONELINE", debug=True, node="node-1", out=out)
    client = Client(fake_services(log=log, dispatcher=FakeDispatcher(breaks)))
    for path, key in (("/providers", None), ("/livez", None), ("/nowhere", "wrong")):
        await client.ask(path, key=key)
    await client.ask("/email", "POST", json={"fromaddress": "a@b.c", "toaddress": "d@e.f"})

    lines = lines_of(out)

    assert {line["event"] for line in lines} == {
        "request.handled",
        "request.unauthorised",
        "request.failed",
    }
    for line in lines:
        LINE.validate(line)
