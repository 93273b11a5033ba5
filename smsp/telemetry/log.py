"""What is told to operators: one event a line, on stdout.

Turns notices into events. Masks addresses here and nowhere
else; keys, bodies, an exception's text and a provider's own words never come in, but for a key's
name and the id that a provider has for a message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import extract_tb
from types import MappingProxyType
from typing import Protocol, assert_never
from uuid import UUID

from actors import (
    Answered,
    CallFailed,
    Crashed,
    Moved,
    Notice,
    Probed,
    Replied,
    Settled,
    State,
    Unanswered,
)
from smsp.mail import Mailbox, Submission
from smsp.mail.outcome import Outcome, Reason, Result, Sent, Unknown, reason_of, word
from smsp.providers.adapters.answers import identifier
from smsp.sending.circuit_outcomes import result_of
from smsp.telemetry.log_lines import LineFormat, logger
from smsp.telemetry.log_writer import LogWriter, stdout

RECIPIENTS_LOGGED = 10
DOUBTS_KEPT = 10_000
_OF_THE_DUMMY = frozenset({Reason.SENDER_NOT_ALLOWED, Reason.REFUSED_4XX, Reason.INVALID_REQUEST})
"""Why a probe fails that says nothing about the provider: it would not have our dummy message, and
will not have it tomorrow."""

_LEVELS = MappingProxyType({"not_sent": "warning", "unknown": "warning"})
_MOVES = MappingProxyType(
    {
        State.CLOSED: ("circuit.closed", "info"),
        State.OPEN: ("circuit.opened", "warning"),
        State.HELD_OPEN: ("circuit.held", "warning"),
        State.HELD_CLOSED: ("circuit.held", "warning"),
        State.QUARANTINED: ("circuit.quarantined", "error"),
    }
)


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...


class Out(Protocol):
    """Where lines go: a file, or what stands before one."""

    def write(self, line: bytes, /) -> object: ...
    def isatty(self) -> bool: ...


@dataclass(frozen=True)
class ProcessLog:
    """The log of a process. ``write`` puts text for people between its lines; ``lines_dropped``
    counts the lines that could not be written, or not be made."""

    log: Log
    write: Callable[[bytes], None]
    lines_dropped: Callable[[], int]


@contextmanager
def process_log(output_format: str, *, debug: bool, node: str) -> Iterator[ProcessLog]:
    """The log on stdout, whatever becomes of that: who logs is never kept waiting, and never hears
    of a fault. At the end what is left is written, for ``log_writer.FLUSH_S`` at most."""
    write_some, colours = stdout()
    line = LineFormat(output_format, node, colours=colours)
    with LogWriter(write_some, line.gap) as writer:
        log = logger(line, writer.write, debug=debug)
        yield ProcessLog(log, writer.write, lambda: writer.dropped + line.lost)


def make_log(output_format: str, *, debug: bool, node: str, out: Out) -> Log:
    """A logger that writes one event at a time to ``out``, and waits for it.

    ``output_format`` is ``JSON_ONELINE``, ``JSON_PRETTY`` or ``DEBUG``. With ``debug`` events of
    level debug are written, too. Every event carries ``time``, ``level`` and ``node``.
    """
    line = LineFormat(output_format, node, colours=out.isatty())
    return logger(line, out.write, debug=debug)


class Telemetry:
    """The one observer of all circuits. Synchronous and quick: actors call it from their loops."""

    def __init__(
        self,
        log: Log,
        *,
        whole_addresses: bool = False,
        lines_dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self.log = log
        self.lines_dropped = lines_dropped
        self._whole_addresses = whole_addresses
        self._doubts = _Doubts()
        self._dummy_refused: set[str] = set()

    def observe(self, notice: Notice[Submission, Outcome]) -> None:
        """Log what a circuit reports."""
        match notice:
            case Replied():
                self._replied(notice)
            case Settled():
                self._settled(notice)
            case Moved(circuit=name, transition=move):
                event, level = _MOVES[move.target]
                fields = {"state": move.target, "was": move.source, "reason": move.reason}
                self._at(level)(event, provider=name, **fields)
            case Probed():
                self._probed(notice)
            case CallFailed(circuit=name, error=error):
                self.log.error("adapter.failed", provider=name, **described(error))
            case Crashed(circuit=name, error=error):
                event = "actor.quarantined" if notice.quarantined else "actor.restarted"
                self.log.error(event, provider=name, restarts=notice.restarts, **described(error))
            case _:
                assert_never(notice)

    def status_forbidden(self, provider: str, reason: Reason) -> None:
        """Log that probes pass over this provider's status call, as our key may not make it."""
        self.log.warning("probe.status_forbidden", provider=provider, reason=reason)

    def masked(self, mailboxes: Sequence[Mailbox]) -> list[str]:
        """Addresses as they may be logged: the first few, masked unless told otherwise."""
        return [self._shown(box.address) for box in mailboxes[:RECIPIENTS_LOGGED]]

    def _shown(self, address: str) -> str:
        return address if self._whole_addresses else _masked(address)

    def _replied(self, notice: Replied[Submission, Outcome]) -> None:
        result = result_of(notice.reply)
        outcome = word(result)
        send = notice.question
        fields = _attempt_fields(notice, result)
        self._at(_LEVELS.get(outcome, "info"))(
            f"email.{outcome}",
            outcome=outcome,
            reason=reason_of(result),
            recipients=self.masked(send.mail.recipients),
            **fields,
        )
        if isinstance(result, Unknown):
            self._doubts.doubted(send.id)
        if isinstance(result, Sent):
            self._sent(send.id, result, fields)

    def _settled(self, notice: Settled[Submission, Outcome]) -> None:
        fields = _attempt_fields(notice, result_of(notice.reply))
        match notice.reply:
            case Unanswered(cause=cause):
                self.log.warning("email.unsettled", outcome="unknown", reason=cause, **fields)
            case Answered(answer=outcome):
                reason = reason_of(outcome)
                self.log.info("email.settled", outcome=word(outcome), reason=reason, **fields)
                if isinstance(outcome, Sent):
                    self._sent(notice.question.id, outcome, fields)
            case _:
                assert_never(notice.reply)

    def _sent(self, message: UUID, sent: Sent, fields: dict[str, object]) -> None:
        """What else is to be said of a message that was taken."""
        refused = sent.refused
        if refused is not None and refused.count:
            self.log.warning(
                "email.partly_refused",
                recipients=[self._shown(one.address) for one in refused.listed[:RECIPIENTS_LOGGED]],
                refused=refused.count,
                reasons=list(refused.by_reason),
                **fields,
            )
        if self._doubts.sent(message):
            self.log.error("email.duplicated", **fields)

    def _probed(self, notice: Probed) -> None:
        name, reason = notice.circuit, notice.reason
        event = "probe.passed" if notice.passed else "probe.failed"
        fields = {"outcome": notice.outcome, "reason": reason, "seconds": _ms(notice.seconds)}
        self.log.info(event, provider=name, **fields)
        if notice.passed:
            self._dummy_refused.discard(name)
        elif reason in _OF_THE_DUMMY and name not in self._dummy_refused:
            # The circuit stays open until somebody mends this, so it is said once, and loudly.
            self._dummy_refused.add(name)
            self.log.warning("probe.message_refused", provider=name, reason=reason)

    def _at(self, level: str) -> Callable[..., object]:
        match level:
            case "warning":
                return self.log.warning
            case "error":
                return self.log.error
            case _:
                return self.log.info


