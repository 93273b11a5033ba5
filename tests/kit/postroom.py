"""A whole node without sockets, held to its laws: the HTTP face, the dispatcher, circuits under
their supervisor and the ledger, before providers that do what a script says, in virtual time.

The laws, after every step of any task: nobody else is called for a message that may have been
taken; no answer that is in hand is told as uncertain; every call is counted. At the end: nothing
is in flight, and of every message the ledger tells the truth.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from uuid import UUID

import trio

from actors import Cause, Circuit, Config, Notice, Progress, Replied, Supervisor, Unanswered
from actors.testing import always
from smsp.mail import Submission
from smsp.mail.outcome import NotSent, Outcome, OutcomeWord, Rejected, Sent
from smsp.providers.protocols import Capabilities
from smsp.sending.circuit_outcomes import OutcomeJudge
from smsp.sending.dispatcher import Destination, Dispatcher
from smsp.sending.ledger import Ledger
from smsp.sending.routing import Candidate, Failover
from tests.kit.invariants import calls_are_counted
from tests.kit.web import Client, fake_services

MAX_IN_FLIGHT = 4


@dataclass(frozen=True)
class Deed:
    """What a provider does with a message: work, take it, work on, say this. Times in seconds."""

    says: Outcome = Sent("taken")  # noqa: RUF009 - a frozen value
    before_s: float = 0.0
    after_s: float = 0.0


@dataclass(eq=False)
class Carried:
    """One call of one provider for one message, as far as it has come."""

    provider: str
    message: UUID
    committed: bool = False
    said: Outcome | None = None
    over: bool = False

    @property
    def proves_nothing_sent(self) -> bool:
        """Whether it is certain that this provider has not taken the message and never will."""
        return self.over and (isinstance(self.said, NotSent) or not self.committed)


class ScriptedProvider:
    """Does with each message the next of its deeds; takes it at once when they have run out."""

    def __init__(self, name: str, deeds: Iterable[Deed], calls: list[Carried]) -> None:
        self.name = name
        self._deeds = iter(deeds)
        self._calls = calls

    async def send(self, submission: Submission, progress: Progress) -> Outcome:
        call = Carried(self.name, submission.id)
        self._calls.append(call)
        deed = next(self._deeds, Deed())
        try:
            await trio.sleep(deed.before_s)
            progress.commit()
            call.committed = True
            await trio.sleep(deed.after_s)
            call.said = deed.says
        finally:
            call.over = True
        return deed.says

    async def probe(self) -> Outcome:
        return Sent()


class Postroom:
    """One node and its caller. ``calls`` are all calls of all providers, in order."""

    def __init__(self, script: Mapping[str, Iterable[Deed]]) -> None:
        self.calls: list[Carried] = []
        self.ledger = Ledger(100)
        self.circuits = {
            name: self._circuit(ScriptedProvider(name, deeds, self.calls))
            for name, deeds in script.items()
        }
        self.supervisor = Supervisor(self.circuits.values())
        destinations = {
            name: Destination(circuit, Candidate(name, Capabilities()))
            for name, circuit in self.circuits.items()
        }
        ids = (UUID(int=number) for number in count(1))
        self.services = fake_services(
            dispatcher=Dispatcher(destinations, Failover.SAFE),
            ledger=self.ledger,
            new_id=lambda: next(ids),
        )
        self.client = Client(self.services)
        self._unread: list[Replied[Submission, Outcome]] = []

    @property
    def messages(self) -> list[UUID]:
        """Every message that a provider was called for."""
        return list(dict.fromkeys(call.message for call in self.calls))

    def truth(self, message: UUID) -> OutcomeWord:
        """What has become of a message, as only the providers know."""
        calls = self._calls_for(message)
        if any(isinstance(call.said, Sent) for call in calls):
            return "sent"
        if any(isinstance(call.said, Rejected) for call in calls):
            return "rejected"
        return "not_sent" if all(call.proves_nothing_sent for call in calls) else "unknown"

    def check(self) -> None:
        """The laws, after every step."""
        for circuit in self.circuits.values():
            calls_are_counted(circuit, MAX_IN_FLIGHT)
        for message in self.messages:
            *earlier, _ = self._calls_for(message)
            assert all(call.proves_nothing_sent for call in earlier), "it may be sent twice"
        while self._unread:
            self._check_reply(self._unread.pop(0))

    def check_books(self) -> None:
        """The laws, once everything has come to its end."""
        assert [call for call in self.calls if not call.over] == []
        assert all(circuit.snapshot.in_flight == 0 for circuit in self.circuits.values())
        for message in self.messages:
            record = self.ledger.find(message, "all", trio.current_time())
            assert record is not None
            assert record.over, "the ledger waits for ever"
            assert record.answer is not None
            assert record.answer.outcome == self.truth(message), "the ledger does not know"

    def _check_reply(self, replied: Replied[Submission, Outcome]) -> None:
        match replied.reply:
            case Unanswered(committed=True, cause=cause) if cause is not Cause.FAILED:
                calls = self._calls_for(replied.question.id)
                (call,) = (call for call in calls if call.provider == replied.circuit)
                assert call.said is None, "an answer in hand was told as uncertain"
            case _:
                pass

    def _calls_for(self, message: UUID) -> list[Carried]:
        return [call for call in self.calls if call.message == message]

    def _circuit(self, provider: ScriptedProvider) -> Circuit[Submission, Outcome]:
        return Circuit(
            Config(provider.name, timeout_s=2.0, settle_s=30.0, max_in_flight=MAX_IN_FLIGHT),
            call=provider.send,
            probe=provider.probe,
            judge=OutcomeJudge(),
            observe=self._observe,
            random=Random(0),
        )

    def _observe(self, notice: Notice[Submission, Outcome]) -> None:
        self.ledger.observe(notice, trio.current_time())
        if isinstance(notice, Replied):
            self._unread.append(notice)


@asynccontextmanager
async def running_postroom(**script: Iterable[Deed]) -> AsyncGenerator[Postroom, None]:
    """A node with these providers, in this order. When the block ends, calls may settle; then the
    node drains, and its books are read."""
    postroom = Postroom(script)
    async with trio.open_nursery() as nursery:
        await nursery.start(postroom.supervisor.run)
        with always(postroom.check):
            yield postroom
            await postroom.supervisor.drain(100.0)
        postroom.check_books()
