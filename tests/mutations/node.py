"""The safeguards of a whole node, each switched off.

A mutation gets the sound function first. ``killed_by`` is the situation of
``tests/smsp/test_schedules.py`` that has to fail with it.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import trio

import smsp.sending.dispatcher
import smsp.sending.steps
from smsp.mail.outcome import Unknown
from smsp.sending.ledger import InProgress, Ledger
from tests.kit.mutations import mutation
from tests.smsp import test_schedules as requests


@mutation(smsp.sending.dispatcher, "trio", killed_by=requests.test_a_hang_up_anywhere)
def a_hang_up_ends_a_send(sound):
    """Nothing shields a send that has begun from its caller's leaving."""
    return SimpleNamespace(
        **{**vars(sound), "CancelScope": lambda **_shield: trio.CancelScope()},
    )


@mutation(
    smsp.sending.steps,
    "may_go_on",
    killed_by=requests.test_nobody_else_is_asked_after_an_unknown,
)
def a_doubt_goes_to_the_next(may_go_on, result, failover):
    """The next provider is called although the last one may have taken the message."""
    return isinstance(result, Unknown) or may_go_on(result, failover)


@mutation(Ledger, "begin", killed_by=requests.test_a_hang_up_anywhere)
def keys_in_progress_are_free(begin, ledger, claim, now):
    """A message with the key of one under way is sent, too."""
    beginning = begin(ledger, claim, now)
    if isinstance(beginning, InProgress):
        return begin(ledger, replace(claim, key=None), now)
    return beginning


@mutation(Ledger, "end", killed_by=requests.test_an_answer_in_hand_is_never_a_504)
def late_outcomes_that_overtake_are_lost(end, ledger, message, done, now):
    """An outcome that comes before the message has its answer is forgotten."""
    ledger._records[message] = replace(ledger._records[message], late=())
    return end(ledger, message, done, now)


@mutation(Ledger, "observe", killed_by=requests.test_an_answer_in_hand_is_never_a_504)
def late_outcomes_are_not_heard(observe, ledger, notice, now):
    """What a call turns out to be after its caller was answered reaches nobody."""
