"""PURE. What SendGrid demands of the JSON of one ``mail/send``, and what it reads from it.

Owns the rules and the words of each complaint; the JSON may be of any shape. Must not know
HTTP. The limits are those of the provider's API reference for ``POST /v3/mail/send``.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smsp.simulator.wire import Submission, looks_like_address

RECIPIENTS_MAX = 1_000
CATEGORIES_MAX = 10
CUSTOM_ARGS_BYTES_MAX = 10_000

_RESERVED_HEADERS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type"}
    | {"content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc"}
)
_SHAPES: Mapping[str, type] = MappingProxyType(
    {"subject": str, "headers": dict, "custom_args": dict, "mail_settings": dict}
    | dict.fromkeys(("personalizations", "content", "attachments", "categories"), list)
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One entry of an error answer. ``field`` is the dotted path of what is wrong, if known."""

    message: str
    field: str | None = None


def complaints(mail: object) -> Iterator[Complaint]:
    """Everything that is wrong with a message; nothing if SendGrid would take it."""
    if not isinstance(mail, dict) or not _well_shaped(mail):
        # A value of the wrong type gets this answer and not a word more.
        yield Complaint("Bad Request")
        return
    yield from _about_people(mail)
    yield from _about_subject(mail)
    yield from _about_content(mail)
    yield from _about_attachments(mail)
    yield from _about_extras(mail)


def submission_in(mail: object) -> Submission:
    """What the outbox keeps of a message without complaints."""
    fields = _object(mail)
    custom = [_object(part.get("custom_args")) for part in (fields, *_personalizations(fields))]
    ids = [_text(args["smsp-id"]) for args in custom if "smsp-id" in args]
    sandbox = _object(_object(fields.get("mail_settings")).get("sandbox_mode"))
    return Submission(
        smsp_id=ids[-1] if ids else None,
        recipients=tuple(address for _, address in _recipients(fields)),
        subject=_text(fields.get("subject")),
        test=sandbox.get("enable") is True,
    )


def _well_shaped(mail: Mapping[str, object]) -> bool:
    return all(isinstance(mail.get(name, shape()), shape) for name, shape in _SHAPES.items())


