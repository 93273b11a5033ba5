"""PURE. What stands between the bytes of a line and those of HTTP: nothing, or TLS.

A channel is a machine without I/O. Whatever comes from the line goes into ``receive``, and out
comes all that it says: nothing that can be read stays inside. So who has read the line empty and
was told nothing knows that nothing was said, which no stream around a socket can tell. What is to
be said goes through ``send``, and is on its way when the line has taken the last byte of that.

::

    HANDSHAKE ─▶ OPEN ─┬▶ CLOSED      the peer has said that it says no more
        │              ├▶ TRUNCATED   the line has ended, and it has not said so
        └──────────────┴▶ FAILED      an alert, something that is no TLS, or too much of it

Session tickets, key updates and other words of TLS to itself say nothing; what has to be answered
to them goes out before the next thing that is sent. A record that has not come whole may say
anything, so there is no knowing before its end. Another handshake is declined (TLS 1.2 only; 1.3
has none), and a connection on which one was wanted is not used again.
"""

from __future__ import annotations

import ssl
from enum import Enum, auto

HANDSHAKE_BYTES_MAX = 256 * 1024
"""More of a handshake is not read: OpenSSL takes a chain of certificates of 100 KiB at most."""
SILENCE_BYTES_MAX = 64 * 1024
"""Nor are more bytes that say nothing, one after another."""
REPLIES_BYTES_MAX = 16 * 1024
"""Nor is more written by itself, such as replies to key updates, before something is sent."""

_RECORD_BYTES = 16 * 1024
_HEADER_BYTES = 5
"""Of a record: its type, a version, and its length in two bytes (RFC 8446, section 5.1)."""


class TlsState(Enum):
    """What is to be expected of the peer."""

    HANDSHAKE = auto()
    OPEN = auto()
    CLOSED = auto()
    TRUNCATED = auto()
    FAILED = auto()


class Plain:
    """No channel at all: each byte is what it is."""

    error = ""
    is_in_record = False

    def __init__(self) -> None:
        self.state = TlsState.OPEN

    @property
    def at_rest(self) -> bool:
        """Whether all that has come has been told, and more can come."""
        return self.state is TlsState.OPEN

    def receive(self, data: bytes) -> bytes:
        """Take what has come, empty for the line's end. Returns what it says."""
        if not data:
            self.state = TlsState.CLOSED
        return data

    def send(self, data: bytes) -> bytes:
        """What the line has to carry to say this."""
        return data


class Tls:
    """TLS, from the side of who connects.

    It keeps an unfinished record at most, and what it has to reply. Raises ``ValueError`` for a
    ``host`` that cannot be verified.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._records = _Records()
        self._silence_bytes = 0
        self.state = TlsState.HANDSHAKE
        self.error = ""
        """Why it has failed, or was truncated."""
        self._shake_hands()

    @property
    def is_in_record(self) -> bool:
        """Whether the end of a record is to come that has begun."""
        return self.state is TlsState.OPEN and self._records.unfinished

    @property
    def at_rest(self) -> bool:
        """Whether all that has come has been told, and more can come."""
        return self.state is TlsState.OPEN and not self._records.unfinished and not self._declines

    def receive(self, data: bytes) -> bytes:
        """Take what has come, empty for the line's end. Returns what it says, at most as much.

        Fails on nothing: ``state`` tells, and what was said before that is told.
        """
        if self.state not in (TlsState.HANDSHAKE, TlsState.OPEN):
            return b""
        if not data:
            self._end()
            return b""
        self._incoming.write(data)
        self._records.follow(data)
        self._silence_bytes += len(data)
        if self.state is TlsState.HANDSHAKE:
            self._shake_hands()
        said = self._read() if self.state is TlsState.OPEN else b""
        self._check_bounds(said)
        return said

    def send(self, data: bytes) -> bytes:
        """What the line has to carry to say this. It has failed if it cannot be said."""
        with memoryview(data) as whole:
            written = 0
            try:
                while written < len(whole):
                    written += self._tls.write(whole[written:])
            except ssl.SSLError as error:
                self._fail(str(error))
        return self.replies()

    def replies(self) -> bytes:
        """What the line has to carry although nobody says anything."""
        return self._outgoing.read()

    @property
    def _declines(self) -> bool:
        """Whether the peer wanted another handshake: it may not take no for an answer."""
        return bool(self._outgoing.pending) and self._tls.version() != "TLSv1.3"

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._fail(str(error))
        else:
            self.state = TlsState.OPEN
            self._silence_bytes = 0

    def _read(self) -> bytes:
        said = []
        try:
            # OpenSSL takes one record at a time. Asking it in vain would cost as much as reading.
            while self._incoming.pending or self._tls.pending():
                piece = self._tls.read(_RECORD_BYTES)
                if not piece:
                    self.state = TlsState.CLOSED
                    break
                said.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.state = TlsState.CLOSED
        except ssl.SSLError as error:
            self._fail(str(error))
        return said[0] if len(said) == 1 else b"".join(said)

    def _check_bounds(self, said: bytes) -> None:
        if said:
            self._silence_bytes = 0
        handshake = self.state is TlsState.HANDSHAKE
        bytes_max = HANDSHAKE_BYTES_MAX if handshake else SILENCE_BYTES_MAX
        if self._silence_bytes > bytes_max or self._outgoing.pending > REPLIES_BYTES_MAX:
            self._fail("the peer speaks TLS without an end")

    def _end(self) -> None:
        if self.state is TlsState.HANDSHAKE:
            self._fail("the connection ended in the handshake")
        else:
            self.state = TlsState.TRUNCATED
            self.error = "the connection ended without close_notify"

    def _fail(self, error: str) -> None:
        self.state = TlsState.FAILED
        self.error = error


SecurityLayer = Plain | Tls


def client_context() -> ssl.SSLContext:
    """How providers are spoken to: verified, by TLS 1.2 or newer, without renegotiation."""
    context = ssl.create_default_context()
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


class _Records:
    """Where records begin and end. OpenSSL knows, too, but does not tell."""

    def __init__(self) -> None:
        self._header = b""
        """The part of the next record's header that has come."""
        self._missing_bytes = 0
        """How many bytes of the record are to come."""

    @property
    def unfinished(self) -> bool:
        return bool(self._header or self._missing_bytes)

    def follow(self, data: bytes) -> None:
        data = self._header + data
        start = self._missing_bytes
        while start + _HEADER_BYTES <= len(data):
            start += _HEADER_BYTES + int.from_bytes(data[start + 3 : start + 5])
        self._header = data[start:]
        self._missing_bytes = max(0, start - len(data))
