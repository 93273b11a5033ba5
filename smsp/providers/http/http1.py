"""PURE. HTTP/1.1 on the wire, from our side: a request as bytes, answers from bytes.

Owns what RFC 9112 asks of a client, and the bound of what a peer may say around a body. Knows
nothing of connections. The words of the errors are httpx's, as those of any of its transports.
"""

from __future__ import annotations

import re
from functools import lru_cache

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

HEAD_BYTES_MAX = 64 * 1024
"""Past so much of an answer in which there is no body, no more is read: heads, interim answers,
the framing of chunks, trailers."""

_REQUEST_LINE = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n")
_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n]*\r\n")
_DELIMITING = frozenset({b"content-length", b"transfer-encoding"})


def head_of(request: httpx.Request) -> tuple[bytes, int]:
    """A request's head, and the length of the body that has to follow.

    Raises ``httpx.LocalProtocolError`` for what cannot be written: a value that would end its
    line, a body without a length, a method whose answers are read by another rule (HEAD, CONNECT).
    """
    fields = [_field(name, value) for name, value in request.headers.raw]
    if not fields:
        raise httpx.LocalProtocolError("not a request that can be sent")
    lines = [line for line, _ in fields]
    head = b"".join((_request_line(request.method, request.url.raw_path), *lines, b"\r\n"))
    return head, sum([body_bytes for _, body_bytes in fields])


# Both are remembered: from one call to the next a provider's requests differ in few lines.
@lru_cache(maxsize=64)
def _request_line(method: str, target: bytes) -> bytes:
    line = b"%b %b HTTP/1.1\r\n" % (method.encode(), target)
    if method in ("HEAD", "CONNECT") or _REQUEST_LINE.fullmatch(line) is None:
        raise httpx.LocalProtocolError("not a request that can be sent")
    return line


@lru_cache(maxsize=256)
def _field(name: bytes, value: bytes) -> tuple[bytes, int]:
    """A field's line, and what it says of the body's length; 0 if nothing."""
    line = b"%b: %b\r\n" % (name, value)
    if _FIELD_LINE.fullmatch(line) is None:
        raise httpx.LocalProtocolError("not a request that can be sent")
    match name.lower():
        case b"content-length":
            return line, int(value)
        case b"transfer-encoding":
            raise httpx.LocalProtocolError("a request's body is sent with its length")
        case _:
            return line, 0


class ResponseParser:
    """The answers on one connection, one after another. ``begin`` is called before each.

    The methods that begin with ``on_`` are the parser's, which finds them by their names.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Expect an answer."""
        self.status: int | None = None
        """Set once the head of the answer is whole; interim answers (1xx) are passed over."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.in_head = False
        """Whether a head has begun, and it is not known yet whether it is that of the answer."""
        self.complete = False
        self.reusable = False
        """Whether another request may follow (RFC 9112, section 9.3)."""
        self._pieces: list[bytes] = []
        self._bodiless_bytes = 0

    def take(self) -> bytes:
        """What has come of the body since this was last asked."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def has_more(self) -> bool:
        """Whether there is something to take."""
        return bool(self._pieces)

    def feed(self, data: bytes) -> None:
        """Take what has come; empty for the connection's end.

        Raises ``httpx.RemoteProtocolError`` when it is no answer, too long, or cut short.
        """
        if not data:
            self._connection_ended()
            return
        if self._bodiless_bytes > HEAD_BYTES_MAX:
            raise httpx.RemoteProtocolError("an answer without an end")
        self._bodiless_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.reusable = False
            if not self.complete:  # What comes after an answer does not change it.
                raise httpx.RemoteProtocolError("not an HTTP/1.1 answer") from error

    def _connection_ended(self) -> None:
        delimited = any(name.lower() in _DELIMITING for name, _ in self.headers)
        if self.status is None or delimited:
            raise httpx.RemoteProtocolError("the connection ended before the answer did")
        self.complete = True

    # -- the parser's

    def on_message_begin(self) -> None:
        """Another answer begins. After a whole one nobody has asked for it."""
        self.reusable = False
        self.in_head = not self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the head it is a trailer, which is dropped."""
        if self.status is None:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self.complete:
            return
        self.in_head = False
        status = self._parser.get_status_code()
        interim = status < 200
        if interim:
            self.headers = []
        else:
            self.status = status

    def on_body(self, piece: bytes) -> None:
        """Some of the body."""
        if not self.complete:
            self._pieces.append(piece)
            self._bodiless_bytes = 0

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self.status is not None and not self.complete:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()
