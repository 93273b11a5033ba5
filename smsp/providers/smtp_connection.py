"""One connection to an SMTP server: lines out, answers in, from clear text to TLS.

:mod:`smtplib` knows the grammar of ``EHLO`` and the mechanisms of ``AUTH``; the bytes are ours. It
turns each failure into "disconnected", which hides a time-out, and reads an answer for as long as
one comes. Blocking: lives in a worker thread. Decides nothing.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from typing import TYPE_CHECKING

from smsp.providers.smtp_phases import NotSmtp, Reply

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WRITE_BYTES = 64 * 1024
"""A write that moves this much has made progress."""
LINE_BYTES_MAX = 8192
LINES_MAX = 100
"""More is not read: no server's answer is this long. RFC 5321 §4.5.3.1.5 asks for 512 bytes."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n", re.DOTALL)


class Connection(smtplib.SMTP):
    """A connected socket, which it closes in the end. ``timeout_s`` bounds each single wait."""

    sock: socket.socket

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        super().__init__(local_hostname=_address_literal(sock))
        sock.settimeout(timeout_s)
        self.sock = sock
        self._lines = sock.makefile("rb")

    def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Go on in TLS. What was learnt or has come in clear text is forgotten (RFC 3207 §4.2)."""
        self._lines.close()
        self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self._lines = self.sock.makefile("rb")

    def hello(self) -> Reply:
        """``EHLO``; ``esmtp_features`` then has what the server offers."""
        return _reply(*self.ehlo())

    def ask(self, command: str) -> Reply:
        """Say one line and hear the answer. Raises ``ValueError`` if it is not one line."""
        return _reply(*self.docmd(command))

    def hear(self) -> Reply:
        """The next answer."""
        return _reply(*self.getreply())

    def log_in(self, user: str, password: str) -> Reply | None:
        """``AUTH``, once, by the first mechanism that both sides have; ``None`` if there is none.

        ``smtplib``'s own ``login`` tries a refused password again by every other mechanism, which
        locks accounts.
        """
        offered = self.esmtp_features.get("auth", "").upper().split()
        self.user, self.password = user, password
        try:
            if "PLAIN" in offered:
                return _reply(*self.auth("PLAIN", self.auth_plain))
            if "LOGIN" in offered:
                return _reply(*self.auth("LOGIN", self.auth_login))
            if "CRAM-MD5" in offered:
                return _reply(*self.auth("CRAM-MD5", self.auth_cram_md5))
            return None
        except smtplib.SMTPResponseException as refused:
            return _reply(refused.smtp_code, _octets(refused.smtp_error))
        except (smtplib.SMTPException, ValueError) as error:
            # An endless challenge, or one that is not in base64.
            raise NotSmtp from error

    def check_quiet(self) -> None:
        """Make sure that the server waits for us.

        Raises :class:`NotSmtp` if something has come that answers nothing we have said, and
        ``OSError`` if the connection has ended.
        """
        patience_s = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            come = self._lines.read(1)
        except ssl.SSLWantReadError:
            come = None
        finally:
            self.sock.settimeout(patience_s)
        if come:
            raise NotSmtp
        if come is not None:
            raise _ended()

    def write(self, data: bytes) -> None:
        """Hand data to the socket. Each stretch of :data:`WRITE_BYTES` may take the time."""
        view = memoryview(data)
        for start in range(0, len(view), WRITE_BYTES):
            self.sock.sendall(view[start : start + WRITE_BYTES])

    def send(self, s: ReadableBuffer | str) -> None:
        """As ``smtplib`` calls it, but a failure keeps its type, and its time-out."""
        self.sock.sendall(s.encode(self.command_encoding) if isinstance(s, str) else s)

    def getreply(self) -> tuple[int, bytes]:
        """As ``smtplib`` calls it, but strict and bounded: code, and the text of all lines.

        Raises :class:`NotSmtp` for anything else, ``OSError`` when the connection ends.
        """
        texts: list[bytes] = []
        codes: set[bytes] = set()
        while len(texts) < LINES_MAX:
            code, more, text = self._line()
            codes.add(code)
            texts.append(text.strip())
            if not more and len(codes) == 1:
                return int(code), b"\n".join(texts)
            if not more:
                break
        raise NotSmtp

    def close(self) -> None:
        """Close the socket, in whichever state."""
        self._lines.close()
        self.sock.close()

    def _line(self) -> tuple[bytes, bool, bytes]:
        line = self._lines.readline(LINE_BYTES_MAX)
        if len(line) < LINE_BYTES_MAX and not line.endswith(b"\n"):
            raise _ended()
        found = _LINE.fullmatch(line)
        if found is None:
            raise NotSmtp
        return found[1], found[2] == b"-", found[3] or b""


def _ended() -> ConnectionError:
    return ConnectionResetError("the server has closed the connection")


def _reply(code: int, text: bytes) -> Reply:
    return Reply(code, text.decode("utf-8", "replace"))


def _octets(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _address_literal(sock: socket.socket) -> str:
    """How we introduce ourselves (RFC 5321 §4.1.3): no look-up, and no machine's name told."""
    host = str(sock.getsockname()[0])
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"
