"""PURE. What the head of a ``POST /email`` asks for, beside its message.

What is misspelt or said twice is refused, never passed over: a dry run that is not understood
would be a real mail, and a key for repetitions that is not understood would be two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

DEADLINE_S_MIN, DEADLINE_S_MAX = 0.05, 300.0
"""What ``SMSP-Deadline`` may be, in seconds. Who sends none is taken to wait for the longest:
each phase of each call has its own, much shorter time anyway."""

KEY_CHARACTERS_MAX = 256
"""Of an ``Idempotency-Key``."""

_DRY_RUN = "dryrun"
_NAMED_CHARACTERS_MAX = 64
_KEY_NAME, _DEADLINE_NAME = b"idempotency-key", b"smsp-deadline"
_MEANT = frozenset({b"idempotencykey", b"idempotencytoken", b"idempotencyid", b"idempotency"})
"""Names that mean ``Idempotency-Key`` to whoever writes them, without ``X``, ``-`` and ``_``."""
_NUMBER = re.compile(rb"(?:[0-9]{1,12}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")

Fields = Iterable[tuple[bytes, bytes]]
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SendOptions:
    """``patience_s``: seconds from the request's arrival within which its caller wants an answer.
    ``idempotency_key``: the caller's own name for the message. ``dry_run``: nothing is sent."""

    patience_s: float
    idempotency_key: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class BadOption:
    """An option that is not understood: the ``field`` that is wrong, and how to say it."""

    code: Literal["bad_request", "invalid_deadline", "invalid_idempotency_key"]
    field: str
    message: str


def options_of(headers: Fields, query: Query) -> SendOptions | BadOption:
    """The options in a request's headers (names in lower case) and the parameters of its query."""
    dry_run = _dry_run(query)
    if isinstance(dry_run, BadOption):
        return dry_run
    keys, deadlines = list[bytes](), list[bytes]()
    for name, value in headers:
        if name == _KEY_NAME:
            keys.append(value)
        elif name == _DEADLINE_NAME:
            deadlines.append(value)
        elif (wrong := _misspelt(name)) is not None:
            return wrong
    key = _idempotency_key(keys)
    if isinstance(key, BadOption):
        return key
    patience_s = _patience_s(deadlines)
    if isinstance(patience_s, BadOption):
        return patience_s
    return SendOptions(patience_s, key, dry_run)


def _dry_run(query: Query) -> bool | BadOption:
    if not query:
        return False
    for name, _ in query:
        if name != _DRY_RUN:
            shown = _shown(name)
            return BadOption(
                "bad_request", shown, f"There is no query parameter {shown!r} here, only dryrun."
            )
    if len(query) > 1:
        return BadOption("bad_request", _DRY_RUN, "dryrun is given more than once.")
    if query[0][1] not in ("true", "false"):
        return BadOption("bad_request", _DRY_RUN, "dryrun is true or false.")
    return query[0][1] == "true"


def _misspelt(name: bytes) -> BadOption | None:
    """The refusal of a header that was meant to be ``Idempotency-Key``."""
    if name[:1] not in (b"i", b"x") or name.translate(None, b"-_").removeprefix(b"x") not in _MEANT:
        return None
    shown = _shown(name.decode("latin-1"))
    message = f"The header {shown} is not known here. Did you mean Idempotency-Key?"
    return BadOption("bad_request", shown, message)


def _idempotency_key(given: Sequence[bytes]) -> str | BadOption | None:
    if not given:
        return None
    key = given[0].decode("latin-1")
    if len(given) == 1 and 0 < len(key) <= KEY_CHARACTERS_MAX and _printable(key):
        return key
    return BadOption(
        "invalid_idempotency_key",
        "Idempotency-Key",
        f"Idempotency-Key must be 1 to {KEY_CHARACTERS_MAX} printable ASCII characters, once.",
    )


def _patience_s(given: Sequence[bytes]) -> float | BadOption:
    if not given:
        return DEADLINE_S_MAX
    seconds = _number(given[0]) if len(given) == 1 else None
    if seconds is not None and DEADLINE_S_MIN <= seconds <= DEADLINE_S_MAX:
        return seconds
    return BadOption(
        "invalid_deadline",
        "SMSP-Deadline",
        f"SMSP-Deadline must be a number of seconds from {DEADLINE_S_MIN} to {DEADLINE_S_MAX:g}.",
    )


def _number(text: bytes) -> float | None:
    """A decimal number as in JSON: ``float`` also reads ``1_0``, ``nan`` and other alphabets."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _shown(name: str) -> str:
    """A name that its caller chose, as far as it can be shown."""
    shown = name.encode("ascii", "replace").decode("ascii")[:_NAMED_CHARACTERS_MAX]
    return "".join(letter if letter.isprintable() else "?" for letter in shown)
