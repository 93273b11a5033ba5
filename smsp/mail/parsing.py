"""PURE. The door of ``POST /email``: the bytes of a request become a Mail, or faults by field.

Owns the wording of faults and how many are told, and the way through this package::

    body ── large? ──▶ condense ──▶ accept ──────────────────────────▶ Mail
              (no string of it)        │ not that simple
                  │                    ▼
                  │ too much        names, in_full ──▶ wire, fields ──▶ Mail, or faults by field
                  ▼
                fault

The shape of a message is :mod:`smsp.mail.wire`'s, what a field may hold
:mod:`smsp.mail.fields`'s. Knows nothing of HTTP or threads, but which bodies take long to read
(:func:`is_quick`), and has no step that takes long by itself. What comes out as a
:class:`~smsp.mail.Mail` is complete and valid, and needs no second look.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
import orjson
from pydantic import ValidationError

from smsp.mail.accept import accept
from smsp.mail.condense import STRINGS_MAX, Condensed, TooMany, condense
from smsp.mail.fields import FAULTS_MAX, RECIPIENTS_MAX
from smsp.mail.headers import excerpt
from smsp.mail.in_full import in_full
from smsp.mail.json_names import folded, last_field, repeated
from smsp.mail.suggestions import meant
from smsp.mail.wire import EmailMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from smsp.mail import Mail

__all__ = ["EmailMessage", "FieldError", "InvalidJson", "InvalidMessage", "is_quick", "parse"]

WHOLE_BYTES_MAX = 64 * 1024
"""A body of more than these is condensed before a parser sees it."""
CHECKED_BYTES_MAX = 8 * 2**20
"""Of a body with too much in it, that it is JSON otherwise: up to so many bytes, some 20 ms."""
QUICK_BYTES_MAX = 2**20
QUICK_STRINGS_MAX = 1_000
QUICK_OBJECTS_MAX = 1_000
QUICK_ESCAPES_MAX = 16 * 1024
QUICK_ADDRESSES_MAX = 400
QUICK_INTERNATIONAL_ADDRESSES_MAX = 16
"""What is above one of these is not quick: up to all of them, some 30 ms."""


@dataclass(frozen=True, slots=True)
class InvalidJson:
    """The body is not JSON. ``message`` says where it stops being it."""

    message: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field.

    ``field`` is a path such as ``toaddress[2]`` or ``headers.X-Order``; empty for the message
    itself. ``message`` continues it ("must be a string"). Both are printable and short.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field or 'The message'} {self.message}"


@dataclass(frozen=True, slots=True)
class InvalidMessage:
    """The body is JSON but no message we can send. Holds 1 to ``FAULTS_MAX`` faults."""

    faults: tuple[FieldError, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def parse(
    body: bytes | bytearray, *, control_headers: Sequence[str] = ()
) -> Mail | InvalidJson | InvalidMessage:
    """Read the body of a ``POST /email``. Never raises, whatever the bytes.

    ``control_headers`` are header names that the configured adapters reserve, ``*`` at the end
    matching the rest of a name; they are refused beside :data:`smsp.mail.headers.RESERVED`.
    Faults are told together, except that too many recipients are not looked at one by one.
    """
    if len(body) <= WHOLE_BYTES_MAX:
        return accept(body, None, control_headers) or _explained(body, None, control_headers)
    condensed = condense(body)
    if isinstance(condensed, TooMany):
        return _too_much(body, condensed)
    text = condensed.text
    return accept(text, condensed, control_headers) or _explained(text, condensed, control_headers)


def is_quick(body: bytes | bytearray) -> bool:
    """Whether this body is read so quickly that nobody else has to wait for it.

    A guess from its bytes, and on the safe side: by its length, by its strings, and by the most
    addresses that can be in it. One that is not plain ASCII costs a hundred times as much.
    """
    if (
        len(body) > QUICK_BYTES_MAX
        or body.count(b'"') > 2 * QUICK_STRINGS_MAX
        or body.count(b"{") + body.count(b"[") > QUICK_OBJECTS_MAX
        or (escapes := body.count(b"\\")) > QUICK_ESCAPES_MAX
    ):
        return False
    addresses = body.count(b"@") + (escapes and body.count(b"\\u0040"))
    if addresses <= QUICK_INTERNATIONAL_ADDRESSES_MAX:
        return True
    plain = body.isascii() and b"\\u" not in body and b"xn--" not in body.lower()
    return plain and addresses <= QUICK_ADDRESSES_MAX


def _explained(
    text: bytes | bytearray, long: Condensed | None, control_headers: Sequence[str]
) -> Mail | InvalidJson | InvalidMessage:
    """The long way, which ends in a message only if a name is spelt in capitals."""
    try:
        wire = orjson.loads(text)
        twice = repeated(text)
        if twice is not None:
            return InvalidJson(_names_twice(*twice))
        wire = in_full(wire, long)
    except orjson.JSONDecodeError as error:
        where = f" (line {error.lineno})" if long is None else ""
        return InvalidJson(f"The body is not JSON: {error.msg}{where}")
    if _recipients_named(wire) > RECIPIENTS_MAX:
        return InvalidMessage((_TOO_MANY_RECIPIENTS,))
    try:
        message = EmailMessage.model_validate(wire, context=tuple(control_headers))
    except ValidationError as invalid:
        return InvalidMessage(_faults(invalid))
    return message.to_mail()


def _too_much(body: bytes | bytearray, cut_off: TooMany) -> InvalidJson | InvalidMessage:
    try:
        if len(body) <= CHECKED_BYTES_MAX:
            _skip(body)
    except RecursionError:
        return InvalidJson("The body is not JSON: nested too deeply")
    except (ValueError, msgspec.DecodeError) as error:
        return InvalidJson(f"The body is not JSON: {excerpt(str(error), 160)}")
    field = last_field(cut_off.text)
    if field is None:
        return InvalidMessage((FieldError("", "must be an object"),))
    if folded(field) in _RECIPIENT_FIELDS:
        return InvalidMessage((_TOO_MANY_RECIPIENTS,))
    words = f"holds too much: a message has at most {STRINGS_MAX:,} names and values"
    return InvalidMessage((FieldError(excerpt(field), words),))


def _names_twice(first: str, second: str) -> str:
    if first == second:
        return f"The body names {excerpt(first)} twice in one object."
    return f"The body names one field twice: {excerpt(first)} and {excerpt(second)}."


_TOO_MANY_RECIPIENTS = FieldError(
    "toaddress", f"must name at most {RECIPIENTS_MAX:,} recipients together with cc and bcc"
)

# Looks at all of a text and makes nothing of it, at a second for 600 MiB.
_skip = msgspec.json.Decoder(msgspec.Raw).decode

# Pydantic's kinds of error in our words; its context fills the braces.
_WORDING: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is required",
        "extra_forbidden": "is not a known field",
        "model_type": "must be an object",
        "model_attributes_type": "must be an object",
        "dict_type": "must be an object of strings",
        "list_type": "must be a list",
        "string_type": "must be a string",
        "string_too_short": "must hold at least {min_length} character",
        "string_too_long": "must hold at most {max_length:,} characters",
        "string_pattern_mismatch": "must match {pattern}",
        "too_short": "must hold at least {min_length} entry",
        "too_long": "must hold at most {max_length:,} entries",
        "value_error": "{error}",
        "repeated": "repeats {first}",
    }
)


_RECIPIENT_FIELDS = ("toaddress", "ccaddress", "bccaddress")


def _recipients_named(wire: object) -> int:
    if not isinstance(wire, dict):
        return 0
    fields = map(wire.get, _RECIPIENT_FIELDS)
    return sum(len(field) if isinstance(field, list) else 1 for field in fields if field)


def _faults(invalid: ValidationError) -> tuple[FieldError, ...]:
    errors = invalid.errors(include_url=False, include_input=False)
    return tuple(
        FieldError(_path(error["loc"]), _words(error)) for error in islice(errors, FAULTS_MAX)
    )


def _words(error: ErrorDetails) -> str:
    wording = _WORDING.get(error["type"])
    text = error["msg"] if wording is None else wording.format_map(error.get("ctx", {}))
    return excerpt(text + _hint(error), 240)


def _hint(error: ErrorDetails) -> str:
    match error["type"], error["loc"]:
        case "extra_forbidden", (*where, str(name)):
            field = meant(name, of_file=bool(where))
            return f": did you mean {field}?" if field else ""
        case _:
            return ""


def _path(loc: tuple[int | str, ...]) -> str:
    if len(loc) == 3 and loc[2] == "[key]" and isinstance(loc[1], str):
        loc = loc[:2]  # pydantic's mark for a fault of the name itself, not of its value
    steps = (f"[{step}]" if isinstance(step, int) else f".{excerpt(step)}" for step in loc)
    return "".join(steps).removeprefix(".")
