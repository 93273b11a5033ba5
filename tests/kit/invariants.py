"""What holds of a circuit after every step of any task, under whatever schedule.

``Laws`` compares the actor's books with the far side's and with what askers and observers were
told. ``lawful`` is a circuit that is held to them from its first step to its last.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from actors import Cause, Circuit, Crashed, Refused, Replied, Settled, Unanswered
from actors.testing import always
from tests.kit.actors import Act, Rig, running

OUT_OF_TIME = frozenset({Cause.TIMEOUT, Cause.DEADLINE})


class Laws:
    """The laws of one circuit; call it between any two steps. Raises AssertionError."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._read = 0
        self._epoch = self._version = self._restarts = -1
        self._replied: dict[Act, Replied] = {}
        self._settled: dict[Act, Settled] = {}
        self._undone: set[Act] = set()

    def __call__(self) -> None:
        calls_are_counted(self._rig.circuit, self._rig.config.max_in_flight)
        self._probes_are_single()
        self._nothing_goes_back()
        self._replies_are_published_first()
        for notice in self._new_notices():
            match notice:
                case Replied():
                    self._take_reply(notice)
                case Settled(question=act):
                    assert act not in self._settled, "a call has settled twice"
                    self._settled[act] = notice
                case Crashed(error=error):
                    assert _is_planted(error), f"the actor has crashed: {error!r}"
                case _:
                    pass
        undone = [act for act in self._rig.far.committed if act in self._undone]
        assert undone == [], "told as never done, and done"

    def at_the_end(self) -> None:
        """What holds once the actor has left: nobody is left waiting, not even for the truth."""
        assert [one for one in self._rig.begun if not one.over.is_set()] == []
        for act, replied in self._replied.items():
            match replied.reply:
                case Unanswered(cause=cause, committed=True) if cause in OUT_OF_TIME:
                    assert act in self._settled, "a call goes on for ever"
                case _:
                    pass

    def _probes_are_single(self) -> None:
        assert tasks_of(self._rig.circuit, "probe:") <= 1, "two probes at once"
        assert self._rig.far.probes_running <= 1, "two probes at once"

    def _nothing_goes_back(self) -> None:
        shown = self._rig.circuit.snapshot
        epoch = self._rig.circuit._handler.breaker.epoch
        assert self._epoch <= shown.epoch <= epoch, "the epoch went back"
        assert self._version <= shown.version, "an old snapshot came back"
        assert self._restarts <= shown.restarts
        self._epoch, self._version = shown.epoch, shown.version
        self._restarts = shown.restarts

    def _replies_are_published_first(self) -> None:
        counted = sum(self._rig.circuit.snapshot.counts.values())
        assert self._rig.replies <= counted, "a reply came before the snapshot that tells of it"

    def _new_notices(self) -> list[object]:
        notices = self._rig.seen.notices[self._read :]
        self._read += len(notices)
        return list(notices)

    def _take_reply(self, replied: Replied) -> None:
        act = replied.question
        assert act not in self._replied, "a question was answered twice"
        self._replied[act] = replied
        match replied.reply:
            case Refused() | Unanswered(committed=False):
                self._undone.add(act)
            case Unanswered(cause=cause) if cause is not Cause.FAILED:
                # The actor has just decided so, and an answer that came before was in its mailbox.
                assert act not in self._rig.far.answered, "an answer in hand was dropped"
            case _:
                pass


def calls_are_counted(circuit: Circuit[Any, Any], max_in_flight: int) -> None:
    """In flight are the calls that live, but for those whose end is still to be read; those that
    are waited for are counted against both bounds."""
    live, calls = tasks_of(circuit, "call:"), circuit._handler._calls
    assert live <= calls.unfinished <= max_in_flight, "a call is not counted"
    if circuit._closed_because is None:
        mailbox = circuit._inbox.statistics()
        # An actor that does not wait has the message that woke it in its hands.
        unread = mailbox.current_buffer_used + (mailbox.tasks_waiting_receive == 0)
        assert calls.unfinished <= live + unread, "a call is counted that is over"
    epoch = circuit._handler.breaker.epoch
    waiting = [call.permit.epoch for call in calls if not call.answered]
    assert calls.unanswered == len(waiting), "an asker is not counted"
    assert calls.waiting(epoch) == waiting.count(epoch), "an asker is not counted"


def tasks_of(circuit: Circuit[Any, Any], kind: str) -> int:
    """How many tasks of this kind the actor has, ``call:`` or ``probe:``."""
    nursery = circuit._tasks.nursery
    tasks = () if nursery is None else nursery.child_tasks
    return sum(task.name.startswith(kind) for task in tasks)


@asynccontextmanager
async def lawful(*probes: Act, **changes: object) -> AsyncGenerator[Rig, None]:
    """A circuit under its supervisor that keeps the laws until it has drained. The block may
    leave calls, probes and askers behind: the drain is held to the laws with them."""
    async with running(*probes, **changes) as rig:  # type: ignore[arg-type]
        laws = Laws(rig)
        with always(laws):
            yield rig
            await rig.supervisor.drain(60.0)
            for pending in rig.begun:
                await pending.over.wait()
        laws.at_the_end()


def _is_planted(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_planted, error.exceptions))
    return "a bug in" in str(error)
