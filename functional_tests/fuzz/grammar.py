"""PURE. RFC 9112 read once more, apart from SMSP and its parser: which requests a stream holds.

Strict wherever two readers could differ. Where the standard lets a server be lenient and nothing is
gained by it for who smuggles, this one is no stricter than llhttp: blank lines before a request
however they end, more than one space in its first line, the protocols' names RTSP and ICE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([!-~]+) +(?:HTTP|RTSP|ICE)/(1\.[01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?")

Headers = tuple[tuple[bytes, bytes], ...]


class Ending(Enum):
    """How a stream ends."""

    CLEAN = auto()
    """After a whole request, or before the first."""
    LAST = auto()
    """After a request that says that it is the last; what follows is nobody's."""
    CUT = auto()
    """Within a request that more bytes might complete."""
    BAD_HEAD = auto()
    BAD_BODY = auto()
    """With what no bytes could make a request. Nothing from there on is one."""


@dataclass(frozen=True)
class Head:
    """What stands before a body. Names are in lower case."""

    method: bytes
    target: bytes
    version: bytes
    headers: Headers

    def values(self, name: bytes) -> list[bytes]:
        """Of all the headers of this name."""
        return [value for each, value in self.headers if each == name]

    @property
    def last(self) -> bool:
        """Whether no request may follow."""
        options = b",".join(self.values(b"connection")).lower().split(b",")
        said = [option.strip() for option in options]
        return b"close" in said or (self.version == b"1.0" and b"keep-alive" not in said)


@dataclass(frozen=True)
class Request:
    """A whole request."""

    head: Head
    body: bytes


@dataclass(frozen=True)
class Reading:
    """A stream's whole requests, and how it ends; ``begun`` is the head of a request that is not
    whole: a server may answer that without its body."""

    requests: tuple[Request, ...]
    ending: Ending
    begun: Head | None = None

    @property
    def methods(self) -> list[bytes]:
        """Of all who may be answered."""
        begun = [] if self.begun is None else [self.begun.method]
        return [request.head.method for request in self.requests] + begun


class _Cut(Exception):
    """The bytes end here."""


class _Bad(Exception):
    """No request could begin so."""


def read(stream: bytes) -> Reading:
    """Read as far as there are requests."""
    reader = _Reader(stream)
    requests: list[Request] = []
    head: Head | None = None
    while not reader.over:
        try:
            head = None
            head = reader.head()
            requests.append(Request(head, reader.body(head)))
        except _Cut:
            return Reading(tuple(requests), Ending.CUT, head)
        except _Bad:
            ending = Ending.BAD_HEAD if head is None else Ending.BAD_BODY
            return Reading(tuple(requests), ending, head)
        if head.last:
            return Reading(tuple(requests), Ending.LAST)
    return Reading(tuple(requests), Ending.CLEAN)


class _Reader:
    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._at = 0

    @property
    def over(self) -> bool:
        """Whether nothing but blank lines is left."""
        while self._stream[self._at : self._at + 1] in (b"\r", b"\n"):
            self._at += 1
        return self._at == len(self._stream)

    def head(self) -> Head:
        method, target, version = _matched(_REQUEST_LINE, self._line())
        head = Head(method, target, version, self._fields())
        if len(head.values(b"host")) > 1 or not (head.values(b"host") or version == b"1.0"):
            raise _Bad
        lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
        if lengths and (codings or len(lengths) > 1 or not lengths[0].isdigit()):
            raise _Bad
        if codings and (version == b"1.0" or [one.lower() for one in codings] != [b"chunked"]):
            raise _Bad
        return head

    def body(self, head: Head) -> bytes:
        if head.values(b"transfer-encoding"):
            return b"".join(self._chunks())
        (length,) = head.values(b"content-length") or [b"0"]
        return self._take(int(length))

    def _chunks(self) -> list[bytes]:
        chunks = []
        while size := int(_matched(_CHUNK, self._line())[0], 16):
            chunks.append(self._take(size))
            if self._take(2) != b"\r\n":
                raise _Bad
        trailers = Head(b"", b"", b"", self._fields())
        if trailers.values(b"content-length") or trailers.values(b"transfer-encoding"):
            raise _Bad
        return chunks

    def _fields(self) -> Headers:
        fields = []
        while line := self._line():
            name, value = _matched(_FIELD, line)
            fields.append((name.lower(), value))
        return tuple(fields)

    def _line(self) -> bytes:
        """Up to CR and LF, of which neither may stand alone."""
        line, ended, _ = self._stream[self._at :].partition(b"\r\n")
        if b"\n" in line or b"\r" in (line if ended else line[:-1]):
            raise _Bad
        if not ended:
            raise _Cut
        self._at += len(line) + 2
        return line

    def _take(self, size: int) -> bytes:
        taken = self._stream[self._at : self._at + size]
        if len(taken) < size:
            raise _Cut
        self._at += size
        return taken


def _matched(pattern: re.Pattern[bytes], line: bytes) -> tuple[bytes, ...]:
    match = pattern.fullmatch(line)
    if match is None:
        raise _Bad
    return match.groups()