def _about_people(mail: Mapping[str, object]) -> Iterator[Complaint]:
    parts = _personalizations(mail)
    if not parts:
        yield Complaint(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
    for place, part in enumerate(parts):
        if not _list(part.get("to")):
            yield Complaint(
                "The to array is required for all personalization objects, and must have at "
                "least one email object with a valid email address.",
                f"personalizations.{place}.to",
            )
        yield from _about_duplicates(place, part)
    recipients = _recipients(mail)
    for where, address in recipients:
        if not _is_address(address):
            yield Complaint("Does not contain a valid address.", where)
    if len(recipients) > RECIPIENTS_MAX:
        yield Complaint(f"At most {RECIPIENTS_MAX} recipients are allowed.", "personalizations")
    yield from _about_origin(mail)


def _about_duplicates(place: int, part: Mapping[str, object]) -> Iterator[Complaint]:
    seen = Counter(address.lower() for _, address in _addressees(place, part))
    address, times = next(iter(seen.most_common(1)), ("", 0))
    if times > 1:
        yield Complaint(
            "Each email address in the personalization block should be unique between to, cc, "
            f"and bcc. We found the first duplicate instance of [{address}] in the "
            f"personalizations.{place} field.",
            f"personalizations.{place}",
        )


def _about_origin(mail: Mapping[str, object]) -> Iterator[Complaint]:
    if "from" not in mail:
        yield Complaint("The from object must be provided for every email send.", "from.email")
    elif not _is_address(_email(mail["from"])):
        yield Complaint("The from email does not contain a valid address.", "from.email")
    if "reply_to" in mail and "reply_to_list" in mail:
        yield Complaint("Only one of reply_to and reply_to_list may be given.", "reply_to")
    elif "reply_to" in mail and not _is_address(_email(mail["reply_to"])):
        yield Complaint("The reply_to email does not contain a valid address.", "reply_to.email")
    for place, entry in enumerate(_list(mail.get("reply_to_list"))):
        if not _is_address(_email(entry)):
            yield Complaint("Does not contain a valid address.", f"reply_to_list.{place}.email")


def _about_subject(mail: Mapping[str, object]) -> Iterator[Complaint]:
    everywhere = all(_text(part.get("subject")) for part in _personalizations(mail))
    if not _text(mail.get("subject")) and not (everywhere and _personalizations(mail)):
        yield Complaint(
            "The subject is required. You can get around this requirement if you use a template "
            "with a subject defined or if every personalization has a subject defined.",
            "subject",
        )


def _about_content(mail: Mapping[str, object]) -> Iterator[Complaint]:
    blocks = [_object(block) for block in _list(mail.get("content"))]
    if not blocks:
        yield Complaint(
            "Unless a valid template_id is provided, the content parameter is required. There "
            "must be at least one defined content block.",
            "content",
        )
    for place, block in enumerate(blocks):
        for key in ("type", "value"):
            if not _text(block.get(key)):
                yield Complaint(
                    f"The content {key} must be a string at least one character in length.",
                    f"content.{place}.{key}",
                )
    kinds = [_text(block.get("type")) for block in blocks]
    # In this order ("text/plain" before "text/html"), each at most once.
    known = [kind for kind in kinds if kind in {"text/plain", "text/html"}]
    if known not in ([], ["text/plain"], ["text/html"], ["text/plain", "text/html"]):
        yield Complaint(
            "If present, text/plain and text/html may only be provided once, text/plain first.",
            "content",
        )


def _about_attachments(mail: Mapping[str, object]) -> Iterator[Complaint]:
    for place, entry in enumerate(_list(mail.get("attachments"))):
        attachment = _object(entry)
        content = attachment.get("content")
        if not isinstance(content, str) or not _is_base64(content):
            yield Complaint(
                "The attachment content must be base64 encoded.", f"attachments.{place}.content"
            )
        if not _text(attachment.get("filename")):
            yield Complaint("The attachment filename is required.", f"attachments.{place}.filename")


def _about_extras(mail: Mapping[str, object]) -> Iterator[Complaint]:
    for part in (mail, *_personalizations(mail)):
        headers, custom_args = _object(part.get("headers")), _object(part.get("custom_args"))
        if not all(isinstance(value, str) for value in (*headers.values(), *custom_args.values())):
            yield Complaint("Bad Request")
        if reserved := _RESERVED_HEADERS & {name.lower() for name in headers}:
            yield Complaint(f"Headers cannot include any of: {sorted(reserved)}.", "headers")
        if (
            sum(len(f"{name}{value}".encode()) for name, value in custom_args.items())
            > CUSTOM_ARGS_BYTES_MAX
        ):
            yield Complaint(
                f"The custom_args are limited to {CUSTOM_ARGS_BYTES_MAX} bytes.", "custom_args"
            )
    if len(_list(mail.get("categories"))) > CATEGORIES_MAX:
        yield Complaint(f"At most {CATEGORIES_MAX} categories are allowed.", "categories")


def _recipients(mail: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        found
        for place, part in enumerate(_personalizations(mail))
        for found in _addressees(place, part)
    ]


def _addressees(place: int, part: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for kind in ("to", "cc", "bcc"):
        for position, entry in enumerate(_list(part.get(kind))):
            yield f"personalizations.{place}.{kind}.{position}.email", _email(entry)


def _personalizations(mail: Mapping[str, object]) -> list[dict[str, object]]:
    return [_object(part) for part in _list(mail.get("personalizations"))]


def _is_address(text: str) -> bool:
    # SendGrid has no SMTPUTF8: an address is ASCII.
    return text.isascii() and looks_like_address(text)


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def _email(entry: object) -> str:
    return _text(_object(entry).get("email"))


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
