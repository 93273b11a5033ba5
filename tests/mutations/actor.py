"""The safeguards of an actor, each switched off.

A mutation gets the sound function first. ``killed_by`` is the situation of ``tests/actors`` that
has to fail with it.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

import trio

from actors.ask import ReplySlot, Unanswered
from actors.breaker import Breaker, Permit, State
from actors.calls import CallBook
from actors.circuit import Circuit
from actors.evidence import Evidence
from actors.handler import Handler
from actors.limit import InFlightLimit
from actors.messages import Ask, Committed, Cut, Failed, Finished, Stopped
from actors.prober import Prober
from actors.tasks import Progress, Tasks
from tests.actors import test_schedules_clock as clock
from tests.actors import test_schedules_core as core
from tests.actors import test_schedules_orders as orders
from tests.kit.mutations import mutation

# -- epochs


@mutation(Breaker, "record", killed_by=core.test_a_late_failure_against_a_passing_probe)
def late_results_count(record, breaker, permit, verdict, now, seconds):
    """A call's result moves the circuit, whatever epoch its permit is of."""
    record(breaker, Permit(breaker.epoch), verdict, now, seconds)


@mutation(Prober, "ended", killed_by=orders.test_a_hold_that_comes_and_goes_while_a_probe_runs)
def stale_probes_decide(ended, prober, message, now):
    """A probe decides, whatever has become of the circuit since it began."""
    ended(prober, replace(message, permit=Permit(prober._breaker.epoch)), now)


@mutation(
    Breaker,
    "_record_late",
    killed_by=clock.test_a_late_throttle_puts_a_probe_off_and_does_nothing_else,
)
def late_throttles_open(record_late, breaker, verdict, now):
    """A throttle of an older epoch pauses a circuit that has closed since."""
    breaker.record(Permit(breaker.epoch), verdict, now, 0.0)


@mutation(
    Breaker, "_record_late", killed_by=clock.test_a_late_throttle_does_not_bring_a_probe_forward
)
def late_throttles_hurry(record_late, breaker, verdict, now):
    """A late throttle says when the next probe is due, and not at the earliest."""
    breaker.due_at = -inf
    record_late(breaker, verdict, now)


# -- probes


@mutation(Prober, "wake_at", killed_by=orders.test_a_hold_that_comes_and_goes_while_a_probe_runs)
def probes_are_not_single(wake_at, prober):
    """A second probe begins while the first one is still leaving."""
    prober._probe, probe = None, prober._probe
    try:
        return wake_at(prober)
    finally:
        prober._probe = probe


@mutation(Prober, "wake_at", killed_by=clock.test_a_probe_that_is_overdue)
def overdue_probes_are_waited_for(wake_at, prober):
    """A probe has all the time in the world."""
    return inf if prober._breaker.state is State.PROBING else wake_at(prober)


@mutation(Prober, "stop", killed_by=core.test_a_drain_while_a_probe_is_due)
def a_leaving_actor_probes(stop, prober):
    """A drain does not keep a probe from beginning."""


@mutation(Breaker, "admit", killed_by=core.test_three_questions_as_a_probe_is_due)
def real_messages_test_an_open_circuit(admit, breaker, now, waiting):
    """An open circuit lets one call through, to see how it fares."""
    return Permit(breaker.epoch) if breaker.state is State.OPEN else admit(breaker, now, waiting)


# -- bounds


@mutation(CallBook, "remove", killed_by=core.test_an_asker_may_leave_at_any_moment)
def permits_leak(remove, calls, call):
    """A call whose asker has left is never taken off the books."""
    if not call.ask.slot.abandoned:
        remove(calls, call)


@mutation(CallBook, "settle", killed_by=clock.test_the_first_call_after_closing_goes_alone)
def settling_frees_nothing(settle, calls, call):
    """A call counts against the limit although nobody waits for it any more."""
    settle(calls, call)
    calls._waiting += call.permit.epoch == calls._epoch


@mutation(
    CallBook,
    "crowded_out",
    killed_by=clock.test_hung_calls_never_keep_a_recovered_far_side_shut,
)
def hung_calls_are_never_cut(crowded_out, calls):
    """Calls that hang may fill all the room there is."""


@mutation(InFlightLimit, "narrow", killed_by=clock.test_the_first_call_after_closing_goes_alone)
def the_limit_is_not_reset(narrow, limit, now):
    """A circuit that has just closed lets everybody in at once."""


@mutation(
    InFlightLimit, "congested", killed_by=clock.test_a_limit_that_falls_below_what_is_in_flight
)
def the_limit_does_not_fall(congested, limit, now):
    """A far side that asks for less gets as much as before."""


# -- answers


@mutation(Tasks, "_make_call", killed_by=core.test_an_answer_on_its_way_while_the_deadline_passes)
async def cancel_called_is_believed(make_call, tasks, call_id, question, scope):
    """A call whose time is up has no answer, although it has it in hand."""
    progress = Progress(call_id, scope, tasks._post)
    end = None
    with scope:
        end = Finished(call_id, await tasks._call(question, progress))
        if trio.current_time() >= scope.deadline:
            end = None
    tasks._post(Stopped(call_id) if end is None else end)


@mutation(
    Circuit, "_receive_until_over", killed_by=core.test_an_answer_in_the_instant_of_the_deadline
)
async def deadlines_come_before_the_mailbox(receive, circuit):
    """The clock has its say although there are messages to be read."""
    handler = circuit._handler
    while not handler.over:
        if trio.current_time() >= handler.wake_at():
            handler.tick(circuit._tasks, trio.current_time())
        elif (message := circuit._next_unread()) is not None:
            circuit._take(message)
        else:
            circuit._publish_and_answer()
            with trio.CancelScope(deadline=handler.wake_at()):
                circuit._take(await circuit._inbox.receive())
    circuit._publish_and_answer()


