"""The examples of the OpenAPI document. They are true: a test makes SMSP give every one.

An error's example is named by its code, but for the second one of a code.
"""

from __future__ import annotations

from smsp.web.openapi.parts import JsonObject
from smsp.web.replies import ErrorCode

ID = "6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11"


def messages() -> JsonObject:
    """Bodies of ``POST /email``."""
    return {
        "plain": {
            "fromaddress": "Shop <shop@example.com>",
            "toaddress": "alice@example.org",
            "subject": "Your order",
            "plaintextbody": "It is on its way.",
        },
        "rich": {
            "fromaddress": "Shop <shop@example.com>",
            "toaddress": ["Alice <alice@example.org>", "bob@example.net"],
            "bccaddress": "archive@example.com",
            "replytoaddress": "Help <help@example.com>",
            "subject": "Your order",
            "plaintextbody": "It is on its way.",
            "htmlbody": '<p>It is on its way.</p><img src="cid:logo" alt="">',
            "headers": {"X-Order": "1234"},
            "attachments": [
                {
                    "filename": "logo.gif",
                    "contenttype": "image/gif",
                    "content": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
                    "contentid": "logo",
                }
            ],
            "tags": ["receipt"],
            "metadata": {"order": "1234"},
        },
    }


def sent() -> JsonObject:
    """Answers of ``POST /email`` with status 200."""
    took_it = _attempt("mailgun", "sent", "accepted")
    return {
        "sent": _sent("mailgun", [took_it]),
        "sent_by_the_next": _sent(
            "sendgrid",
            [
                _attempt("mailgun", "not_sent", "connect_failed"),
                _attempt("sendgrid", "sent", "accepted"),
            ],
        ),
        "sent_to_all": _sent(
            "postmark",
            [_attempt("postmark", "sent", "accepted")],
            messageid="b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
            refusedrecipients=[],
        ),
        "sent_to_some": _sent(
            "mailersend",
            [_attempt("mailersend", "sent", "accepted")],
            messageid="5e42957d51f1d94a1070a733",
            refusedrecipients=[
                {"address": "bob@example.net", "reason": "suppressed", "detail": "hard_bounced"}
            ],
        ),
        "sent_to_some_unnamed": _sent(
            "sparkpost",
            [_attempt("sparkpost", "sent", "accepted")],
            messageid="11668787484950529",
            refusedrecipientscount=1,
        ),
        "dry_run": {
            "valid": True,
            "route": ["mailgun"],
            "skipped": [{"provider": "sendgrid", "reason": "too_many_recipients"}],
        },
    }


def bad_request() -> JsonObject:
    """What is refused before it is read as a message."""
    deadline = "SMSP-Deadline must be a number of seconds from 0.05 to 300."
    return (
        error(
            "invalid_json",
            "The body is not JSON: unexpected character, expected a JSON value (line 1)",
        )
        | error("invalid_deadline", deadline, field="SMSP-Deadline")
        | error(
            "invalid_idempotency_key",
            "Idempotency-Key must be 1 to 256 printable ASCII characters, once.",
            field="Idempotency-Key",
        )
        | key_in_url()
    )


def key_in_url() -> JsonObject:
    """A URL that told a key to every proxy on the way, or asks for more than any route knows."""
    message = "A key belongs in the header X-API-KEY, never in the URL. Replace this key."
    too_many = "A URL has at most 32 parameters."
    return error("key_in_url", message) | error("bad_request", too_many)


def forbidden() -> JsonObject:
    """A key that does not allow what is asked for."""
    return error("forbidden", "This key does not have the scope send.")


def forbidden_from() -> JsonObject:
    """A key that may not send for this sender."""
    message = "This key may not send from the domain of fromaddress."
    return error("forbidden_from", message, field="fromaddress")


def too_many_requests() -> JsonObject:
    """A key that is used too often."""
    message = "This key has sent too many messages in too short a time."
    return error("too_many_requests", message)


def too_many_wrong_keys() -> JsonObject:
    """Somebody who tries keys."""
    (refusal,) = error(
        "too_many_requests", "Too many wrong keys have come from this address."
    ).values()
    return {"too_many_wrong_keys": refusal}


def not_now() -> JsonObject:
    """A message that this node did not read."""
    return error("busy", "Too many messages are being read. Try again soon.") | error(
        "draining", "This node is stopping. The message was not sent."
    )


def invalid_message() -> JsonObject:
    """A message that no provider was asked to take."""
    fault = {"field": "toaddress", "message": "is required"}
    return error("invalid_message", "toaddress: is required", field="toaddress", faults=[fault])


def mismatch() -> JsonObject:
    """A key that was used for another message."""
    message = "This Idempotency-Key was used for another message."
    return error("idempotency_mismatch", message, field="Idempotency-Key")


def rejected() -> JsonObject:
    """A message that a provider refused."""
    detail = "to parameter is not a valid address. please check documentation"
    attempt = _attempt("mailgun", "rejected", "bad_recipient") | {"detail": detail}
    return _undelivered("rejected", "rejected", "The message was refused.", attempt)


def not_sent() -> JsonObject:
    """A message that is proven not to be sent."""
    message = "The message was not sent. It is safe to try again."
    attempt = _attempt("mailgun", "not_sent", "connect_timeout")
    return _undelivered("not_sent", "not_sent", message, attempt)


def no_provider() -> JsonObject:
    """A message that no provider was called for."""
    message = "No provider can take mail now. The message was not sent."
    attempt = _attempt("mailgun", "refused", "open") | {"seconds": 0.0}
    return _undelivered("no_provider", "not_sent", message, attempt)


def unknown() -> JsonObject:
    """A message that may or may not have been sent."""
    message = "The message may or may not have been sent. Trying again may send it twice."
    return _undelivered("unknown", "unknown", message, _attempt("mailgun", "unknown", "timeout"))


def error(code: ErrorCode, message: str, **more: object) -> JsonObject:
    """One error, under its code."""
    return {code: {"message": message, "code": code, **more}}


def _undelivered(code: ErrorCode, outcome: str, message: str, attempt: JsonObject) -> JsonObject:
    return error(code, message, id=ID, outcome=outcome, attempts=[attempt])


def _sent(provider: str, attempts: list[JsonObject], **more: object) -> JsonObject:
    return {
        "id": ID,
        "outcome": "sent",
        "attempts": attempts,
        "provider": provider,
        "messageid": "<20260102120000.1.3F2A@mg.example.com>",
        "refusedrecipients": None,
        **more,
    }


def _attempt(provider: str, outcome: str, reason: str) -> JsonObject:
    return {"provider": provider, "outcome": outcome, "reason": reason, "seconds": 0.25}
