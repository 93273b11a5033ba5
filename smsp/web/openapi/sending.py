"""What the OpenAPI document says of ``POST /email``."""

from __future__ import annotations

from smsp.keys import Scope
from smsp.web.openapi import examples
from smsp.web.openapi.examples import error
from smsp.web.openapi.parts import (
    JsonObject,
    about,
    answer,
    keys,
    named,
    ref,
    request_keys,
    to_key_holders,
)

SEND = """
Hands one message to one provider and says what became of it.

| outcome | status | what it means | may you send it again? |
|---|---|---|---|
| `sent` | 200 | a provider has taken the message | no need |
| `rejected` | 422 | the message was read and refused | not unchanged |
| `not_sent` | 503 | proven: no provider has taken it | yes, after `Retry-After` seconds |
| `unknown` | 504 | a provider may or may not have taken it | only with its `Idempotency-Key` |

A provider may take a message for some of its recipients only. The outcome is `sent`, and
`refusedrecipients` names those who will not get it.

SMSP keeps no queue: once it has answered, it will not try again. The key, the size and the
content type are checked before the body is read.
"""

RECORD = """
Only for the key that sent it, by the node that sent it. A call that was too slow for its caller
goes on for a while; what it turns out to be replaces `unknown` here. Messages with an
`Idempotency-Key` are known for a day, others for an hour at most.
"""


def send_email() -> JsonObject:
    """``POST /email``."""
    own = [ref("parameters", name) for name in ("DryRun", "Deadline", "IdempotencyKey")]
    content = {"schema": ref("schemas", "EmailMessage"), "examples": named(examples.messages())}
    return {
        **about("sendEmail", "mail", "Send one message", SEND),
        "parameters": own + request_keys(),
        "requestBody": {"required": True, "content": {"application/json": content}},
        "security": keys(Scope.SEND),
        "responses": to_key_holders(_refusals() | _outcomes()),
    }


def show_email() -> JsonObject:
    """``GET /email/{id}``."""
    answers: JsonObject = {
        "200": answer("What is known of it.", "EmailRecord"),
        "404": answer(
            "This node knows no such message of this key's.",
            "Error",
            examples=error("not_found", "There is no such message."),
        ),
    }
    return {
        **about("showEmail", "mail", "How a message ended", RECORD),
        "parameters": [ref("parameters", "MessageId"), *request_keys()],
        "security": keys(Scope.SEND),
        "responses": to_key_holders(answers),
    }


def _outcomes() -> JsonObject:
    return {
        "200": answer(
            "`sent`: a provider has taken the message, for all recipients or for some: see "
            "`refusedrecipients`. To a dry run: the message is valid.",
            "SentMessage",
            "DryRun",
            examples=examples.sent(),
            headers=("Idempotency-Replayed",),
        ),
        "409": answer(
            "The same message with this `Idempotency-Key` is being sent at this moment.",
            "Error",
            examples=error("in_progress", "The message with this Idempotency-Key is being sent."),
            headers=("Retry-After",),
        ),
        "422": answer(
            "`rejected`: the message was refused. Or the body is JSON, but no message; or its "
            "`Idempotency-Key` was used for another one. It was not sent, and will not be unless "
            "it is changed.",
            "Undelivered",
            "InvalidMessage",
            "Error",
            examples=examples.rejected() | examples.invalid_message() | examples.mismatch(),
            headers=("Idempotency-Replayed",),
        ),
        "503": answer(
            "`not_sent`: proven, no provider has taken the message. Try again after "
            "`Retry-After` seconds.",
            "Undelivered",
            "Error",
            examples=examples.not_sent() | examples.no_provider() | examples.not_now(),
            headers=("Retry-After",),
        ),
        "504": answer(
            "`unknown`: a provider may or may not have taken the message. "
            "Sending it again may deliver it twice.",
            "Undelivered",
            examples=examples.unknown(),
            headers=("Idempotency-Replayed",),
        ),
    }


def _refusals() -> JsonObject:
    return {
        "400": answer(
            "The body is not JSON, a header is out of range, or a key is in the URL.",
            "Error",
            examples=examples.bad_request(),
        ),
        "403": answer(
            "The key is known, but does not allow this, or not from this sender.",
            "Error",
            examples=examples.forbidden() | examples.forbidden_from(),
        ),
        "408": answer(
            "The body took too long to come.",
            "Error",
            examples=error("body_timeout", "The body took too long to come."),
        ),
        "413": answer(
            "The body is larger than this node allows.",
            "Error",
            examples=error("too_large", "The body is too large."),
        ),
        "415": answer(
            "The body is not declared as JSON.",
            "Error",
            examples=error("unsupported_media_type", "The content type must be application/json."),
        ),
        "429": answer(
            "This key is used too often: the message was not sent. Or too many wrong keys have "
            "come from this address; a right one is not held up.",
            "Error",
            examples=examples.too_many_requests() | examples.too_many_wrong_keys(),
            headers=("Retry-After",),
        ),
    }
