"""PURE. What a server says on one connection, read by a strict client (h11)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import h11


@dataclass(frozen=True)
class Answer:
    """One answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that it is the last."""
        return self.headers.get("connection", "").lower() == "close"

    @property
    def sent(self) -> str | None:
        """SMSP's id of the message that was sent, if it says so."""
        if self.status != 200 or self.headers.get("content-type") != "application/json":
            return None
        said = json.loads(self.body or b"{}")
        return said["id"] if said.get("outcome") == "sent" else None


class NoAnswer(Exception):
    """Bytes that are none, or more than there may be."""


class Answers:
    """Answers to requests of these methods, in order, out of bytes in any pieces."""

    def __init__(self, methods: Iterable[bytes]) -> None:
        self._methods = iter(methods)
        self.whole: list[Answer] = []
        self._head: h11.Response | None = None
        self._body = b""
        self._begin(b"")

    def feed(self, data: bytes) -> None:
        """Take what has come; empty for the end. Raises ``NoAnswer``."""
        if self.whole and self.whole[-1].closes and data:
            raise NoAnswer("more after an answer that says it is the last")
        if not data and not self._begun:
            return
        try:
            self._http.receive_data(data)
            self._begun = self._begun or bool(data)
            self._read()
        except h11.RemoteProtocolError as error:
            raise NoAnswer(str(error)) from error

    def _read(self) -> None:
        while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            match event:
                case h11.Response():
                    self._head = event
                case h11.Data(data=data):
                    self._body += data
                case h11.EndOfMessage():
                    assert self._head is not None
                    fields = {name.decode(): value.decode() for name, value in self._head.headers}
                    self.whole.append(Answer(self._head.status_code, fields, self._body))
                    self._begin(self._http.trailing_data[0])
                    return
                case h11.ConnectionClosed():
                    return

    def _begin(self, rest: bytes) -> None:
        self._head, self._body, self._begun = None, b"", False
        method = next(self._methods, b"GET")
        # How an answer is delimited depends on the method; of CONNECT nothing is answered but 501.
        method = b"GET" if method == b"CONNECT" else method
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x")]))
        self._http.send(h11.EndOfMessage())
        if rest:
            self.feed(rest)
