"""PURE. HTTP/1.1 on a caller's connection: requests from bytes, answers to bytes.

Owns what RFC 9112 asks of a server. The parser is strict: what two parsers could read in two ways
(both lengths, folded lines, bare line feeds) is refused and the connection ends, since that is how
requests are smuggled past a proxy. Knows nothing of connections, routes or JSON.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

HEAD_BYTES_MAX = 64 * 1024
"""Past so much of a request in which there is no body, no more is read: its head, the framing of
chunks, trailers."""

Headers = list[tuple[bytes, bytes]]

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r\n")
_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n]*\r\n)*")
_DELIMITING = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_STATUS_LINES: Mapping[int, bytes] = MappingProxyType(
    {
        status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
        for status in HTTPStatus
    }
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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


@dataclass(frozen=True, slots=True)
class End:
    """The end of a request."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What came is no request, and nothing after it will be read. ``status`` says so."""

    status: HTTPStatus


Event = Head | bytes | End | Fault


class Requests:
    """The requests on one connection, one after another; none with more than ``headers_max``.

    The methods that begin with ``on_`` are the parser's, which finds them by their names.
    """

    def __init__(self, headers_max: int) -> None:
        self._headers_max = headers_max
        self._parser = HttpRequestParser(self)
        self._events: deque[Event] = deque()
        self._faulty = False
        self._bodiless_bytes = 0
        self._in_a_head = False
        self._method_unread = True
        self._resumes = False
        self._delimited_by: tuple[bytes, bytes] | None = None
        self._waits = False
        self._target = b""
        self._headers: Headers = []

    def next(self) -> Event | None:
        """What comes next, as far as it is known: a head, pieces of its body, its end."""
        return self._events.popleft() if self._events else None

    def take_end(self) -> bool:
        """Whether the end of the request comes next; then it is taken."""
        ends = bool(self._events) and isinstance(self._events[0], End)
        if ends:
            self._events.popleft()
        return ends

    def take_body(self) -> bytes | None:
        """The rest of the body, if its end has come; then all of it is taken."""
        pieces: list[bytes] = []
        for event in self._events:
            if isinstance(event, End):
                for _ in range(len(pieces) + 1):
                    self._events.popleft()
                return b"".join(pieces)
            if not isinstance(event, bytes):
                break
            pieces.append(event)
        return None

    @property
    def waiting(self) -> bool:
        """Whether something is known that nobody has asked for."""
        return bool(self._events)

    @property
    def in_a_head(self) -> bool:
        """Whether a head has begun to come, and has not ended."""
        return self._in_a_head and not self._events

    def feed(self, data: bytes) -> None:
        """Take what has come. The connection's end is nothing of a request."""
        if self._faulty or not data:
            return
        if self._bodiless_bytes > HEAD_BYTES_MAX:
            self._fault(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._bodiless_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            (offset,) = upgrade.args
            if not self._faulty:
                self._go_on_in_http(data[offset:])
        except HttpParserInvalidMethodError:
            known = self._method_unread and _REQUEST_LINE.match(data)
            self._fault(HTTPStatus.NOT_IMPLEMENTED if known else HTTPStatus.BAD_REQUEST)
        except HttpParserError:
            self._fault(HTTPStatus.BAD_REQUEST)

    def _go_on_in_http(self, rest: bytes) -> None:
        """We speak no other protocol, so what follows is HTTP (RFC 9110, section 7.8). The parser
        has left the body out; another one, which is told how it is delimited, reads it."""
        if self._delimited_by is not None:
            self._resumes = True
            self._parser = HttpRequestParser(self)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % self._delimited_by)
            self._resumes = False
        if rest:
            self.feed(rest)

    def _fault(self, status: HTTPStatus) -> None:
        if not self._faulty:
            self._faulty = True
            self._events.append(Fault(status))

    def _judge(self, version: str) -> HTTPStatus | None:
        """What is wrong with a head that the parser takes."""
        hosts, codings = self._look_through()
        if len(self._headers) > self._headers_max:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if version not in ("1.0", "1.1"):
            return HTTPStatus.BAD_REQUEST
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            return HTTPStatus.BAD_REQUEST
        if codings and version == "1.0":
            return HTTPStatus.BAD_REQUEST
        if codings not in ([], [b"chunked"]) or self._parser.get_method() == b"CONNECT":
            return HTTPStatus.NOT_IMPLEMENTED
        return None

    def _look_through(self) -> tuple[int, list[bytes]]:
        """Once through the head: how many hosts, and which codings. Notes what else it says."""
        self._waits, self._delimited_by = False, None
        hosts, codings = 0, list[bytes]()
        for field in self._headers:
            name, value = field
            if name == b"host":
                hosts += 1
            elif name == b"expect":
                self._waits = self._waits or value.lower() == b"100-continue"
            elif name in _DELIMITING:
                self._delimited_by = self._delimited_by or field
                if name == b"transfer-encoding":
                    codings.append(value.lower())
        return hosts, codings

    # -- the parser's

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_a_head = True
        self._target = b""
        self._headers = []

    def on_url(self, piece: bytes) -> None:
        """Some of the target."""
        self._method_unread = False
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the head it is a trailer, which is dropped with the next request."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_a_head = False
        if self._faulty or self._resumes:
            return
        version = self._parser.get_http_version()
        wrong = self._judge(version)
        if wrong is not None:
            self._fault(wrong)
            return
        self._events.append(
            Head(
                self._parser.get_method().decode("ascii"),
                self._target,
                version,
                self._headers,
                keeps=version == "1.1" and self._parser.should_keep_alive(),
                waits=self._waits,
            )
        )
        self._headers = []

    def on_body(self, piece: bytes) -> None:
        """Some of the body."""
        if not self._faulty:
            self._events.append(piece)
            self._bodiless_bytes = 0

    def on_message_complete(self) -> None:
        """The end of the request."""
        self._method_unread = True
        self._bodiless_bytes = 0
        body_left_out = self._parser.should_upgrade() and self._delimited_by is not None
        if not (self._faulty or body_left_out):
            self._events.append(End())


class Answer:
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
        if said.get(b"connection", b"").lower() == b"close":
            self.closes = True
        elif self.closes:
            fields.append((b"connection", b"close"))
        if b"content-length" in said:
            self._left_bytes = 0 if self._bodiless else int(said[b"content-length"])
        elif not self._bodiless and self._version == "1.1":
            self._chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
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
