"""PURE. A JSON value as it is validated: names as fields are called, long strings put back.

Only the two bodies of a message and the content of a file may be longer than any bound: of other
long strings no more is read than shows that they are too long.
"""

from __future__ import annotations

from smsp.mail.condense import Condensed
from smsp.mail.json_names import folded
from smsp.mail.wire import EmailMessage

_BODIES = frozenset({"plaintextbody", "htmlbody"})
_DEPTH_MAX = 4
"""Deeper than ``attachments``, file, field and value nothing is a message's."""


def in_full(wire: object, long: Condensed | None) -> object:
    """The value that a text stands for. Raises ``orjson.JSONDecodeError`` if a body is none."""
    if isinstance(wire, dict):
        wire = {_field(name): value for name, value in wire.items()}
    if long is None:
        return wire
    if isinstance(wire, dict):
        return {
            _filled(name, long, 0): _body(value, long)
            if name in _BODIES
            else _filled(value, long, 1)
            for name, value in wire.items()
        }
    return _filled(wire, long, 0)


def _field(name: str) -> str:
    """The field that is meant: the first SMSP did not look at the case of names."""
    lowered = folded(name)
    return lowered if lowered in EmailMessage.model_fields else name


def _body(value: object, long: Condensed) -> object:
    cut_out = long.find(value) if isinstance(value, str) else None
    return value if cut_out is None else cut_out.text()


def _filled(value: object, long: Condensed, depth: int) -> object:
    match value:
        case str():
            cut_out = long.find(value)
            return value if cut_out is None else cut_out.beginning()
        case list() if depth < _DEPTH_MAX:
            return [_filled(each, long, depth + 1) for each in value]
        case dict() if depth < _DEPTH_MAX:
            return {
                _filled(name, long, depth): _content(name, each, long)
                or _filled(each, long, depth + 1)
                for name, each in value.items()
            }
        case _:
            return value


def _content(name: object, value: object, long: Condensed) -> object:
    """A file's content stays where it is: :func:`smsp.mail.fields.base64` reads it there."""
    return long.find(value) if name == "content" and isinstance(value, str) else None
