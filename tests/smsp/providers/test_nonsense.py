"""Answers that a provider does not document: read without a fault, and never taken for *sent*.

What each provider documents as its acceptance is written down here once more, apart from the
adapters and more strictly, so that a reading of theirs that is too generous is seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import Sent
from smsp.providers.protocols import HttpReply
from tests.kit.replies import any_reply, nearly, with_one_member_changed
from tests.smsp.providers.adapters.test_adapters import ADAPTERS, CASES, POLL, reply_of

every_kind = pytest.mark.parametrize("kind", ADAPTERS)


def spelt(value: object) -> bool:
    """Whether this is a text that says something."""
    return isinstance(value, str) and bool(value.strip())


def first(value: Any) -> Any:
    """The first of a list; of anything else nothing."""
    return value[0] if isinstance(value, list) and value else {}


def at(value: Any, *names: str) -> Any:
    """What a path of names leads to in JSON, if it leads anywhere."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def scaleway_takes(body: Any) -> bool:
    """There is an entry for each recipient; the first that is under way has an id."""
    emails = at(body, "emails")
    entries = emails if isinstance(emails, list) else []
    under_way = [each for each in entries if at(each, "status") not in ("failed", "canceled")]
    return spelt(at(first(under_way), "id"))


def postmark_takes(body: Any) -> bool:
    """No error is told, and an id is."""
    code = at(body, "ErrorCode")
    return spelt(at(body, "MessageID")) and (code is None or (type(code) is int and code == 0))


def postal_takes(body: Any) -> bool:
    """There is a message for at least one recipient."""
    messages = at(body, "data", "messages")
    return at(body, "status") == "success" and isinstance(messages, dict) and bool(messages)


def sparkpost_takes(body: Any) -> bool:
    """At least one recipient is counted."""
    accepted = at(body, "results", "total_accepted_recipients")
    return type(accepted) is int and accepted > 0


ACCEPTED_BY_BODY: Mapping[str, tuple[int, Callable[[Any], bool]]] = {
    "mailgun": (200, lambda body: str(at(body, "message")).startswith("Queued")),
    "brevo": (201, lambda body: spelt(at(body, "messageId"))),
    "mailjet": (200, lambda body: at(first(at(body, "Messages")), "Status") == "success"),
    "mailtrap": (
        200,
        lambda body: at(body, "success") is True and spelt(first(at(body, "message_ids"))),
    ),
    "postal": (200, postal_takes),
    "postmark": (200, postmark_takes),
    "resend": (200, lambda body: spelt(at(body, "id"))),
    "scaleway": (200, scaleway_takes),
    "ses": (200, lambda body: spelt(at(body, "MessageId"))),
    "sparkpost": (200, sparkpost_takes),
}
"""A status, and what the whole body must say under it."""


def documented(kind: str, reply: HttpReply) -> bool:
    """Whether this is how the provider says that it has taken a message.

    SendGrid documents 202 alone, MailerSend 202 with an id in a header: their bodies are empty.
    """
    if kind == "sendgrid":
        return reply.status == 202
    if kind == "mailersend":
        return reply.status == 202 and spelt(reply.headers.get("x-message-id"))
    status, says = ACCEPTED_BY_BODY[kind]
    body = json_of(reply)
    if kind == "brevo" and reply.status == 400:  # It has the message already, by our own key.
        return reply.complete and at(body, "code") == "duplicate_parameter"
    return reply.status == status and reply.complete and says(body)


def json_of(reply: HttpReply) -> Any:
    """The body as JSON, if it is any."""
    try:
        return json.loads(reply.body)
    except ValueError:
        return None


def goldens(kind: str) -> list[HttpReply]:
    """The answers of all golden cases, those that mean *sent* first."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(CASES.glob(f"{kind}/*.json"))]
    answered = [case for case in found if "reply" in case]
    answered.sort(key=lambda case: case["outcome"]["outcome"] != "sent")
    return [reply_of(case["reply"]) for case in answered]


def any_or_nearly(kind: str) -> st.SearchStrategy[HttpReply]:
    """Nonsense, and what might be taken for sense."""
    found = goldens(kind)
    return nearly(found[:3]) | nearly(found) | any_reply()


@every_kind
@given(data=st.data())
def test_only_the_documented_answer_is_sent(kind: str, data: st.DataObject):
    """Whatever else comes has an outcome, too, and not this one."""
    reply = data.draw(any_or_nearly(kind))
    outcome = ADAPTERS[kind].decode(reply)
    assert not isinstance(outcome, Sent) or documented(kind, reply)


@every_kind
def test_an_acceptance_with_one_value_changed(kind: str):
    """Each value in turn by each odd one: it is read, and taken for what it is."""
    adapter = ADAPTERS[kind]
    for golden in goldens(kind):
        for body in with_one_member_changed(golden.body):
            reply = replace(golden, body=body)
            outcome = adapter.decode(reply)
            assert not isinstance(outcome, Sent) or documented(kind, reply), reply


@every_kind
def test_the_documented_answer_is_sent(kind: str):
    """The table above says of some golden answer that it is one, and the adapter agrees."""
    taken = [reply for reply in goldens(kind) if documented(kind, reply)]
    assert any(isinstance(ADAPTERS[kind].decode(reply), Sent) for reply in taken)


@every_kind
@given(data=st.data())
def test_no_answer_breaks_a_step_of_a_probe(kind: str, data: st.DataObject):
    """Each step reads the answers of every other one, and what is nearly one of them."""
    reply = data.draw(any_or_nearly(kind))
    for step in ADAPTERS[kind].probe(POLL):
        outcome = step.decode(reply)
        assert not (step.sends and isinstance(outcome, Sent)) or reply.status in (200, 201, 202)
