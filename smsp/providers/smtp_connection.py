"""One connection to an SMTP server: commands out, replies in, from clear text to TLS.

Keeps no time: whoever calls does, by cancelling. Decides nothing. Raises ``OSError`` or
``trio.BrokenResourceError`` when the connection has ended or breaks, and :class:`NotSmtp` for what
is no SMTP.

Nothing that has come before a command was written can answer it: each command looks first whether
the server waits for us. Replies cannot be told from one another, so one that came unasked would
answer the next command, and in the end the message.
"""

from __future__ import annotations

import ssl

from smsp.lines import Line
from smsp.providers.smtp_phases import NotSmtp, Reply
from smsp.providers.smtp_replies import Replies
from smsp.providers.smtp_tls import TlsStream

RECEIVE_BYTES = 4096
"""As much is read at once. A reply is shorter, and no more than this comes unasked."""


class Connection:
    """A line, plain or with TLS around it, and the replies that come through it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._tls: TlsStream | None = None
        self._replies = Replies()

    @property
    def introduction(self) -> str:
        """How we introduce ourselves (RFC 5321 §4.1.3): no look-up, and no machine's name told."""
        host, _ = self._line.name
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Go on in TLS, with a server that is what it says it is.

        What has come in clear text was put there by somebody on the way (RFC 3207 §4.2,
        CVE-2011-0411 and its kin): :class:`NotSmtp`.
        """
        await self.check_silence()
        self._tls = await TlsStream.around(self._line, tls, host)

    async def ask(self, command: str, encoding: str = "ascii") -> Reply:
        """Say one line and hear the answer. Raises ``ValueError`` if it is not one line."""
        if "\r" in command or "\n" in command:
            raise ValueError("a command is one line")
        await self.check_silence()
        await self.write(f"{command}\r\n".encode(encoding))
        return await self.hear()

    async def hear(self) -> Reply:
        """The next reply."""
        while (reply := self._replies.next()) is None:
            data = await (self._tls or self._line).receive_some(RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            self._replies.feed(data)
        return reply

    async def check_silence(self) -> None:
        """Make sure that the server waits for us: nothing has come, and the connection stands."""
        if not self._replies.silent:
            raise NotSmtp
        come = await self._glance()
        if come:
            raise NotSmtp
        if come is not None:
            raise ConnectionResetError("the server has closed the connection")

    async def write(self, data: bytes | memoryview) -> None:
        """Hand over all of it."""
        await (self._tls or self._line).send_all(data)
        if self._line.lost:
            raise BrokenPipeError("the connection broke")

    async def wait_writable(self) -> None:
        """Wait until the kernel has room, so that a short write does not have to wait."""
        await self._line.wait_send_all_might_not_block()

    def close(self) -> None:
        """Close at once, in whichever state: nothing is written afterwards."""
        self._line.close()

    async def _glance(self) -> bytes | bytearray | None:
        """What has come, without waiting for it; ``None`` if nothing has, empty for the end."""
        if self._tls is not None:
            return await self._tls.glance()
        return await self._line.receive_some(RECEIVE_BYTES) if self._line.readable else None
