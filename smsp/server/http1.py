"""PURE. HTTP/1.1 on a caller's connection: requests from bytes. Answers are in
:mod:`smsp.server.response_writer`.

Owns what RFC 9112 asks of a server. The parser is strict: what two parsers could read in two ways
(both lengths, folded lines, bare line feeds) is refused and the connection ends, since that is how
requests are smuggled past a proxy. Knows nothing of connections, routes or JSON.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from smsp.server.receive_buffer import ReceiveBuffer
from smsp.server.request_head import (
    FIELD_BYTES,
    HEAD_BYTES_MAX,
    Field,
    Head,
    Headers,
    is_kept,
    judge,
)
from smsp.web.request_target import TARGET_BYTES_MAX, is_request_line

FRAMING_BYTES_MAX = 8 * 1024
FRAMING_BYTES_A_BYTE = 8
"""What surrounds a body (sizes and extensions of chunks, trailers) may have so many bytes, and so
many more for each byte of the body: a chunk of one byte needs five."""
PIECES_AT_ONCE = 256
"""A body may be written so that it has to be parsed a few bytes at a time. Of that, no more is done
than takes a fraction of a millisecond before somebody asks for it."""

_NO_BODY: Field = (b"", b"")
_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


@dataclass(frozen=True, slots=True)
class End:
    """The end of a request."""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What came is no request, and nothing after it will be read. ``status`` says so."""

    status: HTTPStatus


RequestEvent = Head | bytes | End | BadRequest


