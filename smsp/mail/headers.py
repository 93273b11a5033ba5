"""PURE. What may stand in a header, and which header names a caller may not set.

Owns the one rule against header injection, the syntax of a custom header's name, and the list
of reserved names. Knows nothing of JSON, HTTP or any adapter: what an adapter reserves beyond
the list is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

RESERVED = (
    # The message itself is described by its own fields, and its journey by those who carry it.
    "From",
    "Sender",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "Return-Path",
    "Received",
    "Resent-*",
    "Content-*",
    "MIME-Version",
    "DKIM-*",
    "ARC-*",
    "Authentication-Results",
    # These would steer a provider. A message may be taken by any of them, so all are reserved.
    "X-SMTPAPI",  # SendGrid
    "X-MSYS-*",  # SparkPost
    "X-MC-*",  # Mandrill
    "X-Mailgun-*",
    "X-Mailin-*",  # Brevo
    "X-Sib-*",  # Brevo
    "X-SES-*",
    "X-PM-*",  # Postmark
    "X-MJ-*",  # Mailjet
    "X-Mailjet-*",
    "X-MT-*",  # Mailtrap
    "X-Postal-*",
    "idempotencyKey",  # Brevo
    "Idempotency-Key",  # Brevo, too
    "Idempotency_Key",
)
"""Names that no custom header may have, whatever their case; ``*`` matches the rest of a name."""

_EXACT = frozenset(name.lower() for name in RESERVED if not name.endswith("*"))
_PREFIXES = tuple(name[:-1].lower() for name in RESERVED if name.endswith("*"))

# RFC 5322 §3.6.8, ftext: printable ASCII except the colon.
_FIELD_NAME = re.compile(r"[!-9;-~]+")
# C0, DEL and C1 hold CR, LF and NUL; Python's own mail package also folds lines at the last of
# them and at U+2028 and U+2029. A lone surrogate has no UTF-8.
_NOT_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return the text itself if it can stand in a header.

    Raises ValueError if it holds a control character (CR, LF and NUL among them), a line or
    paragraph separator, or half of a surrogate pair.
    """
    if _NOT_ONE_LINE.search(text):
        raise ValueError("must be one line without control characters")
    return text


def custom_header_name(name: str, control_headers: Sequence[str] = ()) -> str:
    """Return the name itself if a caller may set a header of this name.

    ``control_headers`` are patterns reserved beside :data:`RESERVED`, spelt alike. Raises
    ValueError for what is no field name (RFC 5322 §3.6.8) and for a reserved one.
    """
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("is not a header name: use printable ASCII without space or colon")
    lowered = name.lower()
    if lowered in _EXACT or lowered.startswith(_PREFIXES):
        raise ValueError("is reserved and can't be set as a custom header")
    if any(_matches(lowered, pattern.lower()) for pattern in control_headers):
        raise ValueError("is reserved and can't be set as a custom header")
    return name


def excerpt(text: str, characters_max: int = 64) -> str:
    """Quote the beginning of somebody's text: printable and at most this long, plus an ellipsis."""
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in text[:characters_max]
    )
    return shown if len(text) <= characters_max else f"{shown}..."


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
