"""What a caller asks and hears, as httpx has it. Does no I/O.

Requests go to httpx's transports as they are: its client would follow every answer's redirect as
far as reading it, keep its cookies and decompress it, and none of those is SMSP's.
"""

from __future__ import annotations

import re

import httpx

from smsp.client.answers import HeardAnswer, Lost
from smsp.client.steps import DEADLINE_S_MIN, Clock, SendRequest

CONNECT_S = 10.0
GRACE_S = 5.0
"""How much longer than its deadline an answer is waited for: it is SMSP who says that time is up,
and what it knows then."""
ANSWER_BYTES_MAX = 2**20
LIMITS = httpx.Limits(max_connections=100)

FIELD = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""What a header's field can carry as it is."""
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
FAILURES = (httpx.RequestError, OSError)
"""Of a connection: asyncio's TLS streams let what is wrong with a record through as it is."""


class Target:
    """Where requests go, and with which key; it is shown to nobody else."""

    def __init__(self, url: str, key: str) -> None:
        if key and not FIELD.fullmatch(key):
            raise ValueError("no header can carry this key: does it end in a line break?")
        self._key = key
        self._base = _base(url)

    def request(self, ask: SendRequest) -> httpx.Request:
        """What is asked, on its way to SMSP."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "smsp-client",
            "X-API-KEY": self._key,
        }
        patience_s = max(DEADLINE_S_MIN, ask.patience_s)
        answer_s = patience_s + GRACE_S
        timeout = httpx.Timeout(answer_s, connect=min(patience_s, CONNECT_S), pool=patience_s)
        return httpx.Request(
            ask.method,
            self._base + ask.path,
            headers=headers | dict(ask.headers),
            content=ask.content or None,
            extensions={"timeout": timeout.as_dict()},
        )


class JsonBody:
    """What comes of an answer's body: at most ``ANSWER_BYTES_MAX``, and not for ever.

    It is never decompressed: nobody asked for that, and a small one may become a large one.
    """

    def __init__(self, clock: Clock, patience_s: float) -> None:
        self._clock = clock
        self._until = clock() + max(DEADLINE_S_MIN, patience_s) + GRACE_S
        self._bytes = bytearray()
        self.over = False

    def take(self, chunk: bytes) -> bool:
        """Keep the next piece; whether any more is wanted."""
        self.over = self.over or len(self._bytes) + len(chunk) > ANSWER_BYTES_MAX
        self.over = self.over or self._clock() > self._until
        if not self.over:
            self._bytes += chunk
        return not self.over

    def reply(self, response: httpx.Response) -> HeardAnswer | Lost:
        """The answer, if it can be read."""
        if self.over:
            return Lost("it was too long, or too slow")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return Lost("it was compressed, which SMSP never does")
        return HeardAnswer(response.status_code, dict(response.headers), bytes(self._bytes))


def lost(error: httpx.RequestError | OSError) -> Lost:
    """Why there is no answer, and whether that proves that nothing was asked."""
    return Lost(f"{type(error).__name__} {error}".rstrip(), unsent=isinstance(error, _UNSENT))


def _base(url: str) -> str:
    try:
        parsed = httpx.URL(url)
        parsed.raw_host.decode("ascii").encode("idna")  # as the resolver will: no empty label ...
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("this is no URL of an SMSP") from None  # which may have a secret
    if parsed.scheme not in ("http", "https") or not parsed.host or b"%" in parsed.raw_host:
        raise ValueError("the URL of an SMSP begins with http:// or https:// and a host")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("the URL of an SMSP has no user, no query and no fragment")
    return str(parsed).rstrip("/")
