"""One connection to an SMTP server: commands out, replies in, from clear text to TLS.

Drives a channel (:mod:`smsp.providers.security_layer`) over a line. Keeps no time: whoever calls
does, by cancelling. Decides nothing. Raises ``OSError`` or ``trio.BrokenResourceError`` when the
connection has ended or breaks, and :class:`NotSmtp` for what is no SMTP.

Nothing that has come before a command was written can answer it: before each call of ``send`` it is
looked whether the server waits for us. Replies cannot be told from one another, so one that came
unasked would answer the next command, and in the end the message.
"""

from __future__ import annotations

import ssl

from smsp.providers.security_layer import Plain, SecurityLayer, Tls, TlsState
from smsp.providers.smtp.phases import NotSmtp, SmtpReply
from smsp.providers.smtp.replies import Replies
from smsp.tcp_stream import ByteCountingStream

RECEIVE_BYTES = 16 * 1024
"""As much is read at once."""


class SmtpConnection:
    """A line, the channel through it, and the replies that come that way."""

    def __init__(self, line: ByteCountingStream) -> None:
        self._line = line
        self._channel: SecurityLayer = Plain()
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
        await self._check_silence()
        try:
            channel = self._channel = Tls(tls, host)
        except ValueError as error:
            raise ConnectionError from error
        await self._line.send_all(channel.replies())
        while channel.state is TlsState.HANDSHAKE:
            # In TLS 1.3 a server may speak with the last of the handshake.
            self._replies.feed(channel.receive(await self._line.receive_some(RECEIVE_BYTES)))
            await self._line.send_all(channel.replies())
        self._check_open()

    async def ask(self, command: str, encoding: str = "ascii") -> SmtpReply:
        """Say one line and hear the answer. Raises ``ValueError`` if it is not one line."""
        if "\r" in command or "\n" in command:
            raise ValueError("a command is one line")
        await self.write(f"{command}\r\n".encode(encoding))
        return await self.hear()

    async def hear(self) -> SmtpReply:
        """The next reply."""
        while (reply := self._replies.next()) is None:
            self._check_open()
            said = self._channel.receive(await self._line.receive_some(RECEIVE_BYTES))
            self._replies.feed(said)
        return reply

    async def write(self, data: bytes) -> None:
        """Hand over all of it, to a server that is silent until then.

        It returns in the very step in which the line has taken the last byte. If it raises or is
        cancelled, some of the bytes are missing.
        """
        await self._check_silence()
        rest = memoryview(self._channel.send(data))
        self._check_open()
        while True:
            rest = rest[self._line.send_now(rest) :]
            if self._line.lost:
                raise BrokenPipeError
            if not rest:
                return
            await self._line.wait_send_all_might_not_block()
            await self._check_silence()

    def close(self) -> None:
        """Close at once, in whichever state: nothing is written afterwards."""
        self._line.close()

    async def _check_silence(self) -> None:
        """Make sure that the server waits for us: nothing has come, and the connection stands.

        Does not wait, unless a record of TLS has come in part: it may say anything.
        """
        while self._channel.state is TlsState.OPEN and self._line.readable:
            data = self._line.receive_now(RECEIVE_BYTES)
            if data is None:
                break
            self._replies.feed(self._channel.receive(data))
        while self._channel.state is TlsState.OPEN and not self._channel.at_rest:
            data = await self._line.receive_some(RECEIVE_BYTES)
            self._replies.feed(self._channel.receive(data))
        if not self._replies.silent:
            raise NotSmtp
        self._check_open()

    def _check_open(self) -> None:
        if self._channel.state is not TlsState.OPEN:
            raise ConnectionResetError
