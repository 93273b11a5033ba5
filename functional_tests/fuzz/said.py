"""PURE. What a caller may say, from which cases are made: requests that are right, and their parts.

Every message has a subject of its own, so that what a provider has taken can be traced to the bytes
that it came from.
"""

from __future__ import annotations

import json
from random import Random

from functional_tests.kit.smsp import KEY

BODY_BYTES_MAX = 64 * 1024
"""What the server under test takes."""

CRLF = b"\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

_NAMES = (b"X-API-KEY", b"x-api-key", b"X-Api-Key")
_GAPS = (b" ", b"", b"\t", b"   ")
_EXTENSIONS = (b"", b"", b";a", b";a=b", b';a="b c"')
_TRAILERS = (b"", b"", b"X: y\r\n", b"X: Content-Length\r\nX-B: 7\r\n")


class Said:
    """Requests of one case, whose messages are numbered."""

    def __init__(self, rng: Random, name: str) -> None:
        self._rng = rng
        self._name = name
        self._messages = 0

    def head(self, method: bytes, target: bytes, *fields: bytes, version: bytes = b"1.1") -> bytes:
        """A head with a key, its fields in any order."""
        key = self._rng.choice(_NAMES) + b":" + self._rng.choice(_GAPS) + KEY.encode() + CRLF
        lines = [b"Host: x\r\n", key, *fields]
        self._rng.shuffle(lines)
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version, b"".join(lines))

    def message(self) -> bytes:
        """The next message."""
        self._messages += 1
        message = {
            "fromaddress": "alice@mail.example.com",
            "toaddress": "bob@example.org",
            "subject": f"{self._name}/{self._messages}",
            "plaintextbody": "a" * self._rng.choice([0, 1, 100, 3000]),
        }
        return json.dumps(message).encode()

    def email(self, *fields: bytes, version: bytes = b"1.1") -> bytes:
        """A message to be sent."""
        return self.posted(self.message(), JSON, *fields, version=version)

    def posted(self, body: bytes, *fields: bytes, version: bytes = b"1.1") -> bytes:
        """A body with its length."""
        length = b"Content-Length: %d\r\n" % len(body)
        return self.head(b"POST", b"/email", length, *fields, version=version) + body

    def chunked(self, body: bytes, *fields: bytes) -> bytes:
        """A body in chunks."""
        return self.head(b"POST", b"/email", CHUNKED, *fields) + self.chunks(body)

    def chunks(self, body: bytes) -> bytes:
        """Cut anywhere, with extensions, and perhaps a trailer."""
        cuts = sorted(self._rng.sample(range(1, len(body)), min(len(body) - 1, 3)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        framed = [b"%x%b\r\n%b\r\n" % (len(one), self._extension(), one) for one in pieces]
        return b"".join(framed) + b"0\r\n" + self._rng.choice(_TRAILERS) + CRLF

    def _extension(self) -> bytes:
        return self._rng.choice(_EXTENSIONS)


def tame(rng: Random, said: Said) -> tuple[bytes, int]:
    """A request after which another may follow, and the status of its answer."""
    return rng.choice(_TAME)(said)


def last(rng: Random, said: Said) -> tuple[bytes, int]:
    """A request after which no other is answered, and the status of its own answer."""
    return rng.choice(_LAST)(said)


_UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"

_TAME = (
    lambda said: (said.email(), 200),
    lambda said: (said.email(b"Expect: 100-continue\r\n"), 200),
    lambda said: (said.email(_UPGRADE), 200),
    lambda said: (said.email(b"Connection: keep-alive\r\n", version=b"1.0"), 200),
    lambda said: (said.chunked(said.message(), JSON), 200),
    lambda said: (said.chunked(said.message(), JSON, b"Expect: 100-continue\r\n"), 200),
    lambda said: (said.chunked(said.message(), JSON, _UPGRADE), 200),
    lambda said: (said.posted(said.message()[:-1], JSON), 400),
    lambda said: (said.posted(said.message()), 415),
    lambda said: (said.posted(b"{}", JSON), 422),
    lambda said: (said.email(b"SMSP-Deadline: never\r\n"), 400),
    lambda said: (said.head(b"GET", b"/livez"), 200),
    lambda said: (said.head(b"GET", b"/livez?a=b", b"Content-Length: 5\r\n") + b"hello", 200),
    lambda said: (said.head(b"GET", b"http://x/livez"), 200),
    lambda said: (said.head(b"HEAD", b"/livez"), 200),
    lambda said: (said.head(b"OPTIONS", b"/email"), 200),
    lambda said: (said.head(b"GET", b"/nowhere"), 404),
    lambda said: (said.head(b"GET", b"/%00/%ff/../\\"), 404),
    lambda said: (said.head(b"DELETE", b"/livez"), 405),
    lambda said: (said.head(b"TRACE", b"/livez"), 405),
    lambda said: (said.head(b"M-SEARCH", b"/email"), 405),
)
_LAST = (
    lambda said: (said.email(b"Connection: close\r\n"), 200),
    lambda said: (said.email(b"Connection: x , Close\r\n"), 200),
    lambda said: (said.email(version=b"1.0"), 200),
    lambda said: (said.email(b"Connection: keep-alive, close\r\n", version=b"1.0"), 200),
    lambda said: (said.head(b"CONNECT", b"x:1"), 501),
)
