"""PURE. The head of a request, and what may be wrong with one that a parser takes.

Owns the judgement by RFC 9110 and RFC 9112, and what a caller may make us hold of a head. Knows
neither the parser that finds its parts nor what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from smsp.web.request_target import is_host, is_target

HEAD_BYTES_MAX = 64 * 1024
"""A head with more is refused."""
FIELD_BYTES = 200
"""What a header takes beside its bytes: a tuple and two objects."""

Field = tuple[bytes, bytes]
Headers = list[Field]

_DELIMITING = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request. Header names are in lower case."""

    method: str
    target: bytes
    version: str
    headers: Headers
    keeps: bool
    """Whether the caller may send another request after it."""
    waits: bool
    """Whether the caller waits to be asked for the body (``Expect: 100-continue``)."""


class Framing(NamedTuple):
    """What a head says of what follows it. ``delimited_by``: the header that says where the body
    ends; none: there is no body. ``waits`` is that of :class:`Head`."""

    delimited_by: Field | None
    waits: bool


def judge(
    line: bytes, method: bytes, target: bytes, version: str, headers: Headers
) -> Framing | HTTPStatus:
    """What follows a head, or the status that refuses it. ``line`` is the request line as it came:
    the parser may have read it with more patience than HTTP has."""
    host: bytes | None = None
    hosts, codings = 0, 0
    delimited_by, waits = None, False
    for field in headers:
        name, value = field
        if name == b"host":
            hosts += 1
            host = value
        elif name == b"expect":
            waits = waits or value.lower() == b"100-continue"
        elif name in _DELIMITING:
            delimited_by = delimited_by or field
            codings += name == b"transfer-encoding"
    if line != b"%b %b HTTP/%b\r\n" % (method, target, version.encode()):
        return HTTPStatus.BAD_REQUEST
    # One host, and no codings in 1.0, which need not name one (RFC 9112, sections 3.2 and 6.1).
    if version != "1.1" and (version != "1.0" or codings):
        return HTTPStatus.BAD_REQUEST
    if hosts > 1 or (version == "1.1" if host is None else not is_host(host)):
        return HTTPStatus.BAD_REQUEST
    if method == b"CONNECT" or not _is_spoken(codings, delimited_by):
        return HTTPStatus.NOT_IMPLEMENTED
    waits = waits and version == "1.1"  # RFC 9110, section 10.1.1
    return Framing(delimited_by, waits) if is_target(target) else HTTPStatus.BAD_REQUEST


def is_kept(version: str, headers: Headers) -> bool:
    """Whether another request may come after this one (RFC 9112, section 9.3): of an old caller, if
    it asks for that. ``close`` is believed whatever else is said."""
    options: set[bytes] = set()
    for name, value in headers:
        if name == b"connection":
            options.update(option.strip(b" \t") for option in value.lower().split(b","))
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def _is_spoken(codings: int, delimited_by: Field | None) -> bool:
    """Whether a body in these codings can be read: in chunks only, and said once."""
    chunked = delimited_by is not None and delimited_by[1].lower() == b"chunked"
    return codings == 0 or (codings == 1 and chunked)
