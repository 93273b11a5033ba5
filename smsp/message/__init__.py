"""PURE. The door of ``POST /email``: the bytes of a request become a Mail, or faults by field.

Owns the wording of faults and how many are told. The shape of a message is
:mod:`smsp.message.wire`'s, what a field may hold :mod:`smsp.message.fields`'s. Knows nothing of
HTTP. What comes out as a
:class:`~smsp.mail.Mail` is complete and valid, and needs no second look.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from smsp.message.fields import RECIPIENTS_MAX
from smsp.message.headers import excerpt
from smsp.message.wire import EmailMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from smsp.mail import Mail

__all__ = ["EmailMessage", "Fault", "InvalidJson", "InvalidMessage", "parse"]

FAULTS_MAX = 20


@dataclass(frozen=True, slots=True)
class InvalidJson:
    """The body is not JSON. ``message`` says where it stops being it."""

    message: str


@dataclass(frozen=True, slots=True)
class Fault:
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

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def parse(
    body: bytes, *, control_headers: Sequence[str] = ()
) -> Mail | InvalidJson | InvalidMessage:
    """Read the body of a ``POST /email``. Never raises, whatever the bytes.

    ``control_headers`` are header names that the configured adapters reserve, ``*`` at the end
    matching the rest of a name; they are refused beside :data:`smsp.message.headers.RESERVED`.
    Faults are told together, except that too many recipients are not looked at one by one.
    """
    try:
        wire = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return InvalidJson(f"The body is not JSON: {error.msg} (line {error.lineno})")
    if _recipients_named(wire) > RECIPIENTS_MAX:
        return InvalidMessage((_TOO_MANY_RECIPIENTS,))
    try:
        message = EmailMessage.model_validate(wire, context=tuple(control_headers))
    except ValidationError as invalid:
        return InvalidMessage(_faults(invalid))
    return message.to_mail()


_TOO_MANY_RECIPIENTS = Fault(
    "toaddress", f"must name at most {RECIPIENTS_MAX:,} recipients together with cc and bcc"
)

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


def _recipients_named(wire: object) -> int:
    if not isinstance(wire, dict):
        return 0
    fields = (wire.get(field) for field in ("toaddress", "ccaddress", "bccaddress"))
    return sum(len(field) if isinstance(field, list) else 1 for field in fields if field)


def _faults(invalid: ValidationError) -> tuple[Fault, ...]:
    errors = invalid.errors(include_url=False, include_input=False)
    return tuple(Fault(_path(error["loc"]), _words(error)) for error in islice(errors, FAULTS_MAX))


def _words(error: ErrorDetails) -> str:
    wording = _WORDING.get(error["type"])
    text = error["msg"] if wording is None else wording.format_map(error.get("ctx", {}))
    return excerpt(text, 240)


def _path(loc: tuple[int | str, ...]) -> str:
    if len(loc) == 3 and loc[2] == "[key]" and isinstance(loc[1], str):
        loc = loc[:2]  # pydantic's mark for a fault of the name itself, not of its value
    steps = (f"[{step}]" if isinstance(step, int) else f".{excerpt(step)}" for step in loc)
    return "".join(steps).removeprefix(".")
