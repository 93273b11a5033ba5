"""Whether a call failed because this node lacks something: descriptors, memory, threads, local
ports. That is our own fault: nothing was sent, and no provider is blamed.

Owns the signs by which it is known, which come from the system by many ways, and the place where
they are looked for last, around a whole call. Knows no protocol.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from actors import Progress
from smsp.mail import Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Unknown
from smsp.providers.kinds import Provider

NO_RESOURCES = NotSent(Reason.NO_RESOURCES, Blame.NOBODY)
IN_DOUBT = Unknown(Reason.NO_RESOURCES, Blame.NOBODY)
"""The same after the last byte."""

NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system says when it, or this process, may have no more."""
_NO_THREAD = "can't start new thread"
"""CPython's own words; there is no error of a kind of its own."""


def is_shortage(error: BaseException) -> bool:
    """Whether an error is for want of something of ours, or was raised from one that is. Local
    ports are wanting if no attempt at all could have one: an address of a family that this
    machine has not is refused by the same word."""
    reasons = list(_reasons(error))
    return any(map(_is_no_room, reasons)) or all(map(_is_no_port, reasons))


def descriptors_wanting() -> OSError | None:
    """Why no more descriptors can be had now, if none can. For failures of those who do not say:
    a resolver without a socket says that the name is not known."""
    try:
        socket.socket().close()
    except OSError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Spared:
    """A provider that is told nothing against when a call could not even be made."""

    provider: Provider

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        """Make the attempt."""
        try:
            return await self.provider.send(submission, progress)
        except (OSError, RuntimeError, MemoryError, ExceptionGroup) as error:
            if not is_shortage(error):
                raise
            return IN_DOUBT if progress.committed else NO_RESOURCES

    async def probe(self) -> Outcome:
        """Test whether it would send."""
        try:
            return await self.provider.probe()
        except (OSError, RuntimeError, MemoryError, ExceptionGroup) as error:
            if not is_shortage(error):
                raise
            return NO_RESOURCES


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """What an error comes from in the end; of a group, each member."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _reasons(one)
    elif error.__cause__ is None:
        yield error
    else:
        yield from _reasons(error.__cause__)


def _is_no_room(error: BaseException) -> bool:
    match error:
        case socket.gaierror(errno=code):
            return code == socket.EAI_MEMORY
        case OSError(errno=code):
            return code in NO_ROOM
        case RuntimeError(args=(str(words), *_)):
            return words.startswith(_NO_THREAD)
        case _:
            return isinstance(error, MemoryError)


def _is_no_port(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
