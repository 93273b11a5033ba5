"""PURE. What an SMTP server says: bytes in, whole replies out; strict, and bounded.

Knows neither the connection that the bytes come from nor what is being asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from smsp.providers.smtp.phases import NotSmtp, SmtpReply

LINE_BYTES_MAX = 8192
LINES_MAX = 100
REPLY_BYTES_MAX = 64 * 1024
"""More is not read: no server's reply is this long. RFC 5321 §4.5.3.1.5 asks for 512 bytes a line,
which a hundred lines come to less than."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n", re.DOTALL)
_EXTENSION = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?: |$|(?<=AUTH)=)(.*)", re.IGNORECASE)


class Replies:
    """The bytes that have come, of which :meth:`next` makes replies."""

    def __init__(self) -> None:
        self._come = bytearray()
        self._searched_bytes = 0
        self._lines: list[bytes] = []
        self._code = b""
        self._reply_bytes = 0

    @property
    def silent(self) -> bool:
        """Whether nothing has come that is not part of a reply that :meth:`next` has given."""
        return not (self._come or self._lines)

    def feed(self, data: bytes | bytearray) -> None:
        """More has come."""
        self._come += data

    def next(self) -> SmtpReply | None:
        """The next reply, ``None`` while it is not whole. Raises :class:`NotSmtp` for anything
        that is none, or is too long to be one."""
        while (line := self._line()) is not None:
            found = _LINE.fullmatch(line)
            if found is None or found[1] != (self._code or found[1]):
                raise NotSmtp
            self._code = found[1]
            self._lines.append((found[3] or b"").strip())
            if found[2] != b"-":
                return self._whole()
            if len(self._lines) == LINES_MAX:
                raise NotSmtp
        return None

    def _line(self) -> bytes | None:
        end = self._come.find(b"\n", self._searched_bytes, LINE_BYTES_MAX) + 1
        line_bytes = end or len(self._come)
        if line_bytes >= LINE_BYTES_MAX or self._reply_bytes + line_bytes > REPLY_BYTES_MAX:
            raise NotSmtp
        self._searched_bytes = 0 if end else line_bytes
        if not end:
            return None
        line = bytes(self._come[:end])
        del self._come[:end]
        self._reply_bytes += end
        return line

    def _whole(self) -> SmtpReply:
        reply = SmtpReply(int(self._code), b"\n".join(self._lines).decode("utf-8", "replace"))
        self._lines, self._code, self._reply_bytes = [], b"", 0
        return reply


def extensions(hello: SmtpReply) -> Mapping[str, str]:
    """What a server offers in its answer to ``EHLO``: keyword, in lower case, and parameters.

    ``AUTH`` may stand there twice, once as ``AUTH=…``, for clients older than RFC 4954.
    """
    offered: dict[str, str] = {}
    for line in hello.text.split("\n")[1:]:
        found = _EXTENSION.match(line)
        if found is not None:
            keyword, parameters = found[1].lower(), found[2].strip()
            before = offered.get(keyword, "") if keyword == "auth" else ""
            offered[keyword] = f"{before} {parameters}".strip()
    return offered