def mask(mailbox: Mailbox) -> str:
    """``a***@b.c``: enough to recognise an address that one knows, and no more."""
    return _masked(mailbox.address)


def described(error: BaseException) -> dict[str, object]:
    """An error as it may be logged: its class and where it was raised, never its text, which may
    quote a message or a key. Of a group, the first error in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return {"error": type(error).__qualname__, "where": where[-8:]}


class _Doubts:
    """Which recent messages were once unknown, and whether they were sent elsewhere since.

    Only with ``SMSP_FAILOVER=any`` can a doubted message be sent again; then the later "sent" of
    the two, reply or settlement, tells of a duplicate. Bounded: the oldest doubt goes.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[UUID, bool] = OrderedDict()

    def doubted(self, message: UUID) -> None:
        self._sent.setdefault(message, False)
        if len(self._sent) > DOUBTS_KEPT:
            self._sent.popitem(last=False)

    def sent(self, message: UUID) -> bool:
        """Note that a doubted message was sent; true if it had been sent before."""
        before = self._sent.get(message)
        if before is not None:
            self._sent[message] = True
        return bool(before)


def _masked(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _attempt_fields(
    notice: Replied[Submission, Outcome] | Settled[Submission, Outcome], result: Result
) -> dict[str, object]:
    send = notice.question
    fields: dict[str, object] = {
        "requestkey": send.request_key,
        "id": str(send.id),
        "key": send.owner,
        "provider": notice.circuit,
        "seconds": _ms(notice.seconds),
    }
    # Of an adapter from elsewhere it may be anything.
    if isinstance(result, Sent) and (message_id := identifier(result.message_id)):
        fields["messageid"] = message_id
    return fields


def _ms(seconds: float) -> float:
    return round(seconds, 3)
