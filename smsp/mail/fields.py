"""PURE. The types of the fields that ``POST /email`` takes: what each may hold, and how much.

Owns the rules of single values and the limits, as annotated types for the models of
:mod:`smsp.mail.wire`. A rule raises ValueError, whose text continues the name of the field it is
about ("must be ..."). Knows no field by name. The rules stand before the types made of them.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticKnownError

from smsp.mail import Mailbox
from smsp.mail.headers import custom_header_name, excerpt, one_line
from smsp.mail.long_string import LongString, decode_base64
from smsp.mail.mailbox import parse_mailbox

RECIPIENTS_MAX: Final = 1_000
LINE_CHARACTERS_MAX: Final = 998
"""RFC 5322 §2.1.1, which bounds a line before it is folded."""
ENTRIES_MAX: Final = 100
"""Of an object: fields, headers, metadata. Also the attachments of a message."""
FAULTS_MAX: Final = 20
"""So many are told of a message; of a list of mailboxes no more are looked for."""
TAGS_MAX: Final = 50
LABEL_CHARACTERS_MAX: Final = 128
HEADER_NAME_CHARACTERS_MAX: Final = 126
FILE_NAME_CHARACTERS_MAX: Final = 255
CONTENT_TYPE_CHARACTERS_MAX: Final = 255
CONTENT_ID_CHARACTERS_MAX: Final = 255
PROVIDER_NAME: Final = "^[a-z][a-z0-9-]{0,31}$"

# RFC 6838 §4.2 names, then parameters as in RFC 2045 §5.1.
_RESTRICTED_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_PARAMETER = r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_CONTENT_TYPE = re.compile(
    rf"{_RESTRICTED_NAME}/{_RESTRICTED_NAME}(?: *; *{_PARAMETER}=(?:{_PARAMETER}|{_QUOTED}))*"
)
# RFC 2392 has an addr-spec here and callers have "logo": neither holds a space or Unicode.
_CONTENT_ID = re.compile(r"[!-;=?-~]+")


def few_entries(value: object) -> object:
    """Bound an object before its entries are looked at: each may become a fault of its own."""
    if isinstance(value, dict) and len(value) > ENTRIES_MAX:
        raise ValueError(f"must hold at most {ENTRIES_MAX} entries")
    return value


def _mailbox(value: object) -> Mailbox:
    match value:
        case str():
            return parse_mailbox(value)
        case _:
            raise ValueError("must be a string")


def _one_or_many(value: object, many: ValidatorFunctionWrapHandler) -> list[Mailbox]:
    match value:
        case str():
            return [parse_mailbox(value)]
        case []:
            none: list[Mailbox] = many(value)
            return none
        case list():
            return _many(value)
        case _:
            raise ValueError("must be a mailbox or a list of mailboxes")


def _many(values: list[object]) -> list[Mailbox]:
    """Pydantic would look at all of them, however many are wrong."""
    if len(values) > RECIPIENTS_MAX:
        lengths = {"max_length": RECIPIENTS_MAX, "actual_length": len(values)}
        raise PydanticKnownError("too_long", {"field_type": "List", **lengths})
    mailboxes: list[Mailbox] = []
    faults: list[InitErrorDetails] = []
    for at, value in enumerate(values):
        try:
            mailboxes.append(_mailbox(value))
        except ValueError as error:
            fault = InitErrorDetails(type="value_error", loc=(at,), input=value)
            faults.append(fault | {"ctx": {"error": error}})
        if len(faults) == FAULTS_MAX:
            break
    if faults:
        raise ValidationError.from_exception_data("mailboxes", faults)
    return mailboxes


def _schema_of_mailboxes(at_least: int) -> JsonSchemaValue:
    one: JsonSchemaValue = {"type": "string"}
    many: JsonSchemaValue = {
        "type": "array",
        "items": one,
        "minItems": at_least,
        "maxItems": RECIPIENTS_MAX,
    }
    return {"anyOf": [one, many]}


def _header_name(name: str, info: ValidationInfo[tuple[str, ...] | None]) -> str:
    return custom_header_name(name, info.context or ())


def _names_differ(headers: dict[str, str]) -> dict[str, str]:
    """Header names are case-insensitive (RFC 5322 §1.2.2), so JSON may hold one twice."""
    seen: dict[str, str] = {}
    faults = [
        InitErrorDetails(type=_repeats(first), loc=(name,), input=name)
        for name in headers
        if (first := seen.setdefault(name.lower(), name)) is not name
    ]
    if faults:
        raise ValidationError.from_exception_data("headers", faults)
    return headers


def _repeats(first: str) -> PydanticCustomError:
    return PydanticCustomError("repeated", "repeats {first}", {"first": excerpt(first)})


def base64(value: object) -> bytes:
    """What a string of base64 stands for, as :func:`~smsp.mail.long_string.decode_base64`."""
    match value:
        case str():
            return decode_base64((value,))
        case LongString():
            return value.base64()
        case _:
            raise ValueError("must be a string")


def file_name(name: str) -> str:
    """The name itself, if it is one without a path."""
    if "/" in name or "\\" in name:
        raise ValueError("must be a file name without a path")
    return one_line(name)


def content_type(text: str) -> str:
    """The text itself, if it is a media type that a file may have."""
    if not _CONTENT_TYPE.fullmatch(text):
        raise ValueError("must be a media type such as text/plain or text/plain; charset=utf-8")
    if text.lower().startswith("multipart/"):
        # RFC 2045 §6.4: it may not be base64, and the boundary would be the caller's.
        raise ValueError("must not be a multipart type")
    return text


def content_id(text: str) -> str:
    """The text itself, if a ``cid:`` URL can hold it."""
    if not _CONTENT_ID.fullmatch(text):
        raise ValueError("must be printable ASCII without spaces, < and >")
    return text


MailboxText = Annotated[Mailbox, PlainValidator(_mailbox), WithJsonSchema({"type": "string"})]
"""One mailbox."""

Mailboxes = Annotated[
    list[MailboxText],
    Field(max_length=RECIPIENTS_MAX),
    WrapValidator(_one_or_many),
    WithJsonSchema(_schema_of_mailboxes(at_least=0)),
]
"""One mailbox as a string, or a list of them."""

Recipients = Annotated[
    list[MailboxText],
    Field(min_length=1, max_length=RECIPIENTS_MAX),
    WrapValidator(_one_or_many),
    WithJsonSchema(_schema_of_mailboxes(at_least=1)),
]
"""The same, but there must be one."""

Line = Annotated[str, Field(max_length=LINE_CHARACTERS_MAX), AfterValidator(one_line)]
"""Text that ends up in a header."""

Label = Annotated[
    str, Field(min_length=1, max_length=LABEL_CHARACTERS_MAX), AfterValidator(one_line)
]
"""A short name that providers group or find messages by."""

HeaderName = Annotated[
    str,
    Field(min_length=1, max_length=HEADER_NAME_CHARACTERS_MAX),
    AfterValidator(_header_name),
]

Headers = Annotated[
    dict[HeaderName, Line],
    Field(max_length=ENTRIES_MAX),
    BeforeValidator(few_entries),
    AfterValidator(_names_differ),
]

Metadata = Annotated[dict[Label, Line], Field(max_length=ENTRIES_MAX), BeforeValidator(few_entries)]

ProviderName = Annotated[str, Field(pattern=PROVIDER_NAME)]

FileName = Annotated[
    str, Field(min_length=1, max_length=FILE_NAME_CHARACTERS_MAX), AfterValidator(file_name)
]

ContentType = Annotated[
    str, Field(max_length=CONTENT_TYPE_CHARACTERS_MAX), AfterValidator(content_type)
]

ContentId = Annotated[str, Field(max_length=CONTENT_ID_CHARACTERS_MAX), AfterValidator(content_id)]

Base64 = Annotated[
    bytes,
    PlainValidator(base64),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
