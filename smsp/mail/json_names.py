"""PURE. The names in a JSON text: how many there are, and whether an object has one twice.

Parsers keep the last of two members with one name and say nothing (RFC 8259 section 4), so a
message could be read here otherwise than by whoever checked it before. How many names a parser
kept, held against how many the text has, tells at next to no cost; only then are they looked at.

:func:`differ` and :func:`repeated` want text that a parser has taken.
"""

from __future__ import annotations

import re

import orjson

# The quantifiers give nothing back, so that time is linear whatever the text.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MAYBE_NAME = re.compile(_STRING + rb"[ \t\r\n]*+(:?)", re.DOTALL)
_TOKEN = re.compile(rb"[{}\[\]]|(" + _STRING + rb")[ \t\r\n]*+(:?)", re.DOTALL)


def differ(text: bytes | bytearray, known: int) -> bool:
    """Whether the text has more names than the ``known`` ones that came out of it."""
    # There is no name without a colon, and before it stands a quote or white space, as seldom
    # before another colon. Both bounds are found much faster than the names.
    if text.count(b":") == known:
        return False
    names_max = text.count(b'":')
    for space in (b" ", b"\n", b"\t", b"\r"):
        if space in text:
            names_max += text.count(space + b":")
    return names_max != known and sum(map(len, _MAYBE_NAME.findall(text))) != known


def repeated(text: bytes | bytearray) -> tuple[str, str] | None:
    """Two names of one object that are the same; of the outermost object, but for ASCII case."""
    open_objects: list[dict[str, str] | None] = []
    for token in _TOKEN.finditer(text):
        string, colon = token.groups()
        if string is None:
            _step(open_objects, token[0])
        elif colon:
            name: str = orjson.loads(string)
            names = open_objects[-1]
            assert names is not None, "a parser has taken this text"
            key = folded(name) if len(open_objects) == 1 else name
            first = names.setdefault(key, name)
            if first is not name:
                return first, name
    return None


def last_field(text: bytes) -> str | None:
    """The last name in the outermost object of a text that need be no JSON, and may be cut off
    anywhere. Empty if there is none, None if the text does not begin an object."""
    depth, field = 0, ""
    for token in _TOKEN.finditer(text):
        string, colon = token.groups()
        if string is None:
            depth += 1 if token[0] in b"{[" else -1
        elif colon and depth == 1:
            field = _read(string)
    return field if text.lstrip(b" \t\r\n").startswith(b"{") else None


def folded(name: str) -> str:
    """The name in lower case, if it is ASCII."""
    return name.lower() if name.isascii() else name


def _step(open_objects: list[dict[str, str] | None], bracket: bytes | bytearray) -> None:
    if bracket == b"{":
        open_objects.append({})
    elif bracket == b"[":
        open_objects.append(None)
    else:
        open_objects.pop()


def _read(string: bytes) -> str:
    try:
        return str(orjson.loads(string))
    except orjson.JSONDecodeError:
        return ""
