"""One word for all circuits of a node, and who else has a list of their states."""

from __future__ import annotations

import re
from itertools import combinations_with_replacement
from typing import get_args

import pytest

from actors import SHOWN_STATES, State
from smsp.cli import status_table
from smsp.cli.status import _STYLES as STYLES_OF_STATUS
from smsp.sending.circuits_status import CircuitsStatus, NodeStatus, status_of
from smsp.telemetry import log
from smsp.web.assets import STATIC

TAKING = {"closed", "held_closed"}
WORDS_JS = (STATIC / "dashboard" / "words.js").read_text("utf-8")


def by_the_contract(states):
    """All circuits take mail, some, or none."""
    taking = [state for state in states if state in ("closed", "held_closed")]
    if not taking:
        return "down"
    return "ok" if len(taking) == len(states) else "degraded"


@pytest.mark.parametrize("providers", range(4))
def test_one_word_for_all_circuits(providers):
    """Whatever they are in."""
    for states in combinations_with_replacement(SHOWN_STATES, providers):
        assert status_of(states) == by_the_contract(states), states


def test_a_word_of_another_version_takes_no_mail():
    """``smsp status`` may look at a node that knows more states than this one."""
    assert status_of(["closed", "half_open"]) == "degraded"
    assert status_of(["half_open"]) == "down"


def test_probing_is_shown_as_open():
    """And nothing else is called by another name."""
    assert {state: state.shown for state in State if state.shown is not state} == {
        State.PROBING: State.OPEN
    }
    assert set(SHOWN_STATES) == set(State) - {State.PROBING}


def test_each_state_has_its_event_in_the_log_and_its_style_in_the_terminal():
    """Neither knows more, nor fewer."""
    assert set(log._MOVES) == set(status_table._STYLES) == set(SHOWN_STATES)


def test_each_status_has_its_style_in_the_terminal():
    """Also of a node that is stopping."""
    assert set(STYLES_OF_STATUS) == set(get_args(NodeStatus))


def test_the_dashboard_has_words_for_each_state():
    """A name and a meaning; and it takes those to take mail that do."""
    table = re.search(r"const STATES = \{(.*?)\n\};", WORDS_JS, re.DOTALL)
    rows = dict(re.findall(r'^  (\w+): \["[^"]+", "([^"]+)"\],$', table[1], re.MULTILINE))
    assert list(rows) == list(SHOWN_STATES)
    assert {name for name, meaning in rows.items() if meaning.startswith("Takes mail")} == TAKING
    rule = re.search(r"export const takesMail = (.*);", WORDS_JS)
    assert set(re.findall(r'"(\w+)"', rule[1])) == TAKING
    rule_of_all = re.search(r"export function statusOf.*?\n}", WORDS_JS, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', rule_of_all[0])) == set(get_args(CircuitsStatus))


def test_the_dashboard_speaks_of_no_other_state():
    """In none of its scripts; ``auto`` is an order."""
    for script in (STATIC / "dashboard").glob("*.js"):
        compared = set(re.findall(r'\bstate [!=]== "(\w+)"', script.read_text("utf-8")))
        assert compared <= {*SHOWN_STATES, "auto"}, script.name
