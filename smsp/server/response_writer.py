"""PURE. HTTP/1.1 on a caller's connection: the bytes of an answer, and whether another may follow.

Owns how a body is delimited, and that nothing an answer says can end its line. Knows nothing of
connections, routes or JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from smsp.server.request_head import Head

_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n]*\r\n)*")
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_STATUS_LINES: Mapping[int, bytes] = MappingProxyType(
    {
        status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
        for status in HTTPStatus
    }
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ResponseWriter:
    """The answer to one request, as bytes: ``head``, pieces, ``end``."""

    def __init__(self, request: Head | None) -> None:
        self._version = "1.1" if request is None else request.version
        self._to_head = request is not None and request.method == "HEAD"
        self._bodiless = False
        self._chunked = False
        self._left_bytes: int | None = None
        self.closes = request is None or not request.keeps
        """Whether the connection ends with this answer."""

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Status line and headers. Says how the body is delimited, unless the headers do."""
        fields = [(name, value) for name, value in headers if name != b"transfer-encoding"]
        said = dict(fields)
        self._bodiless = self._to_head or status in _BODILESS
        if b"content-length" in said:
            self._left_bytes = 0 if self._bodiless else int(said[b"content-length"])
        elif not self._bodiless and self._version == "1.1":
            self._chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
        elif not self._bodiless:
            self.closes = True  # An old caller knows no other end of such a body.
        if said.get(b"connection", b"").lower() == b"close":
            self.closes = True
        elif self.closes:
            fields.append((b"connection", b"close"))
        elif self._version == "1.0":
            fields.append((b"connection", b"keep-alive"))
        lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        if _FIELDS.fullmatch(lines) is None or lines.count(b"\r\n") != len(fields):
            raise ValueError("a header of an answer that would end its line")
        return b"%b%b\r\n" % (_STATUS_LINES.get(status, b"HTTP/1.1 %d \r\n" % status), lines)

    def piece(self, data: bytes) -> bytes:
        """Some of the body; nothing, where an answer has none (RFC 9112, section 6.3)."""
        if self._bodiless:
            return b""
        if self._left_bytes is not None:
            self._left_bytes -= len(data)
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked and data else data

    def end(self) -> bytes:
        """The end of the body. A body that is not as long as it said ends the connection."""
        self.closes = self.closes or bool(self._left_bytes)
        return b"0\r\n\r\n" if self._chunked else b""