class RequestParser:
    """The requests on one connection, one after another; none with more than ``headers_max``
    headers, nor trailers.

    One request at a time is parsed: bytes behind it stay bytes until it has been taken to its end.
    A head is judged as it comes, so that no more is held of one than its bytes and ``headers_max``
    small objects, and it is refused at the first byte or header that is too many.

    The methods that begin with ``on_`` are the parser's, which finds them by their names.
    """

    def __init__(self, headers_max: int) -> None:
        self._headers_max = headers_max
        self._unread = ReceiveBuffer()
        self._events: deque[RequestEvent | bytearray] = deque()
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = HttpRequestParser(self)
        self._whole = False
        self._faulty = False
        self._resumes = False
        self._begin()

    def next(self) -> RequestEvent | None:
        """What comes next, as far as it is known: a head, pieces of its body, its end."""
        while not self._events:
            if self._unread.empty:
                return None
            self._read_on()
        event = self._events.popleft()
        if isinstance(event, End):
            self._go_on()
        return bytes(event) if isinstance(event, bytearray) else event

    def take_end(self) -> bool:
        """Whether the end of the request comes next; then it is taken."""
        return bool(self._events) and isinstance(self._events[0], End) and self.next() is not None

    def take_body(self) -> bytes | None:
        """The rest of the body, if its end has come; then all of it is taken."""
        while not (self._whole or self._unread.empty):
            self._read_on()
        if not self._whole or isinstance(self._events[0], Head):
            return None
        body = self._events.popleft()
        if isinstance(body, End):
            body = b""
        else:
            self._events.popleft()
        self._go_on()
        assert isinstance(body, bytes | bytearray), "pieces of a body are one"
        return bytes(body)

    @property
    def waiting(self) -> bool:
        """Whether something has come that nobody has asked for."""
        return bool(self._events) or not self._unread.empty

    @property
    def in_a_head(self) -> bool:
        """Whether a head has begun to come, and has not ended."""
        return self._in_a_head and not self._events

    @property
    def held_bytes(self) -> int:
        """About how much memory it takes what has come and has not been taken to its end."""
        pieces = sum(len(event) for event in self._events if isinstance(event, bytes | bytearray))
        objects = FIELD_BYTES * len(self._headers)
        return self._head_bytes + objects + len(self._unread) + pieces

    def feed(self, data: bytes) -> None:
        """Take what has come. The connection's end is nothing of a request."""
        if self._faulty or not data:
            return
        self._unread.add(data)
        self._read_on()

    def close(self) -> None:
        """Hear nothing more, and let go of everything. The parser knows us as we know it: without
        this both stay until the garbage collector comes."""
        self._faulty = True
        self._whole = False
        self._events.clear()
        self._drop()

    # -- piece by piece

    def _begin(self) -> None:
        """Nothing is known of the next request."""
        self._in_a_head = False
        self._head_bytes = 0
        self._lines = 0
        self._line = b""
        self._target = b""
        self._headers: Headers = []
        self._delimited_by: Field | None = None
        self._left_bytes = 0
        self._chunked = False
        self._framing_bytes = 0

    def _go_on(self) -> None:
        """The request has been taken. The next one may have come."""
        self._whole = False
        self._begin()
        self._read_on()

    def _read_on(self) -> None:
        """Parse, as far as the end of this request, and not too much at once. The parser cannot be
        told to stop, so it is given no more than it may read."""
        unread = self._unread
        for _ in range(PIECES_AT_ONCE):
            if unread.empty or self._whole or self._faulty:
                break
            if self._left_bytes:
                self._parse(unread.take(self._left_bytes))
            elif self._chunked:
                self._parse_framed(unread.take_to_an_empty_line())
            else:
                self._parse_head()
        if self._faulty:
            self._drop()

    def _drop(self) -> None:
        """Nothing more is parsed, and nobody needs what was, which may be much."""
        self._begin()
        self._unread.clear()
        self._parser = HttpRequestParser(None)

    def _parse_head(self) -> None:
        """More of a head. Ends of lines before it are no part of it (RFC 9112, section 2.2), but
        counted. The parser tells of a header when it sees the next one: that there are too many is
        known earlier by their lines."""
        dropped = 0 if self._in_a_head else self._unread.drop_line_ends()
        piece = self._unread.take_to_an_empty_line()
        self._head_bytes += dropped + len(piece)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._fault(_TOO_LARGE)
            return
        if self._line[-1:] != b"\n":
            self._line += piece[: piece.find(b"\n") + 1] or piece
        self._parse(piece)
        if self._in_a_head:
            self._lines += piece.count(b"\n")
            if self._lines > 1 + self._headers_max:
                self._fault(_TOO_LARGE)

    def _parse_framed(self, piece: bytes) -> None:
        self._framing_bytes += len(piece)
        self._parse(piece)
        if self._framing_bytes > FRAMING_BYTES_MAX:
            self._fault(_TOO_LARGE)

    def _parse(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except HttpParserUpgrade:
            if not self._faulty:
                self._go_on_in_http()
        except HttpParserInvalidMethodError:
            known = is_request_line(self._line)
            self._fault(HTTPStatus.NOT_IMPLEMENTED if known else HTTPStatus.BAD_REQUEST)
        except HttpParserError:
            self._fault(HTTPStatus.BAD_REQUEST)
        if self._pieces:
            self._gather()

    def _gather(self) -> None:
        """Make one of all pieces of the body that nobody has taken yet. There may be thousands of
        the smallest, which as objects of their own would take many times their bytes."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        if self._chunked:
            spared = (1 + FRAMING_BYTES_A_BYTE) * len(body)
            self._framing_bytes = max(0, self._framing_bytes - spared)
        else:
            self._left_bytes -= len(body)
        last = self._events[-1] if self._events else None
        if isinstance(last, bytes | bytearray):
            self._events[-1] = (bytearray(last) if isinstance(last, bytes) else last) + body
        else:
            self._events.append(body)

    def _go_on_in_http(self) -> None:
        """We speak no other protocol, so what follows is HTTP (RFC 9110, section 7.8). The parser
        has left the body out; another one, which is told how it is delimited, reads it."""
        if self._delimited_by is not None:
            self._resumes = True
            self._parser = HttpRequestParser(self)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % self._delimited_by)
            self._resumes = False

    def _fault(self, status: HTTPStatus) -> None:
        if self._faulty:
            return
        self._faulty = True
        if self._pieces:
            self._gather()
        self._events.append(BadRequest(status))

    def _refuse(self, status: HTTPStatus) -> NoReturn:
        """Stop the parser, which would read on and hand over what it finds."""
        self._fault(status)
        raise _Enough

    # -- the parser's

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_a_head = not self._resumes

    def on_url(self, piece: bytes) -> None:
        """Some of the target."""
        if not self._resumes:
            self._target += piece
            if len(self._target) > TARGET_BYTES_MAX:
                self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which is dropped with the next request."""
        self._headers.append((name.lower(), value))
        if len(self._headers) > self._headers_max:
            self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._resumes:
            return
        self._in_a_head = False
        headers, self._headers = self._headers, []
        method, version = self._parser.get_method(), self._parser.get_http_version()
        framing = judge(self._line, method, self._target, version, headers)
        if isinstance(framing, HTTPStatus):
            self._refuse(framing)
        self._delimited_by, waits = framing
        name, value = self._delimited_by or _NO_BODY
        self._chunked = name == b"transfer-encoding"
        self._left_bytes = int(value) if name == b"content-length" else 0
        keeps = is_kept(version, headers)
        head = Head(method.decode("ascii"), self._target, version, headers, keeps, waits)
        self._events.append(head)

    def on_message_complete(self) -> None:
        """The end of the request."""
        if self._delimited_by is not None and self._parser.should_upgrade():
            return  # The parser leaves the body out.
        if self._pieces:
            self._gather()
        self._whole = True
        self._events.append(End())


class _Enough(Exception):
    """What has come is refused; the rest of it need not be parsed."""
