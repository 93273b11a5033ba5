"""The named pieces of the OpenAPI document but for the shapes: headers, parameters, answers
that many routes can give, and how a key is shown."""

from __future__ import annotations

from smsp.mail.dispatched import RETRY_AFTER_S_MAX, RETRY_AFTER_S_MIN
from smsp.web.openapi.examples import error, forbidden, key_in_url, too_many_wrong_keys
from smsp.web.openapi.parts import JsonObject, answer
from smsp.web.send_options import DEADLINE_S_MAX, DEADLINE_S_MIN, KEY_CHARACTERS_MAX

REQUEST_KEY_CHARACTERS_MAX = 128
_VISIBLE_ASCII = "^[!-~]([ -~]*[!-~])?$"
"""HTTP drops the spaces around a header's value."""


def security_schemes() -> JsonObject:
    """Two ways of showing the same key."""
    return {
        "ApiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-KEY",
            "description": "The key as it is. Never put it into a URL.",
        },
        "Bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The same key in `Authorization: Bearer`. `X-API-KEY` goes first.",
        },
    }


def parameters() -> JsonObject:
    """What a request may say beside its body."""
    return {
        "RequestKey": _header(
            "RequestKey",
            "Your name for this request: it is in the answer and on every line of the log. "
            "Without one that is printable ASCII, without spaces, of at most "
            f"{REQUEST_KEY_CHARACTERS_MAX} characters, SMSP makes a UUID.",
            {"type": "string"},  # another one is no error
        ),
        "RequestId": _header(
            "X-Request-ID",
            "The same, for who calls it so. `RequestKey` goes first.",
            {"type": "string"},
        ),
        "Deadline": _header(
            "SMSP-Deadline",
            "Total time-out in seconds: the answer is there by then.",
            {"type": "number", "minimum": DEADLINE_S_MIN, "maximum": DEADLINE_S_MAX},
        ),
        "IdempotencyKey": _header(
            "Idempotency-Key",
            "Your name for this message, the same whenever you try it again. The same message "
            "with the same key is sent once: a repetition gets the first answer again, `unknown` "
            "included. After `not_sent` the key is free, so a repetition is a real try. Kept in "
            "memory, by this node, for a day.",
            {"type": "string", "pattern": _VISIBLE_ASCII, "maxLength": KEY_CHARACTERS_MAX},
        ),
        "DryRun": _query(
            "dryrun",
            "With `true` the message is checked and nothing is sent; the answer says which "
            "providers would be asked.",
            ["true", "false"],
        ),
        "Circuits": _query(
            "circuits",
            "With `any` a node is also unready while none of its circuits can take mail; no other "
            "word means anything.",
        ),
        **_in_paths(),
    }


def headers() -> JsonObject:
    """What an answer may say beside its body."""
    return {
        "RequestKey": {
            "description": "The request's `RequestKey` or `X-Request-ID`, else a new UUID.",
            "required": True,
            "schema": _request_key(),
        },
        "Retry-After": {
            "description": "Seconds after which it is worth trying again.",
            "required": True,
            "schema": {
                "type": "integer",
                "minimum": RETRY_AFTER_S_MIN,
                "maximum": RETRY_AFTER_S_MAX,
            },
        },
        "Idempotency-Replayed": {
            "description": "With `true` this is the answer that the message had before.",
            "schema": {"type": "string", "const": "true"},
        },
        "WWW-Authenticate": {
            "description": "How to show a key.",
            "required": True,
            "schema": {"type": "string", "const": "Bearer"},
        },
        "Allow": {
            "description": "With status 405: the methods that this path has.",
            "schema": {"type": "string"},
            "example": "OPTIONS, POST",
        },
    }


def responses() -> JsonObject:
    """Answers that many routes can give."""
    return {
        "KeyInUrl": answer(
            "The URL has a parameter that asks for a key, a user, or too many parameters.",
            "Error",
            examples=key_in_url(),
        ),
        "Unauthorised": answer(
            "There is no key, or it is not known.",
            "Error",
            examples=error("unauthorised", "Unauthorised"),
            headers=("WWW-Authenticate",),
        ),
        "Forbidden": answer(
            "The key is known, but does not allow this.",
            "Error",
            examples=forbidden(),
        ),
        "TooManyWrongKeys": answer(
            "Too many wrong keys have come from this address; a right one is not held up.",
            "Error",
            examples=too_many_wrong_keys(),
            headers=("Retry-After",),
        ),
        "Internal": answer(
            "SMSP itself failed. If a message was being sent, it may or may not have been.",
            "Error",
            examples=error("internal", "SMSP failed to handle this request."),
        ),
        "Other": answer(
            "Any other error has the same form: 404 for a path that does not exist, 405 for a "
            "method that a path does not have.",
            "Error",
            examples=error("not_found", "There is nothing here.")
            | error("method_not_allowed", "This route has other methods."),
            headers=("Allow",),
        ),
    }


def _in_paths() -> JsonObject:
    return {
        "MessageId": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The `id` that `POST /email` answered with.",
            "schema": {"type": "string", "format": "uuid"},
        },
        "ProviderName": {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "The provider's name, as it is configured.",
            "schema": {"type": "string"},
            "example": "mailgun",
        },
    }


def _request_key() -> JsonObject:
    return {"type": "string", "pattern": "^[!-~]+$", "maxLength": REQUEST_KEY_CHARACTERS_MAX}


def _header(name: str, description: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _query(name: str, description: str, words: list[str] | None = None) -> JsonObject:
    schema: JsonObject = {"type": "string"} | ({"enum": words} if words else {})
    return {"name": name, "in": "query", "description": description, "schema": schema}