@mutation(Handler, "handle", killed_by=core.test_a_cut_in_the_instant_of_an_answer)
def cuts_come_before_the_mailbox(handle, handler, message, effects, now):
    """An order to cut is carried out although there are answers to be read."""
    handle(handler, message, effects, now)
    if isinstance(message, Cut):
        handler._cut()


@mutation(Progress, "commit", killed_by=core.test_an_answer_in_the_instant_of_the_deadline)
def committed_calls_are_cancelled(commit, progress):
    """The asker's deadline ends a call that has taken effect."""
    deadline = progress._scope.deadline
    commit(progress)
    progress._scope.deadline = deadline


@mutation(Handler, "_over", killed_by=core.test_a_call_that_commits_while_its_deadline_passes)
def the_end_of_a_committed_call_is_not_told(over, handler, message, now):
    """Who is told that a call goes on never hears of it again."""
    call = handler._calls.get(message.call_id)
    committed = call is not None and call.committed_at is not None
    if committed and isinstance(message, Stopped) and not call.answered:
        handler._reply(call, Unanswered(call.cause, committed=True), now)
        handler._calls.remove(call)
    else:
        over(handler, message, now)


@mutation(Handler, "_reply", killed_by=core.test_an_answer_in_the_instant_of_the_deadline)
def questions_are_answered_twice(reply, handler, call, answer, now):
    """Who was told that time is up gets the late answer, too."""
    call.ask.slot.decided = False
    handler.outbox.reply(call.ask, answer)


@mutation(Evidence, "_learn", killed_by=clock.test_a_call_is_judged_once)
def calls_are_judged_twice(learn, evidence, call, verdict, now):
    """A time-out counts, and so does what the call turns out to be."""
    call.judged = False
    learn(evidence, call, verdict, now)


@mutation(Handler, "_asked", killed_by=core.test_a_question_whose_asker_has_left_is_not_put)
def questions_of_the_gone_are_put(asked, handler, ask, effects, now):
    """A call is made for somebody who left before it began."""
    ask.slot.abandoned = False
    asked(handler, ask, effects, now)


@mutation(Circuit, "_publish_and_answer", killed_by=core.test_three_questions_as_a_probe_is_due)
def answers_come_before_the_snapshot(publish_and_answer, circuit):
    """The snapshot that tells of an answer is published with the next message."""
    circuit._publish()
    circuit._handler.outbox.count()
    circuit._handler.outbox.deliver(circuit.snapshot, trio.current_time())


# -- leaving


@mutation(Circuit, "ask", killed_by=core.test_a_drain_with_a_call_and_a_probe_under_way)
async def there_is_an_await_at_the_door(ask, circuit, question, *, deadline):
    """Between the look at the actor and the mailbox, the actor may leave."""
    if circuit._refusal_at_the_door() is not None:
        return await ask(circuit, question, deadline=deadline)
    await trio.lowlevel.checkpoint()
    put = Ask(question, deadline, trio.current_time(), ReplySlot())
    circuit._post(put)
    return await put.slot.wait()


@mutation(
    Circuit,
    "_refusal_at_the_door",
    killed_by=core.test_a_drain_with_a_call_and_a_probe_under_way,
)
def the_door_stays_open(refusal_at_the_door, circuit):
    """An actor that is gone takes questions."""


@mutation(Circuit, "_unread", killed_by=core.test_a_drain_with_a_call_and_a_probe_under_way)
def the_mailbox_is_left_unanswered(unread, circuit):
    """Who is in the mailbox when the actor leaves is forgotten."""
    return []


@mutation(Circuit, "_order", killed_by=orders.test_an_operator_is_answered_while_the_actor_leaves)
async def orders_to_the_gone_are_taken(order, circuit, message, slot):
    """An operator waits for an actor that will never run again."""
    circuit._post(message)
    return await slot.wait()


@mutation(Circuit, "changed", killed_by=orders.test_a_watcher_sees_the_end)
async def watchers_miss_the_bell(changed, circuit, version):
    """A watcher looks, and only then picks the event that it will wait for."""
    while circuit.snapshot.version <= version:
        await trio.lowlevel.checkpoint()
        await circuit._changed.wait()
    return circuit.snapshot


# -- crashes


@mutation(Handler, "leave", killed_by=core.test_a_crash_with_running_and_unread_questions)
def unread_commits_are_overlooked(leave, handler, left, because, now):
    """A call whose commit nobody has read is told as never done."""
    leave(handler, [one for one in left if not isinstance(one, Committed)], because, now)


@mutation(Handler, "leave", killed_by=core.test_the_end_of_a_call_of_an_earlier_life)
def unread_ends_are_overlooked(leave, handler, left, because, now):
    """An answer that nobody has read dies with the actor."""
    ends = Finished | Stopped | Failed
    leave(handler, [one for one in left if not isinstance(one, ends)], because, now)


@mutation(Handler, "leave", killed_by=core.test_a_crash_with_running_and_unread_questions)
def running_askers_are_forgotten(leave, handler, left, because, now):
    """A crash ends the calls, and their askers wait."""
    handler._calls = CallBook(handler._config.max_in_flight)
    leave(handler, left, because, now)


@mutation(Handler, "crash", killed_by=core.test_a_crash_with_running_and_unread_questions)
def a_crash_leaves_the_circuit_closed(crash, handler, now):
    """The next life goes on as if nothing had been."""


@mutation(Breaker, "crash", killed_by=orders.test_a_hold_survives_a_crash_at_any_moment)
def a_crash_ends_a_hold(crash, breaker, now):
    """A bug undoes an operator's order."""
    breaker.release(now)
    crash(breaker, now)
