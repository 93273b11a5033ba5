"""PURE. What a URL must not hold: a key, whose place is a header, or parameters without number.

A URL is kept by proxies and histories, so a parameter that asks for a key is refused by its name,
whatever it holds. Nothing in a URL is ever compared with keys: the answer, or the time it took,
would tell anybody whether a guess is one, thousands at a time. Owns the names, and how many
parameters there may be; nothing here takes longer than the bytes of the URL account for.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote_to_bytes

from smsp.web.request_target import names_a_user

KEY_NAMES = frozenset(
    {
        "access_token",
        "api-key",
        "api_key",
        "apikey",
        "auth",
        "authorization",
        "key",
        "password",
        "secret",
        "token",
        "x-api-key",
    }
)
"""Parameters that are refused on every route. In lower case; they are in any."""
PARAMETERS_MAX = 32
"""No route has more than one."""

_NAMES = frozenset(name.encode("ascii") for name in KEY_NAMES)
_ENCODED_BYTES_MAX = 3 * max(map(len, KEY_NAMES))
"""A longer name is none of these, so it need not be decoded."""


def wrong_with_url(target: bytes, query: bytes) -> Literal["key", "parameters"] | None:
    """Whether a URL has a place for a key in it, or too many parameters. ``target`` is all that
    stands before the ``?``, as it came."""
    if names_a_user(target):
        return "key"
    if not query:
        return None
    if query.count(b"&") >= PARAMETERS_MAX:
        return "parameters"
    names = (parameter.partition(b"=")[0] for parameter in query.split(b"&"))
    return "key" if any(map(_asks_for_a_key, names)) else None


def _asks_for_a_key(name: bytes) -> bool:
    return len(name) <= _ENCODED_BYTES_MAX and unquote_to_bytes(name).lower() in _NAMES
